"""What people read: tables, the progress bar."""

import io
import sys

import pytest

from mintmark._cli.output import Progress, align


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
