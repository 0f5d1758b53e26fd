"""A table: its header, its rows, and what is wrong with a row."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from mintmark._errors import InvalidRequest

ERROR_COLUMN = "enrolment_error"  # why a row could not be enrolled; ignored when the table is given again
PHOTO_COLUMN = "photo_sha256"  # of an export: what the catalog knows the photo by


@dataclass(frozen=True)
class GridRow:
    """Cells as the file has them, and the number of their last line. `error`: why the line is no row."""

    line: int
    cells: tuple[str, ...]
    error: str = ""


@dataclass(frozen=True)
class Grid:
    """What a file holds before its first row is taken for the header.

    `rows` can be read once. `notes`: what to tell people about the file. `separator`: for a CSV file of the same cells.
    """

    rows: Iterator[GridRow]
    notes: tuple[str, ...] = ()
    separator: str = ","


@dataclass(frozen=True)
class TableRow:
    """A row: the number of its last line, its cells as they are, and those with a value or a column, by column.

    `error`: why it cannot be used; '' if it can.
    """

    line: int
    raw: tuple[str, ...]
    cells: dict[str, str]
    error: str = ""


@dataclass(frozen=True)
class Table:
    """A table. `header`: as it is. `columns`: the names by which rows have their cells; '' for a column without one."""

    path: str
    header: tuple[str, ...]
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    separator: str
    _rows: Iterator[GridRow]
    _strip: bool

    @classmethod
    def of(cls, path: str, grid: Grid, names: Sequence[str], *, strip: bool) -> "Table":
        """The table whose header is the first row that is not empty. InvalidRequest if there is none."""
        header = next((row for row in grid.rows if any(cell.strip() for cell in row.cells)), None)
        if header is None:
            raise InvalidRequest(f"{path} is empty: its first line must name the columns")
        columns = tuple(canonical(name, names) for name in header.cells)
        named = [name for name in columns if name]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise InvalidRequest(f"{path} has two columns called {', '.join(twice)}")
        return cls(path, header.cells, columns, grid.notes, grid.separator, grid.rows, strip)

    def require(self, names: Sequence[str]) -> None:
        """Raise InvalidRequest if the table lacks a column."""
        if missing := [name for name in names if name not in self.columns]:
            there = ", ".join(filter(None, self.columns))
            raise InvalidRequest(f"{self.path} lacks the column {', '.join(missing)}; it has {there}")

    def rows(self) -> Iterator[TableRow]:
        """The rows that are not empty, once."""
        for row in self._rows:
            if row.error or any(cell.strip() for cell in row.cells):
                yield self._row(row)

    def _row(self, row: GridRow) -> TableRow:
        cells = dict.fromkeys(filter(None, self.columns), "")
        error = row.error
        for number, (name, cell) in enumerate(zip_longest(self.columns, row.cells, fillvalue=""), 1):
            if name:
                cells[name] = cell.strip() if self._strip else cell
            elif cell.strip() and not error:
                error = f"a value in column {number}, which has no name: {cell.strip()[:40]!r}"
                if number > len(self.columns):
                    ours = self.columns.count(ERROR_COLUMN)
                    many = f"{len(row.cells) - ours} cells, but {len(self.columns) - ours} columns"
                    error = f"{many}: quote a cell that has a separator in it"
        cells.pop(ERROR_COLUMN, None)
        return TableRow(row.line, row.cells, cells, error)


def canonical(name: str, names: Sequence[str]) -> str:
    """The one of `names` that a header means, whatever its case, spaces and hyphens; else the header itself."""
    plain = re.sub(r"[\s_-]+", "_", name.strip().casefold())
    return plain if plain in (*names, ERROR_COLUMN) else name.strip()
