"""Entries and their views in the database."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from catalog.entry import Entry
from catalog.folder.sqlite.connection import Connection
from catalog.listing import Listing
from ensemble.contract import METADATA_FILTER
from ensemble.entry import ENTRY_FIELDS, FIELDS, SIDE
from ensemble.errors import EntryError, EntryNotFoundError
from ensemble.parameters import Filters, folded, text_of

_COLUMNS = ("id", *(one.name for one in ENTRY_FIELDS), "metadata")
_SELECTED = ", ".join(("number", *_COLUMNS))
_MOST_VARIABLES = 500  # of one statement; old SQLite builds take 999
_CHUNK = 100_000  # rows
_MOST_VALUES = 20_000  # of a key of the metadata
_FAR = 2**62  # a whole number that SQLite takes and no entry has


class Entries:
    """Reads and writes entries and views. The caller wraps methods that write in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, entry_id: str) -> tuple[int, Entry] | None:
        """Number and fields of an entry; None if no entry has the id."""
        rows = self._connection.rows(f"SELECT {_SELECTED} FROM entries WHERE id = ?", (entry_id,))
        return (rows[0][0], _entry(rows[0])) if rows else None

    def get(self, entry_id: str) -> tuple[int, Entry]:
        """Number and fields of an entry. Raises EntryNotFoundError."""
        if (found := self.find(entry_id)) is None:
            raise EntryNotFoundError(f"no entry has the id {entry_id!r}")
        return found

    def create(self, entry: Entry) -> int:
        """Store a new entry, without views; returns its number."""
        number = self._connection.run(
            f"INSERT INTO entries ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})", _row(entry)
        ).lastrowid
        assert number is not None
        self._set_attributes(number, entry.metadata)
        return number

    def replace(self, number: int, entry: Entry) -> None:
        """Store other fields for an entry."""
        assignments = ", ".join(f"{column} = ?" for column in _COLUMNS)
        self._connection.run(f"UPDATE entries SET {assignments} WHERE number = ?", (*_row(entry), number))
        self._connection.run("DELETE FROM attributes WHERE entry = ?", (number,))
        self._set_attributes(number, entry.metadata)

    def _set_attributes(self, number: int, metadata: Mapping[str, object]) -> None:
        for key, value in metadata.items():
            if (text := text_of(value)) is not None:
                said = (number, key, folded(text))
                self._connection.run("INSERT INTO attributes (entry, key, value) VALUES (?, ?, ?)", said)

    def add_view(self, number: int, side: str, picture: bytes, photo: str) -> int:
        """Store a view of an entry, without an embedding; returns the view's number."""
        said = (number, side, photo or None)
        view = self._connection.run("INSERT INTO views (entry, side, photo) VALUES (?, ?, ?)", said).lastrowid
        assert view is not None
        if picture:
            self._connection.run("INSERT INTO pictures (view, jpeg) VALUES (?, ?)", (view, picture))
        return view

    def remove(self, number: int) -> None:
        """Remove an entry and everything that belongs to it."""
        self._connection.run("DELETE FROM entries WHERE number = ?", (number,))

    def view(self, view_id: str) -> tuple[int, int, str, str]:
        """Number of a view, number of its entry, its side and the SHA-256 of its photo. Raises EntryNotFoundError."""
        query = "SELECT number, entry, side, photo FROM views WHERE number = ?"
        try:
            rows = self._connection.rows(query, (cursor(view_id),))
        except EntryError:  # no view has an id like that
            rows = []
        if not rows:
            raise EntryNotFoundError(f"no photo has the id {view_id!r}")
        number, entry, side, photo = rows[0]
        return number, entry, side, photo or ""

    def picture(self, entry_id: str, view_id: str) -> bytes:
        """The picture of a view; see `Catalog.picture`."""
        number, _ = self.get(entry_id)
        if view_id:
            view, owner, *_ = self.view(view_id)
            if owner != number:
                raise EntryNotFoundError(f"entry {entry_id} has no photo {view_id!r}")
            return self._connection.value("SELECT jpeg FROM pictures WHERE view = ?", (view,)) or b""
        query = "SELECT jpeg FROM views JOIN pictures ON view = number WHERE entry = ? ORDER BY number LIMIT 1"
        return self._connection.value(query, (number,)) or b""

    def change_view(self, view: int, number: int, side: str) -> None:
        """Let a view belong to an entry, and show a side."""
        self._connection.run("UPDATE views SET entry = ?, side = ? WHERE number = ?", (number, side, view))

    def remove_view(self, view: int) -> None:
        """Remove a view and everything that belongs to it."""
        self._connection.run("DELETE FROM views WHERE number = ?", (view,))

    def views_of(self, number: int) -> list[int]:
        """Numbers of an entry's views."""
        return [row[0] for row in self._connection.rows("SELECT number FROM views WHERE entry = ?", (number,))]

    def page(self, after: tuple[str, int] | None, limit: int, listing: Listing) -> list[tuple[int, Entry]]:
        """Entries of a list that come after a key and a number, in its order."""
        condition, values = _listed(listing)
        comes, order = ("<", "DESC") if listing.descending else (">", "ASC")
        # The constant key of an unsorted list would keep SQLite from going through the numbers.
        columns = [f"sort_key({listing.sort}, {int(listing.descending)})"] if listing.sort else []
        columns.append("number")
        if after is not None:
            condition += f" AND ({', '.join(columns)}) {comes} ({', '.join('?' * len(columns))})"
            values += after[-len(columns) :]
        ordered = ", ".join(f"{column} {order}" for column in columns)
        query = f"SELECT {_SELECTED} FROM entries WHERE {condition} ORDER BY {ordered} LIMIT ?"
        return [(row[0], _entry(row)) for row in self._connection.rows(query, (*values, limit))]

    def owners(self, views: Sequence[int]) -> dict[int, tuple[int, str]]:
        """Number of the entry, and side, of each view that still exists."""
        query = "SELECT number, entry, side FROM views WHERE number IN ({})"
        return {row[0]: (row[1], row[2]) for row in self._among(query, views)}

    def numbered(self, numbers: Sequence[int]) -> dict[int, Entry]:
        """The entries with these numbers that still exist."""
        query = f"SELECT {_SELECTED} FROM entries WHERE number IN ({{}})"
        return {row[0]: _entry(row) for row in self._among(query, numbers)}

    def _among(self, query: str, values: Sequence[int]) -> list[Any]:
        rows: list[Any] = []
        for start in range(0, len(values), _MOST_VARIABLES):
            part = values[start : start + _MOST_VARIABLES]
            rows += self._connection.rows(query.format(",".join("?" * len(part))), list(part))
        return rows

    def matching(self, filters: Filters, first: int = 0, last: int = 2**63 - 1) -> np.ndarray:
        """Numbers of the views from `first` to `last` that pass filters, [N] int64, unordered."""
        # SQLite would start from the filters and go through all that pass. For few views it looks at each instead.
        few = last - first < _CHUNK
        condition, values = _condition(filters, few)
        query = (
            f"SELECT views.number FROM views {'CROSS ' if few else ''}JOIN entries ON entries.number = views.entry "
            f"WHERE {condition} AND views.number BETWEEN ? AND ?"
        )
        chunks = self._connection.chunks(query, (*values, first, last), _CHUNK)
        parts = [np.fromiter((row[0] for row in rows), np.int64, len(rows)) for rows in chunks]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def passing(self, filters: Filters) -> int:
        """How many views pass filters."""
        condition, values = _condition(filters, few=False)
        query = f"SELECT COUNT(*) FROM views JOIN entries ON entries.number = views.entry WHERE {condition}"
        return int(self._connection.value(query, values))

    def with_photo(self, photo: str) -> list[tuple[int, Entry, str]]:
        """Numbers and fields of the entries that have a photo, with the side that it shows."""
        if not photo:
            return []
        columns = ", ".join(f"entries.{column}" for column in ("number", *_COLUMNS))
        query = (
            f"SELECT side, {columns} FROM views JOIN entries ON entries.number = views.entry WHERE photo = ? "
            "ORDER BY views.number"
        )
        return [(row[1], _entry(row[1:]), row[0]) for row in self._connection.rows(query, (photo,))]

    def values(self, name: str) -> list[str]:
        """The values of a filter, as texts."""
        if name.startswith(METADATA_FILTER):
            return self._metadata_values(name.removeprefix(METADATA_FILTER))
        rows = self._connection.rows(f"SELECT DISTINCT {name} FROM {_table(name)} WHERE {name} IS NOT NULL")
        return [str(row[0]) for row in rows]

    def _metadata_values(self, key: str) -> list[str]:
        """The values of a key of the metadata as they were given: the attributes are folded."""
        rows = self._connection.rows(
            "SELECT metadata FROM entries WHERE number IN "
            "(SELECT MIN(entry) FROM attributes WHERE key = ? GROUP BY value LIMIT ?)",
            (key, _MOST_VALUES),
        )
        return [text for row in rows if (text := text_of(json.loads(row[0]).get(key))) is not None]

    def counts(self) -> tuple[int, int]:
        """Entries and views."""
        count = self._connection.value
        return count("SELECT COUNT(*) FROM entries"), count("SELECT COUNT(*) FROM views")


