"""The connection to the SQLite file: how it opens, what a transaction is, and what failures mean.

Write-ahead log with full synchronization: a change is on disk when its transaction has committed, and readers in other
processes go on meanwhile.
"""

import json
import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from catalog.folder.sqlite import schema
from catalog.folder.sqlite.schema import BASE, FROM_1, IDENTITY, TABLES
from catalog.listing import sort_key
from ensemble.errors import CatalogError
from ensemble.parameters import folded, text_of

FILE = "catalog.sqlite"
LOCK_TIMEOUT = 30.0  # s, to wait for other writers
_ADVICE = {  # by words of SQLite's messages: Python 3.10 does not give the codes
    "disk is full": "make room",
    "readonly database": "give the server's user the right to write the file and its folder",
    "database is locked": f"others have written to it for more than {LOCK_TIMEOUT:.0f} s: try again",
    "disk I/O error": "the disk fails, or its file system is full",
    "malformed": "the file is damaged: restore it from a backup or an export",
    "not a database": "the file is damaged, or something else: restore it from a backup or an export",
    "unable to open": "look at the rights of the folder and of the files in it",
}


_log = logging.getLogger("mintmark.catalog")


class DiskFullError(CatalogError):
    """There is no room for a change; it was not made."""


class Connection:
    """One connection. Threads must not share it.

    Args:
        folder: of the file. Both are made if missing. A file that cannot be written is opened for reading.
        reading: open it for reading though it could be written, and leave it as it is.

    Raises:
        CatalogError: the file cannot be opened, is not a catalog, or was written by a newer release.
    """

    def __init__(self, folder: Path, reading: bool = False) -> None:
        self._path = folder / FILE
        self._files: dict[Path, tuple[int, int] | None] = {}  # that make the database
        try:
            self._open_read_only() if reading or not _may_change(self._path) else self._open()
        except (sqlite3.Error, OSError, ValueError) as error:
            raise CatalogError(f"cannot open {self._path}: {reason(error)}") from error

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(self._path, timeout=LOCK_TIMEOUT, isolation_level=None)
        self._use_write_ahead_log()
        self._add_functions()
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        if self._schema() < newest():
            self._migrate()
        self._files = {path: _identity(path) for path in (self._path, self._path.with_name(f"{FILE}-wal"))}

    def _open_read_only(self) -> None:
        """Open the file for reading."""
        self._connection = for_reading(self._path)
        self._add_functions()
        if self._schema() < newest():
            raise CatalogError(f"{self._path} was written by an earlier release: open it once where it can be written")

    def _add_functions(self) -> None:
        """What SQL may call: how texts are compared, and how they are sorted."""
        self._connection.create_function("folded", 1, _folded, deterministic=True)
        self._connection.create_function("sort_key", 2, sort_key, deterministic=True)

    def _use_write_ahead_log(self) -> None:
        """Switch a new file to this log. SQLite does not wait for locks here, and several models open it at once."""
        deadline = time.monotonic() + LOCK_TIMEOUT
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _schema(self) -> int:
        version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        if version > newest():
            raise CatalogError(
                f"{self._path} has schema {version}, this release knows up to {newest()}: use a newer release"
            )
        return version

    def _migrate(self) -> None:
        """Make the tables, or turn those of an earlier release into today's. References are checked at the end."""
        self._connection.execute("PRAGMA foreign_keys = OFF")
        with self.transaction("IMMEDIATE"):
            version = self._schema()  # another process may have been faster
            self._carry_out({0: TABLES, 1: FROM_1}.get(version, "") + IDENTITY)
            if version == 1:
                self._fill_attributes()
            for step in schema.STEPS[max(0, version - BASE) :]:
                if version:  # an existing catalog, not a new one
                    _log.warning("%s: the schema changes: %s", self._path, step.name)
                try:
                    self._carry_out(step.script)
                except sqlite3.Error as error:
                    failed = f"the step {step.name!r} of its schema failed, nothing was changed"
                    raise CatalogError(f"cannot open {self._path}: {failed}: {reason(error)}") from error
            self._connection.execute(f"PRAGMA user_version = {newest()}")
            if broken := self._connection.execute("PRAGMA foreign_key_check").fetchall():
                raise CatalogError(f"{self._path} has {len(broken)} references that lead nowhere; it was left as it is")
        self._connection.execute("PRAGMA foreign_keys = ON")

    def _carry_out(self, script: str) -> None:
        for statement in script.split(";\n"):
            self._connection.execute(statement)

    def _fill_attributes(self) -> None:
        """Let filters find the metadata of release 1. Raises ValueError if it is not JSON."""
        for number, metadata in self._connection.execute("SELECT number, metadata FROM entries"):
            texts = ((key, text_of(value)) for key, value in json.loads(metadata).items())
            self._connection.executemany(
                "INSERT INTO attributes (entry, key, value) VALUES (?, ?, ?)",
                [(number, key, text) for key, text in texts if text is not None],
            )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query. Raises CatalogError."""
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise _failed(error) from error

    def chunks(self, query: str, values: Sequence[Any], size: int) -> Iterator[list[Any]]:
        """The rows of a query, `size` at a time. Raises CatalogError."""
        try:
            cursor = self._connection.execute(query, values)
            while rows := cursor.fetchmany(size):
                yield rows
        except sqlite3.Error as error:
            raise _failed(error) from error

    def value(self, query: str, values: Sequence[Any] = ()) -> Any:
        """First column of the first row; None if there is no row. Raises CatalogError."""
        rows = self.rows(query, values)
        return rows[0][0] if rows else None

    def run(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run a statement that changes something. Raises CatalogError."""
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise _failed(error) from error

    @contextmanager
    def transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        """All or nothing. A DEFERRED one that only reads sees one state of the file, and may be inside another one.

        Raises:
            CatalogError: the store fails, or the file was removed or replaced, so that nobody else would see a change.
        """
        if kind == "DEFERRED" and self._connection.in_transaction:
            yield
            return
        self.run(f"BEGIN {kind}")
        try:
            yield
            if kind != "DEFERRED":
                self._check_files()
            self.run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # some errors, such as a full disk, have already rolled back
                self._connection.execute("ROLLBACK")
            raise

    def _check_files(self) -> None:
        """Refuse to commit into a file that has no name any more: the change would be gone with this process."""
        for path, identity in self._files.items():
            if identity is not None and _identity(path) != identity:
                raise CatalogError(
                    f"{path} was removed or replaced while it was open, nothing was changed: restore it and restart the"
                    " server"
                )

    def version(self) -> tuple[int, int]:
        """Differs after every change, by this connection or another. Cheap enough for every search."""
        return int(self.value("PRAGMA data_version")), self._connection.total_changes


