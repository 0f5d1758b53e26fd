"""A table of photos as a source: one of one's own, or an export of a Numista collection with photos beside it."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mintmark._contract import PHOTO_ENDINGS, SIDE
from mintmark._enrolment.numista import is_numista, translated
from mintmark._enrolment.row import COLUMNS, ENTRY, NEEDED, PATH, Row
from mintmark._errors import InvalidPhoto
from mintmark._requests import read_photo
from mintmark._tables import Table, TableRow, open_table

_NUMBERED = re.compile(r"(\d+)[-_ ]+(\w+)")  # such as 1340-obverse


def is_of_numista(table: Table) -> bool:
    """Whether a table is an export of Numista. InvalidRequest if it is none, and lacks a column."""
    if is_numista(table.columns):
        return True
    table.require((PATH, *([SIDE] if ENTRY in table.columns else NEEDED)))
    return False


class TableSource:
    """The rows of a table; see Source. Paths start at `photos`, or else at the table.

    In an export of Numista, a row without a path has the photos `N-SIDE.*` of that folder, N being its number there.
    InvalidRequest if the file is no table, or lacks a column.
    """

    def __init__(self, path: str, photos: Path | None = None) -> None:
        self.path = path
        table = open_table(path, COLUMNS)
        self._folder = photos or Path(path).parent
        self._numista = is_of_numista(table)
        self._by_number: dict[str, list[tuple[Path, str]]] | None = None  # photos of Numista's coins
        self.header: Sequence[str] = table.header
        self.separator = table.separator
        self.notes: Sequence[str] = table.notes
        self.rows: Sequence[Row] = [side for row in self._rows(table) for side in row.sides()]

    def _rows(self, table: Table) -> Iterator[Row]:
        for row in table.rows():
            place = f"{self.path}:{row.line}"
            if not self._numista:
                yield self._row(place, row, row.cells)
                continue
            number, cells = translated(row.cells)
            if cells.get(PATH) or row.error:
                yield self._row(place, row, cells)
            elif found := self._photos_of(number):
                for path, side in found:
                    yield self._row(place, row, {**cells, PATH: path.name, SIDE: side})
            else:
                looked = (
                    f"no photo {number}-obverse.* or {number}-reverse.* in {self._folder}" if number else "no number"
                )
                yield Row(place, cells, row.raw, lambda: b"", error=f"{looked}: name them so, or fill a column path")

    def _row(self, place: str, row: TableRow, cells: Mapping[str, str]) -> Row:
        path = cells.get(PATH, "")
        return Row(place, cells, row.raw, lambda: self._read(path), error=row.error)

    def _read(self, path: str) -> bytes:
        if not path:
            raise InvalidPhoto(f"no {PATH}")
        # Names that a Mac wrote are decomposed, and Windows separates folders by backslashes.
        spellings = [path, path.replace("\\", "/"), *(unicodedata.normalize(form, path) for form in ("NFC", "NFD"))]
        there = (spelling for spelling in spellings if "\0" not in path and (self._folder / spelling).exists())
        return read_photo(self._folder / next(there, path))

    def _photos_of(self, number: str) -> list[tuple[Path, str]]:
        """The photos of a coin of Numista, each with the side that its name says."""
        if self._by_number is None:
            self._by_number = {}
            for path in sorted(self._folder.iterdir()):
                named = _NUMBERED.fullmatch(path.stem)
                if named and path.suffix.lower() in PHOTO_ENDINGS:
                    self._by_number.setdefault(named[1], []).append((path, named[2]))
        return self._by_number.get(number, [])
