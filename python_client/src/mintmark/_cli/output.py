"""What the commands print: tables, JSON, complaints and a progress bar."""

import json
import sys
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any

from mintmark._cli.colour import bold, like, say
from mintmark._cli.terminal import command, one_line
from mintmark._contract import OPTIONAL, REQUIRED
from mintmark._types import Entry

INTERRUPTED = 130  # exit code after Ctrl-C, as shells have it
ENTRY_COLUMNS = (*REQUIRED, *OPTIONAL, "id")

_WIDTH = 30  # characters of the progress bar itself
_LONGEST = 48  # columns of a cell in a table


def print_json(value: Any) -> None:
    """Print one JSON value; dataclasses become objects."""
    print(json.dumps(value, default=asdict, ensure_ascii=False, indent=2))


def print_json_array(values: Iterable[Any]) -> None:
    """Print a JSON array item by item: there may be millions."""
    with JsonArray() as array:
        for value in values:
            array.add(value)


class JsonArray:
    """A JSON array on stdout, item by item; it is closed, and valid, whatever stops the work."""

    def __init__(self) -> None:
        self._separator = ""

    def __enter__(self) -> "JsonArray":
        print("[", end="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        print("\n]")

    def add(self, value: Any, *, now: bool = False) -> None:
        """Print an item; dataclasses become objects. `now`: whoever reads has it at once."""
        text = json.dumps(value, default=asdict, ensure_ascii=False, indent=2).replace("\n", "\n  ")
        print(f"{self._separator}\n  {text}", end="", flush=now)  # in one piece, or not at all
        self._separator = ","


def json_line(value: Any) -> str:
    """A JSON value on one line; dataclasses become objects."""
    return json.dumps(value, default=asdict, ensure_ascii=False)


def print_table(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset(), indent: str = "") -> None:
    """Print aligned columns, see `align`; painted cells keep their colours."""
    for line in _aligned(rows, right):
        say(indent, *line)


def align(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """One line for each row, columns two spaces apart; the columns numbered in `right` are aligned to the right.

    Cells are cut where they are longer than people read, but for those of the last column, which nothing follows.
    """
    return ["".join(line) for line in _aligned(rows, right)]


def _aligned(rows: Sequence[Sequence[str]], right: frozenset[int]) -> Iterator[list[str]]:
    """The parts of each line: cells, and the spaces between them."""
    cut = [[*(like(cell, shortened(cell)) for cell in row[:-1]), like(row[-1], one_line(row[-1]))] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cut, strict=True)]
    for row in cut:
        line: list[str] = []
        for number, cell in enumerate(row):
            space = " " * (widths[number] - _width(cell))
            line += ["  " if line else "", space, cell] if number in right else ["  " if line else "", cell, space]
        while line and not line[-1].strip():
            line.pop()
        yield [*line[:-1], like(line[-1], line[-1].rstrip())] if line else line


def shortened(text: str) -> str:
    """The text on one line, cut where it takes more than _LONGEST columns."""
    text = one_line(text)
    while _width(text) > _LONGEST:
        text = f"{text[: min(len(text) - 2, _LONGEST)]}…"
    return text


def _width(text: str) -> int:
    """Columns of a terminal that the text takes: two for an East Asian character, none for a combining one."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def cells(entry: Entry) -> list[str]:
    """The entry's values in the order of ENTRY_COLUMNS."""
    values = (getattr(entry, column) for column in ENTRY_COLUMNS[1:])
    return [bold(entry.name), *("" if value is None else str(value) for value in values)]


def counted(number: int, noun: str) -> str:
    """A number of things: '1 view', '2 views'."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def complain(line: str) -> None:
    """Print one line on stderr about something that does not stop the command; `colour.error` makes it red."""
    say("mintmark: ", like(line, one_line(line)), file=sys.stderr)


class Progress:
    """A progress bar on stderr, with the time left. Without a terminal, only a first and a last line."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._started = time.monotonic()
        self._bar = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        if not self._bar:
            print(f"{self._what}: {self._total}", file=sys.stderr)
        self._show()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()
        print(
            f"{self._what}: {self._done} of {self._total} in {_clock(time.monotonic() - self._started)}",
            file=sys.stderr,
        )

    def advance(self, steps: int = 1) -> None:
        """Count `steps` more as done."""
        self._done += steps
        self._show()

    def expect(self, total: int) -> None:
        """Correct the number of all steps."""
        self._total = total
        self._show()

    def note(self, line: str) -> None:
        """Write a line to stderr without disturbing the bar."""
        self._clear()
        say(like(line, one_line(line)), file=sys.stderr)
        self._show()

    def result(self, line: str) -> None:
        """Write a line to stdout without disturbing the bar."""
        self._clear()
        print(line, flush=True)
        self._show()

    def _show(self) -> None:
        if not self._bar:
            return
        filled = _WIDTH * self._done // max(1, self._total)
        bar = "#" * filled + "." * (_WIDTH - filled)
        left = (time.monotonic() - self._started) / self._done * (self._total - self._done) if self._done else None
        ending = f"{_clock(left)} left" if left is not None else ""
        self._clear()
        print(f"{self._what} [{bar}] {self._done}/{self._total} {ending}", end="", file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._bar:
            command("\r\x1b[K")
            sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
