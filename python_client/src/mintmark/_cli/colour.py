"""Colours of what people read, where a terminal shows them. They are written beside the text, and never within it."""

import os
import sys
from typing import TextIO

from mintmark._cli.terminal import command

_END = "\x1b[0m"


class Painted(str):
    """A text that is shown in a colour or in bold; elsewhere it is text. `code`: of the terminal, as SGR counts."""

    code: str

    def __new__(cls, text: str, code: str) -> "Painted":
        """The text with its colour."""
        painted = super().__new__(cls, text)
        painted.code = code
        return painted


def bold(text: str) -> str:
    """A name."""
    return Painted(text, "1")


def known(text: str) -> str:
    """That a coin is in the catalog."""
    return Painted(text, "32")  # green


def unknown(text: str) -> str:
    """That it is not."""
    return Painted(text, "33")  # yellow


def error(text: str) -> str:
    """What went wrong."""
    return Painted(text, "31")  # red


def like(painted: str, text: str) -> str:
    """Another text in the colour of a painted one."""
    return Painted(text, painted.code) if isinstance(painted, Painted) else text


def say(*parts: str, file: TextIO | None = None) -> None:
    """Print a line of parts, each in its colour where the stream (stdout) is a terminal that shows colours."""
    stream = file or sys.stdout
    colours = _wanted(stream)
    for part in parts:
        if colours and isinstance(part, Painted) and part:
            try:
                command(f"\x1b[{part.code}m", stream)
                stream.write(str(part))
            finally:
                command(_END, stream)
        else:
            stream.write(str(part))
    stream.write("\n")


def _wanted(stream: TextIO) -> bool:
    """Whether people see colours there, and want them: see no-color.org."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
