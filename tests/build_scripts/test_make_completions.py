"""The committed completions are those of the command line as it is."""

from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def make_completions(script: Callable[[str], ModuleType]) -> ModuleType:
    """The script as a module."""
    return script("make_completions")


def test_the_committed_scripts_are_current(make_completions: ModuleType) -> None:
    made = make_completions.completions()
    stale = [name for name, text in made.items() if (make_completions.OUT / name).read_text(encoding="utf-8") != text]
    assert stale == [], "run: python build/make_completions.py"
    assert {path.name for path in make_completions.OUT.iterdir()} == set(made)
