"""What people read: text in ASCII, tables, the progress bar."""

import io
import sys

import pytest

from mintmark._cli.output import Progress, align
from mintmark._pictures.canvas import ascii_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 Złotych, Österreich", "5 Zlotych, Osterreich"),
        ("2 € \N{EN DASH} Straße", "2 EUR - Strasse"),
        ("Σέντ Ελλάς", "Sent Ellas"),
        ("Щёлково йод", "Shchelkovo iod"),
        ("½ Þ", "1/2 Th"),
        ("한국 100원", "?? 100?"),
        ("plain ~ ASCII", "plain ~ ASCII"),
    ],
)
def test_ascii_text(text: str, expected: str) -> None:
    """Names stay readable in OpenCV's fonts."""
    assert ascii_text(text) == expected


def test_align() -> None:
    """A wide character takes two columns of a terminal. Lines end without spaces."""
    assert align([["원", "1", "x"], ["abc", "22", ""]], frozenset({1})) == ["원    1  x", "abc  22"]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Always true."""
        return True


def test_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows a bar and the time left, notes on lines of their own, and a last line."""
    monkeypatch.setattr(sys, "stderr", stream := Terminal())
    with Progress("enrolled", 2) as progress:
        progress.advance()
        progress.note("a note")
        progress.advance()
    written = stream.getvalue()
    assert "[###############...............] 1/2 0:00 left" in written
    assert "\x1b[Ka note\n" in written
    assert written.endswith("\x1b[Kenrolled: 2 of 2 in 0:00\n")