def as_it_is(path: Path) -> sqlite3.Connection:
    """A bare connection to a file that is there, whatever its schema. Raises sqlite3.Error."""
    if not _may_change(path):
        return for_reading(path)
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=LOCK_TIMEOUT, isolation_level=None)


def for_reading(path: Path) -> sqlite3.Connection:
    """A bare connection that reads a file and leaves it and its folder as they are. Raises sqlite3.Error, OSError.

    Without a write-ahead log beside it, nobody can be writing the file, and SQLite has to be told so. With one, another
    process has the file open and has made what a reader needs.
    """
    log, shared = (path.with_name(f"{path.name}{suffix}") for suffix in ("-wal", "-shm"))
    held = log.is_file() and (
        shared.is_file() or log.stat().st_size
    )  # the log is empty before the other process has written
    uri = f"{path.resolve().as_uri()}?{'mode=ro' if held else 'immutable=1'}"
    return sqlite3.connect(uri, uri=True, timeout=LOCK_TIMEOUT, isolation_level=None)


def check_there(folder: Path) -> None:
    """Refuse a folder without a catalog: opening it would make one. Raises CatalogError."""
    if not (folder / FILE).is_file():
        raise CatalogError(f"{folder} holds no {FILE}")


def _may_change(path: Path) -> bool:
    """Whether this process may write a file, or may try to make it."""
    return not path.is_file() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _folded(text: str | None) -> str | None:
    """`folded` as a function of SQL."""
    return None if text is None else folded(text)


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one of the same name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def newest() -> int:
    """The schema of this release."""
    return BASE + len(schema.STEPS)


def reason(error: Exception) -> str:
    """What SQLite says, and what to do."""
    return str(error) + next((f"; {what}" for words, what in _ADVICE.items() if words in str(error)), "")


def _failed(error: Exception) -> CatalogError:
    kind = DiskFullError if "disk is full" in str(error) else CatalogError
    return kind(f"the catalog failed and was not changed: {reason(error)}")