def cursor(after: str) -> int:
    """The number that a page starts after. Raises EntryError for a text that no page gave."""
    if not after:
        return 0
    if not after.isascii() or not after.isdigit() or len(after) > 18:
        raise EntryError(f"after is {after!r}; it must be what the page before gave as 'next'")
    return int(after)


def _condition(filters: Filters, few: bool) -> tuple[str, list[Any]]:
    """A condition on views and entries, and its values. `few`: cheap for each of a few entries, else cheap for all.

    Texts of fields are folded, which only Python can do: of a few entries each one, of all each distinct text once.
    Metadata is stored folded.
    """
    having = (
        "EXISTS (SELECT 1 FROM attributes WHERE key = ? AND value = ? AND entry = entries.number)"
        if few
        else "entries.number IN (SELECT entry FROM attributes WHERE key = ? AND value = ?)"
    )
    conditions, values = ["1"], list[Any]()
    for name, value in filters.items():
        if name.startswith(METADATA_FILTER):
            conditions.append(having)
            values += [name.removeprefix(METADATA_FILTER), folded(value)]
        elif FIELDS[name].type is int:
            conditions.append(f"entries.{name} = ?")
            values.append(max(-_FAR, min(int(value), _FAR)))
        else:
            column = f"{_table(name)}.{name}"
            conditions.append(f"folded({column}) = ?" if few else f"{column} IN ({_spellings(name, _table(name))})")
            values.append(folded(value))
    return " AND ".join(conditions), values


