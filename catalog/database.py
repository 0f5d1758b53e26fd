"""The truth: entries, views and the sequence of changes in one SQLite file.

Write-ahead log with full synchronization: a change is on disk when its transaction has committed, and readers in other
processes go on meanwhile. Ids of views and changes are never used twice.
"""

import json
import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from catalog.entry import Entry, EntryNotFoundError, View
from ensemble.contract import EMBEDDING_SIZE

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL, country TEXT NOT NULL, currency TEXT NOT NULL,
    denomination TEXT NOT NULL, side TEXT NOT NULL, year INTEGER,
    metadata TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS views (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    entry_id TEXT NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,
    embedding BLOB NOT NULL,
    picture BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS views_of_entry ON views (entry_id);
CREATE TABLE IF NOT EXISTS changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    view INTEGER NOT NULL,
    added INTEGER NOT NULL
);
PRAGMA user_version = 1;
"""
_VERSION = 1
_LOCK_TIMEOUT = 30.0  # s, to wait for other writers
_FIELDS = "id, name, country, currency, denomination, side, year, metadata"
_MOST_VARIABLES = 500  # of one statement; old SQLite builds take 999


@dataclass(frozen=True)
class Changes:
    """What happened to the searchable views since some point: removals, additions [N] and their embeddings [N, 64]."""

    sequence: int
    removed: np.ndarray
    added: np.ndarray
    embeddings: np.ndarray


class Database:
    """One connection; not to be shared between threads.

    Args:
        path: the SQLite file; made with its folder where it is missing.

    Raises:
        RuntimeError: the file was written by a newer version.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=_LOCK_TIMEOUT, isolation_level=None)
        self._use_write_ahead_log()
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise RuntimeError(f"{path} has schema {version}, this release knows up to {_VERSION}: use a newer release")
        if version < _VERSION:
            # executescript commits whatever is open, so the lock is part of the script.
            self._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")

    def _use_write_ahead_log(self) -> None:
        """Switch a new file over. SQLite does not wait for locks here, and several models open a catalog at once."""
        deadline = time.monotonic() + _LOCK_TIMEOUT
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[sqlite3.Connection]:
        self._connection.execute(f"BEGIN {kind}")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # some errors, a full disk among them, have rolled back already
                self._connection.execute("ROLLBACK")
            raise

    def add(self, entry: Entry, view: View) -> str:
        """Store an entry with its first view; returns the id it was given."""
        entry_id = uuid.uuid4().hex[:16]
        fields = (entry.name, entry.country, entry.currency, entry.denomination, entry.side, entry.year)
        vector = np.ascontiguousarray(view.embedding, np.float32).tobytes()
        with self._transaction("IMMEDIATE") as connection:
            connection.execute(
                f"INSERT INTO entries ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (entry_id, *fields, json.dumps(entry.metadata, ensure_ascii=False)),
            )
            added = connection.execute(
                "INSERT INTO views (entry_id, fingerprint, embedding, picture) VALUES (?, ?, ?, ?)",
                (entry_id, view.fingerprint, vector, view.picture),
            )
            connection.execute("INSERT INTO changes (view, added) VALUES (?, 1)", (added.lastrowid,))
        return entry_id

    def remove(self, entry_id: str) -> None:
        """Remove an entry with its views.

        Raises:
            EntryNotFoundError: no such entry.
        """
        with self._transaction("IMMEDIATE") as connection:
            connection.execute(
                "INSERT INTO changes (view, added) SELECT number, 0 FROM views WHERE entry_id = ?", (entry_id,)
            )
            removed = connection.execute("DELETE FROM entries WHERE id = ?", (entry_id,))
            if not removed.rowcount:
                raise EntryNotFoundError(f"no entry has the id {entry_id!r}")

    def entry(self, entry_id: str) -> Entry:
        """One entry.

        Raises:
            EntryNotFoundError: no such entry.
        """
        row = self._connection.execute(f"SELECT {_FIELDS} FROM entries WHERE id = ?", (entry_id,)).fetchone()
        if row is None:
            raise EntryNotFoundError(f"no entry has the id {entry_id!r}")
        return _entry(row)

    def entries(self, offset: int, limit: int) -> list[Entry]:
        """Entries in the order of their enrolment."""
        query = f"SELECT {_FIELDS} FROM entries ORDER BY number LIMIT ? OFFSET ?"
        return [_entry(row) for row in self._connection.execute(query, (limit, offset))]

    def entries_of_views(self, views: Sequence[int]) -> dict[int, Entry]:
        """Entry of each view that still exists."""
        found: dict[int, Entry] = {}
        fields = ", ".join(f"entries.{name}" for name in _FIELDS.split(", "))
        for start in range(0, len(views), _MOST_VARIABLES):
            part = views[start : start + _MOST_VARIABLES]
            query = (
                f"SELECT views.number, {fields} FROM views JOIN entries ON entries.id = views.entry_id "
                f"WHERE views.number IN ({','.join('?' * len(part))})"
            )
            found |= {row[0]: _entry(row[1:]) for row in self._connection.execute(query, list(part))}
        return found

    def count(self, fingerprint: str) -> tuple[int, int, int, int]:
        """Entries, views of this model, views of other models, and the last change's number."""
        with self._transaction("DEFERRED") as connection:
            entries = connection.execute("SELECT COUNT(*) FROM entries").fetchone()[0]
            views = connection.execute("SELECT COUNT(*) FROM views").fetchone()[0]
            own = connection.execute("SELECT COUNT(*) FROM views WHERE fingerprint = ?", (fingerprint,)).fetchone()[0]
            return entries, own, views - own, _last_change(connection)

    def version(self) -> tuple[int, int]:
        """Differs after every change, other connections' and this one's; cheap enough for every search."""
        return self._connection.execute("PRAGMA data_version").fetchone()[0], self._connection.total_changes

    def changes_since(self, sequence: int, fingerprint: str) -> Changes:
        """What to apply to an index that stands at `sequence`; 0 for an empty one."""
        with self._transaction("DEFERRED") as connection:
            last = _last_change(connection)
            removed = connection.execute("SELECT view FROM changes WHERE sequence > ? AND NOT added", (sequence,))
            removed_views = np.array([row[0] for row in removed], np.int64)
            rows = connection.execute(
                "SELECT views.number, embedding FROM changes JOIN views ON views.number = changes.view "
                "WHERE sequence > ? AND added AND fingerprint = ? ORDER BY sequence",
                (sequence, fingerprint),
            ).fetchall()
        vectors = np.frombuffer(b"".join(row[1] for row in rows), np.float32)
        added = np.array([row[0] for row in rows], np.int64)
        return Changes(last, removed_views, added, vectors.reshape(-1, EMBEDDING_SIZE))


def _last_change(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT COALESCE(MAX(sequence), 0) FROM changes").fetchone()[0])


def _entry(row: Sequence[Any]) -> Entry:
    entry_id, name, country, currency, denomination, side, year, metadata = row
    return Entry(name, country, currency, denomination, side, year, json.loads(metadata), entry_id)
