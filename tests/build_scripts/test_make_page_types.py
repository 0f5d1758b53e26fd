"""The committed types of the page are those of the gateway's answers as they are."""

from collections.abc import Callable
from types import ModuleType


def test_the_committed_types_are_current(script: Callable[[str], ModuleType]) -> None:
    make_page_types = script("make_page_types")
    text = make_page_types.types()
    assert make_page_types.OUT.read_text(encoding="utf-8") == text, "run: python build/make_page_types.py"
    assert "export interface Match {\n  entry: Entry;\n  score: number;" in text
    assert "  matches: [Match | null, Match | null];" in text
