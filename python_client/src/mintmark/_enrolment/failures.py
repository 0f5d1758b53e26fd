"""The rows that failed, as a table that can be mended and given again as it is."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from mintmark._enrolment.row import COLUMNS, PATH, Row, Source
from mintmark._errors import MintmarkError
from mintmark._tables import ERROR_COLUMN
from mintmark._tables.base import canonical

_SUFFIXES = {b"\xff\xd8": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp"}  # by how files begin, for people's programs


class FailedRows:
    """A CSV file in UTF-8, with the header of its source after the column that says why; made when a row fails.

    Photos that lie inside the source are written beside it. `moved`: paths no longer start at the table, and become
    absolute.
    """

    def __init__(self, path: Path, source: Source, *, moved: bool) -> None:
        self.path = path
        self._source = source
        columns = [canonical(name, COLUMNS) for name in source.header]
        self._path_at = columns.index(PATH) if PATH in columns else -1
        self._error_at = columns.index(ERROR_COLUMN) if ERROR_COLUMN in columns else -1
        self._moved = moved
        self._there = set(map(tuple, self._rows_before()))

    def add(self, row: Row, error: str) -> None:
        """Write a row, unless it is there: an earlier run wrote it, or it is of the other half of a photo."""
        cells = self._without_error(self._cells(row))
        if tuple(cells) in self._there:
            return
        new = not self.path.exists()
        with self.path.open(
            "a", newline="", encoding="utf-8-sig" if new else "utf-8", errors="surrogateescape"
        ) as file:
            writer = csv.writer(file, delimiter=self._source.separator)
            if new:
                writer.writerow([ERROR_COLUMN, *self._without_error(self._source.header)])
            writer.writerow([_writable(error), *cells])
        self._there.add(tuple(cells))

    def _rows_before(self) -> list[list[str]]:
        """The rows that an earlier run wrote, without the reasons."""
        try:
            with self.path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
                return [cells[1:] for cells in csv.reader(file, delimiter=self._source.separator)][1:]
        except (OSError, csv.Error):
            return []

    def _cells(self, row: Row) -> list[str]:
        cells = list(row.raw)
        if row.file:
            cells[self._path_at] = self._extracted(row)
        elif self._moved and self._path_at >= 0 and len(cells) > self._path_at and cells[self._path_at].strip():
            cells[self._path_at] = os.path.abspath(Path(self._source.path).parent / cells[self._path_at].strip())
        return [_writable(cell) for cell in cells]

    def _without_error(self, cells: Sequence[str]) -> list[str]:
        return [cell for place, cell in enumerate(cells) if place != self._error_at]

    def _extracted(self, row: Row) -> str:
        """Path, from the table, of the photo that a row had inside its source; '' if there is none."""
        folder = self.path.with_name(f"{self.path.stem}-photos")
        try:
            data = row.read()
        except MintmarkError:
            return ""
        folder.mkdir(exist_ok=True)
        name = row.file + next((suffix for magic, suffix in _SUFFIXES.items() if data.startswith(magic)), "")
        (folder / name).write_bytes(data)
        return f"{folder.name}/{name}"


def _writable(cell: str) -> str:
    """A cell without NUL, which CSV files of Python 3.10 cannot hold."""
    return cell.replace("\0", "\N{REPLACEMENT CHARACTER}")
