"""What may reach a terminal, a pipe or a file: nothing that commands it, and no letter that its encoding lacks.

Names come from catalogs and from disks, and a name may hold anything.
"""

import codecs
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO

_ESCAPED = "mintmark.escaped"  # Python's name for the treatment of letters that an encoding lacks

# Control characters but for the end of a line, what turns the direction of writing, and two more ends of lines.
_COMMANDS = (*range(0x00, 0x0A), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
_COMMANDS += (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SAFE = {code: f"\\u{code:04x}" for code in _COMMANDS}  # as JSON writes them, so JSON stays JSON
_ON_A_LINE = _SAFE | {0x0A: "\\n"}


def one_line(text: str) -> str:
    """The text with its ends of lines written out."""
    return text.translate(_ON_A_LINE)


@contextmanager
def guarded() -> Iterator[None]:
    """Whatever is printed meanwhile is safe to print."""
    with redirect_stdout(Guarded(sys.stdout)), redirect_stderr(Guarded(sys.stderr)):  # type: ignore[type-var]
        yield


class Guarded:
    """A text stream that writes out commands, and letters that its encoding lacks, as JSON escapes them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        safe = text.translate(_SAFE)
        self._stream.write(safe.encode(encoding, _ESCAPED).decode(encoding))
        return len(text)

    def command(self, text: str) -> None:
        """Write a text of this program's own that commands the terminal."""
        self._stream.write(text)


def command(text: str, stream: TextIO | None = None) -> None:
    """Write a command to the terminal of a stream (stderr)."""
    stream = stream or sys.stderr
    write = stream.command if isinstance(stream, Guarded) else stream.write
    write(text)


def _escape(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    codes = (int.from_bytes(units[place : place + 2], "big") for place in range(0, len(units), 2))
    return "".join(f"\\u{code:04x}" for code in codes), error.end


codecs.register_error(_ESCAPED, _escape)
