"""Tables as people have them: CSV files of any separator and encoding, spreadsheets, and the values of their cells."""

from collections.abc import Iterator, Sequence

from mintmark._errors import InvalidRequest
from mintmark._requests import read_file
from mintmark._tables.base import ERROR_COLUMN, PHOTO_COLUMN, Table, TableRow
from mintmark._tables.bounded import read_bounded
from mintmark._tables.cells import decimal, denomination, optional_value
from mintmark._tables.sheet import is_sheet, read_sheet
from mintmark._tables.text import read_text

__all__ = [
    "ERROR_COLUMN",
    "PHOTO_COLUMN",
    "Table",
    "TableRow",
    "decimal",
    "denomination",
    "open_table",
    "optional_value",
    "parse_table",
    "read_rows",
]


def open_table(path: str, names: Sequence[str] = (), *, strip: bool = True) -> Table:
    """The table in a CSV file or in the first sheet of a spreadsheet.

    `names`: columns that are known by these names, however people write them: 'Mint mark' is `mint_mark`. `strip` drops
    space around cells. InvalidRequest if the file cannot be read as a table.
    """
    try:
        data = read_file(path)
    except OSError as error:
        raise InvalidRequest(f"cannot open {path}: {error.strerror or error}") from error
    grid = read_bounded(path, data) if is_sheet(path, data) else read_text(path, data, names)
    return Table.of(path, grid, names, strip=strip)


def parse_table(path: str, data: bytes, names: Sequence[str] = (), *, strip: bool = True) -> Table:
    """As `open_table`, from the bytes of the file; `path` is its name. Who calls it bounds memory and time."""
    grid = read_sheet(path, data) if is_sheet(path, data) else read_text(path, data, names)
    return Table.of(path, grid, names, strip=strip)


def read_rows(
    path: str, required: Sequence[str], optional: Sequence[str] = (), *, strip: bool = True
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table, each with the number of its last line; missing cells are ''.

    InvalidRequest if the file cannot be read, if it lacks a required column, or if a row is wrong.
    """
    table = open_table(path, (*required, *optional), strip=strip)
    table.require(required)
    for row in table.rows():
        if row.error:
            raise InvalidRequest(f"{path}:{row.line}: {row.error}")
        yield row.line, row.cells
