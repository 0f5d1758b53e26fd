"""Backup and restore of a folder's catalog while servers have it open, by SQLite's online backup."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from tqdm import tqdm

from catalog.folder.check import broken, half_there
from catalog.folder.sqlite.connection import (
    FILE,
    LOCK_TIMEOUT,
    Connection,
    as_it_is,
    check_there,
    for_reading,
    newest,
    reason,
)
from catalog.folder.sqlite.schema import IDENTITY
from catalog.folder.unsound import CheckPicture, unsound
from ensemble.errors import CatalogError

# Pages that are copied at a time. Every catalog has more, so the first part never is the last one.
_PAGES = 16
_SHOWN_AFTER = 3  # s, until a progress bar is drawn
_TABLES = {"entries", "views", "changes"}  # that a catalog of any release has
_WAITED = (5, 6)  # SQLITE_BUSY and SQLITE_LOCKED, which Python 3.10 does not name
_DAMAGED = ("malformed", "not a database")  # words of SQLite's messages


@dataclass(frozen=True)
class Held:
    """What a copy of a catalog holds.

    Attributes:
        entries: how many.
        views: how many.
        calibrated: whether there is a threshold.
        problems: what is wrong with its rows, one line each.
    """

    entries: int
    views: int
    calibrated: bool
    problems: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        threshold = "a calibrated threshold" if self.calibrated else "no calibrated threshold"
        return f"{self.entries} entries, {self.views} views, {threshold}"


def back_up(folder: Path, file: Path, check_picture: CheckPicture) -> Held:
    """Write a whole copy of a folder's database to a new file, as it is at one moment, and check the copy.

    Servers go on. The file is there under its name only when it is whole; nobody but its owner may read it.

    Raises:
        CatalogError: there is no catalog, the file exists or cannot be written, or the database cannot be read.
    """
    check_there(folder)
    _check_free(file)
    with _room_beside(file) as room, _named(folder / FILE):
        copy = room / FILE
        _copy_to(copy, folder / FILE)
        _check_known(_schema(copy), folder / FILE)
        if _schema(copy) < newest():  # the copy stays as old as it is: an earlier release can still use it
            (room / "today").mkdir()
            shutil.copy(copy, room / "today" / FILE)
            held = _checked(Connection(room / "today"), check_picture)
        else:
            held = _checked(Connection(room, reading=True), check_picture)
        _check_free(file)
        copy.rename(file)
    return held


def restore(file: Path, folder: Path, check_picture: CheckPicture) -> tuple[Held, str]:
    """Put a backup into a folder, as one change of the database there: the next search of a server sees it.

    What the folder held is backed up into it first; between that and the restore nothing can change.

    Returns:
        What the folder holds now, and one line on what it held before; '' if it held nothing.

    Raises:
        CatalogError: the backup is damaged, of a newer release, or no catalog; or the folder cannot be written. The
            folder is as it was.
    """
    with _named(file):
        _check_backup(file)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogError(f"{folder} cannot be made: {error}") from error
    with _room_beside(folder / FILE) as room, _named(file):
        _copy_to(room / FILE, file, for_reading)
        _check_whole(room / FILE, file)
        connection = Connection(room)  # brings the copy up to date
        # Numbers of changes come again after a restore: by another identity, those who follow know to start anew.
        with connection.transaction():
            connection.run("DELETE FROM settings WHERE key = 'identity'")
            connection.run(IDENTITY)
        held = _checked(connection, check_picture)
        return held, _put(room, folder)


def _check_backup(file: Path) -> None:
    if not file.is_file():
        raise CatalogError(f"{file} is no file: give one that `python -m catalog backup` has written")
    with closing(for_reading(file)) as source:
        tables = {row[0] for row in source.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables >= _TABLES:
            raise CatalogError(f"{file} is no catalog: give a file that `python -m catalog backup` has written")
    _check_known(_schema(file), file)


def _check_known(schema: int, file: Path) -> None:
    """Refuse a file of a newer release. Raises CatalogError."""
    if schema > newest():
        raise CatalogError(f"{file} has schema {schema}, this release knows up to {newest()}: use a newer release")


def _schema(file: Path) -> int:
    with closing(for_reading(file)) as source:
        return int(source.execute("PRAGMA user_version").fetchone()[0])


def _check_whole(copy: Path, file: Path) -> None:
    """Refuse a damaged backup. Raises CatalogError."""
    with closing(for_reading(copy)) as source:
        try:
            found = [str(row[0]) for row in source.execute("PRAGMA integrity_check(1)")]
        except sqlite3.Error as error:
            found = [str(error)]
    if found != ["ok"]:
        raise CatalogError(
            f"{file} is damaged ({found[0].splitlines()[-1]}): restore another backup, or import an export"
        )


def _checked(connection: Connection, check_picture: CheckPicture) -> Held:
    """What a copy holds, every row looked at; closes the connection."""
    try:
        entries, views, pictures, thresholds = (
            int(connection.value(f"SELECT COUNT(*) FROM {rows}"))
            for rows in ("entries", "views", "pictures", "settings WHERE key LIKE 'threshold:%:%'")
        )
        with tqdm(total=pictures, desc="check", unit="picture", delay=_SHOWN_AFTER, disable=None) as bar:

            def check(picture: bytes) -> None:
                bar.update()
                check_picture(picture)

            found = (*broken(connection), *half_there(connection), *map(str, unsound(connection, check)))
        return Held(entries, views, bool(thresholds), found)
    finally:
        connection.close()


def _put(room: Path, folder: Path) -> str:
    """Replace the catalog in a folder by the one in `room`; returns what became of the one that was there."""
    before = folder / f"before-restore-{datetime.now(timezone.utc):%Y%m%dT%H%M%S%fZ}.sqlite"
    held = (folder / FILE).exists()

    def keep() -> None:
        _copy_to(room / before.name, folder / FILE)
        (room / before.name).rename(before)

    try:
        if not held:
            Connection(folder).close()
        with _named(folder / FILE):
            _replace(room / FILE, folder / FILE, keep if held else None)
    except CatalogError as error:
        before.unlink(missing_ok=True)
        if not any(words in str(error) for words in _DAMAGED):
            raise
        return _exchange(room, folder, before)
    return f"what {folder} held is in {before}" if held else ""


def _replace(source: Path, target: Path, keep: Callable[[], None] | None) -> None:
    """Put one database into another that may be open, in one transaction; `keep` is called while nobody can write."""
    with closing(for_reading(source)) as new, closing(as_it_is(target)) as live:
        live.execute("PRAGMA journal_mode = WAL")
        _copy(new, live, "restore", keep)
        with suppress(sqlite3.Error):  # the log is as large as the catalog; readers may still need it
            live.execute("PRAGMA busy_timeout = 0")
            live.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _exchange(room: Path, folder: Path, before: Path) -> str:
    """Put a file into the place of one that SQLite cannot even open."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            (folder / f"{FILE}{suffix}").rename(f"{before}{suffix}")
    (room / FILE).rename(folder / FILE)
    return f"the file in {folder} was damaged and is {before} now: restart the servers on this folder"