def _listed(listing: Listing) -> tuple[str, list[Any]]:
    """The condition on the entries of a list, and its values."""
    condition, values = _condition(listing.of_entries, few=False)
    for word in listing.words:
        condition += " AND instr(folded(name), ?) > 0"
        values.append(word)
    if listing.side:
        condition += f" AND number IN (SELECT entry FROM views WHERE side IN ({_spellings(SIDE, _table(SIDE))}))"
        values.append(folded(listing.side))
    return condition, values


def _table(name: str) -> str:
    return "views" if name == SIDE else "entries"


def _spellings(column: str, table: str) -> str:
    """SQL of the distinct texts of a column that are the same when folded. LIMIT keeps SQLite from folding each row."""
    return f"SELECT text FROM (SELECT DISTINCT {column} AS text FROM {table} LIMIT -1) WHERE folded(text) = ?"


def _row(entry: Entry) -> tuple[Any, ...]:
    """The columns of an entry."""
    said = (getattr(entry, one.name) for one in ENTRY_FIELDS)
    return entry.id, *said, json.dumps(entry.metadata, ensure_ascii=False)


def _entry(row: Sequence[Any]) -> Entry:
    """The entry in a row of `_SELECTED`."""
    _, entry_id, *said, metadata = row
    values = dict(zip((one.name for one in ENTRY_FIELDS), said, strict=True))
    return Entry(**values, metadata=json.loads(metadata), id=entry_id)
