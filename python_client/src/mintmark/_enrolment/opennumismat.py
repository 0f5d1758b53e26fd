"""An OpenNumismat collection as a source: a SQLite file, pictures included, of any version of its schema.

Its schema: github.com/OpenNumismat/open-numismat, OpenNumismat/Collection. Pictures were in the coins at first, then in
the table `images`, and are in `photos` since version 3. What the collection says of the coin is taken; what it says of
the owner's piece (price, grade, place) stays where it is.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from mintmark._contract import OPTIONAL, SIDE
from mintmark._enrolment.row import ENTRY, NEEDED, PATH, Row
from mintmark._errors import InvalidPhoto, InvalidRequest

MAGIC = b"SQLite format 3\0"

_FIELDS = {"title": "name", "country": "country", "unit": "currency", "value": "denomination", "year": "year"} | {
    "mintmark": "mint_mark"
}
_METADATA = (
    "period", "ruler", "region", "mint", "type", "series", "subjectshort", "material", "fineness", "weight", "diameter",
    "thickness", "shape", "edge", "variety", "catalognum1", "catalognum2", "catalognum3", "catalognum4",
)  # fmt: skip
_PICTURES = {"obverseimg": "obverse", "reverseimg": "reverse"}


class OpenNumismatSource:
    """The pictures of a collection, a row for each side of a coin; see Source. InvalidRequest if it is none.

    An entry's id is the file's name and the coin's number, such as 'my-coins-12'.
    """

    separator = ","

    def __init__(self, path: str) -> None:
        self.path = path
        self.header: Sequence[str] = (PATH, ENTRY, *NEEDED, *OPTIONAL, *_METADATA)
        self._lock = Lock()  # rows are read by several threads
        self._stem = re.sub(r"[^A-Za-z0-9]+", "-", Path(path).stem).strip("-")[:40] or "coin"
        try:
            self._file = sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
            self._file.row_factory = sqlite3.Row
            self._file.text_factory = lambda data: data.decode(errors="replace")
            self._tables = {row[0] for row in self._file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            self._columns = {row["name"] for row in self._file.execute("PRAGMA table_info(coins)")}
            if not {*_FIELDS, *_PICTURES} <= self._columns:
                raise InvalidRequest(f"{path} is no OpenNumismat collection: it has no table of coins with pictures")
            taken = [name for name in ("id", *_FIELDS, *_METADATA, *_PICTURES) if name in self._columns]
            coins = self._file.execute(f"SELECT {', '.join(taken)} FROM coins ORDER BY id").fetchall()
        except sqlite3.Error as error:
            raise InvalidRequest(f"{path} cannot be read as an OpenNumismat collection: {error}") from error
        bare = sum(not any(coin[name] for name in _PICTURES) for coin in coins)
        self.notes: Sequence[str] = (
            (f"{path}: {bare} of {len(coins)} coins have no picture of a side and are left out",) if bare else ()
        )
        self.rows: Sequence[Row] = list(self._rows(coins))

    def _rows(self, coins: list[sqlite3.Row]) -> Iterator[Row]:
        for coin in coins:
            said = {field: _text(coin[name]) for name, field in _FIELDS.items()}
            said["name"] = said["name"] or f"{said['denomination']} {said['currency']}".strip()
            said |= {name: _text(coin[name]) for name in _METADATA if name in self._columns}
            for name, side in _PICTURES.items():
                if coin[name]:
                    cells = {**said, ENTRY: f"{self._stem}-{coin['id']}", SIDE: side}
                    raw = tuple(cells.get(column, "") for column in self.header)
                    place = f"{self.path}: coin {coin['id']}, {side}"
                    file = f"{coin['id']}-{side}"
                    yield Row(place, {PATH: file, **cells}, raw, partial(self._picture, coin[name]), file)

    def _picture(self, where: Any) -> bytes:
        """The picture, or the one with this number."""
        if isinstance(where, bytes):
            return where
        table = "photos" if "photos" in self._tables else "images"
        try:
            with self._lock:
                row = self._file.execute(f"SELECT image FROM {table} WHERE id = ?", (where,)).fetchone()
        except sqlite3.Error as error:
            raise InvalidPhoto(f"the picture {where} of {self.path} cannot be read: {error}") from error
        if row is None or not isinstance(row[0], bytes) or not row[0]:
            raise InvalidPhoto(f"{self.path} has no picture {where}")
        return row[0]


def _text(value: Any) -> str:
    if value is None or isinstance(value, bytes):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