def _copy_to(copy: Path, file: Path, opened: Callable[[Path], sqlite3.Connection] = as_it_is) -> None:
    """Copy a database to a new file, which needs no log beside it. Only the owner may read it. Raises sqlite3.Error."""
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(opened(file)) as source, closing(sqlite3.connect(copy, isolation_level=None)) as target:
        _copy(source, target, "copy")
        target.execute("PRAGMA journal_mode = DELETE")


def _copy(
    source: sqlite3.Connection, target: sqlite3.Connection, title: str, keep: Callable[[], None] | None = None
) -> None:
    """Copy all pages as one transaction of the target.

    The source is read in one transaction: otherwise each change by another process would make the copy start again.
    """
    waiting = [keep] if keep else []
    with tqdm(desc=title, unit="page", unit_scale=True, delay=_SHOWN_AFTER, disable=None) as bar:

        def progress(status: int, remaining: int, total: int) -> None:
            if status in _WAITED:
                raise CatalogError(f"others have written for more than {LOCK_TIMEOUT:.0f} s: try again")
            if waiting:
                waiting.pop()()
            bar.total = total
            bar.update(total - remaining - bar.n)

        source.execute("BEGIN")
        source.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        source.backup(target, pages=_PAGES, progress=progress)


def _check_free(file: Path) -> None:
    if file.exists():
        raise CatalogError(f"{file} exists already: name a new file")


@contextmanager
def _room_beside(file: Path) -> Iterator[Path]:
    """A folder on the same disk, for files that are not whole yet. Raises CatalogError if it cannot be made."""
    try:
        room = tempfile.TemporaryDirectory(prefix=f".{file.name}-", dir=file.parent)
    except OSError as error:
        raise CatalogError(f"{file} cannot be written: {error.strerror}: {file.parent}") from error
    with room as name:
        yield Path(name)


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Errors of SQLite and of files name the database, and say what to do. Raises CatalogError."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise CatalogError(f"{file}: {reason(error)}") from error
