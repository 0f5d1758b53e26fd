"""Tables in and out: CSV files with a header, and aligned columns for people."""

import csv
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from mintmark._contract import WHOLE_NUMBERS
from mintmark._errors import InvalidRequest


def read_rows(path: str, required: Sequence[str], *, strip: bool = True) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a UTF-8 CSV file, each with the number of the line that it ends on.

    Missing cells are ''; space around a cell is dropped if `strip`. InvalidRequest if the file cannot be read or lacks
    a required column.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            missing = [column for column in required if column not in (reader.fieldnames or ())]
            if missing:
                raise InvalidRequest(f"{path} lacks the column {', '.join(missing)}")
            for row in reader:
                cells = {key: value for key, value in row.items() if isinstance(value, str)}
                yield reader.line_num, {key: value.strip() for key, value in cells.items()} if strip else cells
    except OSError as error:
        raise InvalidRequest(f"cannot open {path}: {error.strerror or error}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} is not a CSV file in UTF-8: {error}") from error


def optional_value(name: str, text: str) -> Any:
    """What a cell says of an optional field of an entry: a text or a whole number; None where it is empty."""
    if not text:
        return None
    if name not in WHOLE_NUMBERS:
        return text
    if not text.removeprefix("-").isdecimal():
        raise InvalidRequest(f"the {name} is {text!r}, no whole number")
    return int(text)


def align(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """One line for each row, columns two spaces apart; the columns numbered in `right` end flush."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_pad(cell, widths[n], n in right) for n, cell in enumerate(row)).rstrip() for row in rows]


def _pad(cell: str, width: int, right: bool) -> str:
    space = " " * (width - _width(cell))
    return space + cell if right else cell + space


def _width(text: str) -> int:
    """Columns of a terminal that the text takes: East Asian characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )
