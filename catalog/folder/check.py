"""Checks that a catalog's folder is whole: the database in itself, saved indexes and relief maps against it."""

import json
from pathlib import Path

import numpy as np

from catalog.events import Kind
from catalog.folder.index.saved import Stamp, UnfitIndexError, load, read_stamp, stamp_path
from catalog.folder.index.spec import parse_spec
from catalog.folder.reliefs.file import FileReliefs, fitting_stamp
from catalog.folder.sqlite.connection import Connection, check_there
from catalog.folder.sqlite.feed import NOTHING, Feed, coalesced
from catalog.folder.sqlite.generations import Generations
from catalog.folder.sqlite.reliefs import Reliefs
from catalog.folder.sqlite.schema import ADDED
from catalog.folder.unsound import CheckPicture, set_aside, unsound
from ensemble.errors import CatalogError


def problems(folder: Path, check_picture: CheckPicture | None = None) -> list[str]:
    """What is wrong, one line each.

    Args:
        folder: of the catalog.
        check_picture: raises EntryError for a picture that cannot be embedded again; None does not look at pictures.

    A saved index or a file of relief maps that does not fit is no problem: the catalog makes it again.

    Raises:
        CatalogError: there is no catalog, or it cannot be opened.
    """
    check_there(folder)
    connection = Connection(folder)
    try:
        found = [*broken(connection), *half_there(connection), *map(str, unsound(connection, check_picture))]
        for row in connection.rows("SELECT DISTINCT fingerprint FROM generations"):
            if stamp_path(folder, row[0]).is_file():
                found += _disagreeing(folder, connection, row[0])
        for row in connection.rows("SELECT fingerprint FROM mappers"):
            found += _differing_maps(folder, connection, row[0])
        return found
    finally:
        connection.close()


def repair(folder: Path, check_picture: CheckPicture) -> list[str]:
    """Set aside what cannot be used; see `set_aside`. Raises CatalogError as `problems`."""
    check_there(folder)
    connection = Connection(folder)
    try:
        return set_aside(folder, connection, check_picture)
    finally:
        connection.close()


def broken(connection: Connection) -> list[str]:
    """What SQLite's own checks find, one line each."""
    integrity = [str(row[0]) for row in connection.rows("PRAGMA integrity_check") if row[0] != "ok"]
    dangling = connection.rows("PRAGMA foreign_key_check")
    return integrity + [f"{row[0]} refers to one of {row[2]} that is not there" for row in dangling]


def half_there(connection: Connection) -> list[str]:
    """Rows that no complete transaction leaves behind, one line for each kind."""
    half = {
        "entries have no view": "SELECT COUNT(*) FROM entries WHERE number NOT IN (SELECT entry FROM views)",
        # One with a picture is embedded again by `mintmark reembed`.
        "views have neither an embedding nor a picture": "SELECT COUNT(*) FROM views "
        "WHERE number NOT IN (SELECT view FROM embeddings) AND number NOT IN (SELECT view FROM pictures)",
    }
    counts = {what: connection.value(query) for what, query in half.items()}
    counts["events cannot be read"] = sum(
        not _is_event(*row) for row in connection.rows("SELECT kind, said FROM events")
    )
    counts["views are in no change"] = connection.value("SELECT COUNT(*) FROM views") - sum(
        connection.value("SELECT COUNT(*) FROM views WHERE number BETWEEN ? AND ?", ends)
        for ends in coalesced(
            connection.rows("SELECT first, last FROM changes WHERE kind = ? ORDER BY first", (ADDED,))
        )
    )
    return [f"{count} {what}" for what, count in counts.items() if count]


def _is_event(kind: object, said: object) -> bool:
    try:
        return isinstance(json.loads(str(said)), dict) and bool(Kind(kind))
    except ValueError:
        return False


def _disagreeing(folder: Path, connection: Connection, fingerprint: str) -> list[str]:
    """What is wrong with a saved index whose stamp fits the database."""
    generations = Generations(connection, fingerprint)
    feed = Feed(connection, generations)
    try:
        stamp = read_stamp(folder, fingerprint)
        if feed.nonce(stamp.sequence) != stamp.nonce or tuple(generations.numbers(counts=True)) != stamp.generations:
            return []
        held = load(folder, stamp, parse_spec(stamp.spec)).ids
    except UnfitIndexError:
        return []
    try:
        different = _difference(feed, stamp, held)
    except CatalogError as error:
        return [f"{stamp.file} and the database cannot be compared: {error}"]
    return [f"{stamp.file} and the database disagree about {len(different)} views"] if different.size else []


def _differing_maps(folder: Path, connection: Connection, mapper: str) -> list[str]:
    """What is wrong with a file of relief maps whose stamp fits the database."""
    feed = Feed(connection, Generations(connection, ""))
    stamp = fitting_stamp(folder, mapper, feed)
    if stamp is None or not (folder / stamp.file).is_file():
        return []
    _, coming = feed.touched(stamp.sequence)
    file, different = FileReliefs(folder, mapper, feed), 0
    try:
        for views, maps in Reliefs(connection, mapper).among(0, 2**62):
            later = np.zeros(len(views), bool)
            for first, final in coming:
                later |= (views >= first) & (views <= final)
            differing = (file.rows(views) != maps).reshape(len(views), -1).any(1)
            different += int(np.count_nonzero(differing & ~later))
    except CatalogError as error:
        return [f"{stamp.file} and the database cannot be compared: {error}"]
    finally:
        file.close()
    return [f"{stamp.file} and the database disagree about {different} relief maps"] if different else []


def _difference(feed: Feed, stamp: Stamp, held: np.ndarray) -> np.ndarray:
    """Views that an index would lack or hold in excess, once it has applied the changes since it was built."""
    with feed.since(*NOTHING) as changes:
        there = np.concatenate([np.empty(0, np.int64), *(views for views, _ in changes.added)])
    with feed.since(stamp.sequence, stamp.generations) as changes:
        added = np.concatenate([np.empty(0, np.int64), *(views for views, _ in changes.added)])
        removed = np.concatenate([np.empty(0, np.int64), *(np.arange(a, b + 1) for a, b in changes.removed)])
    expected = np.setdiff1d(np.union1d(held, added), removed)
    return np.setxor1d(expected, there)
