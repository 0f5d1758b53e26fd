"""CSV files with a header, as people write them."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from mintmark._contract import WHOLE_NUMBERS
from mintmark._errors import InvalidRequest
from mintmark._requests import read_file, whole_number


def read_rows(path: str, required: Sequence[str], *, strip: bool = True) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a UTF-8 CSV file, each with the number of its last line.

    Missing cells are ''. `strip` drops space around cells. InvalidRequest if the file cannot be read or lacks a
    required column.
    """
    try:
        with io.StringIO(read_file(path).decode("utf-8-sig"), newline="") as file:
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
    """The value of an entry's optional field from its cell: a text or a whole number, None if the cell is empty."""
    if not text:
        return None
    if name not in WHOLE_NUMBERS:
        return text
    try:
        return whole_number(text)
    except ValueError as error:
        raise InvalidRequest(f"the {name} is {error}") from error
