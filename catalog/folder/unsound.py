"""Finds what is stored and cannot be used, row by row, and sets it aside: catalogs of earlier releases took it.

A row is unsound if an embedding is not of unit length, a relief map has another length, a picture cannot be read, or
the metadata have numbers that JSON does not have. What is set aside is written into a file first, with all that the
catalog knows of the view, and only then taken out of the database.
"""

import base64
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from catalog.entry import check_embedding
from catalog.folder.reliefs.store import SIZE
from catalog.folder.sqlite.connection import Connection
from catalog.folder.sqlite.feed import Feed
from catalog.folder.sqlite.generations import Generations
from catalog.folder.sqlite.schema import GENERATIONS, REMOVED, UPDATED
from ensemble.entry import ENTRY_FIELDS
from ensemble.errors import EntryError
from ensemble.parameters import text_of

ASIDE = "set-aside"  # folder in the catalog's folder
_CHUNK = 1_000  # rows that are read at a time

CheckPicture = Callable[[bytes], None]  # raises EntryError


@dataclass(frozen=True)
class Unsound:
    """One row that cannot be used.

    Attributes:
        what: the column: embedding, map, jpeg or metadata.
        number: of its view; of its entry for metadata.
        owner: number of the generation or of the mapper; 0 where there is none.
        entry: id of the entry.
        error: what is wrong.
        stored: the value.
    """

    what: str
    number: int
    owner: int
    entry: str
    error: str
    stored: bytes

    def __str__(self) -> str:
        of = f"entry {self.entry}" if self.what == "metadata" else f"entry {self.entry}, view {self.number}"
        return f"{of}: {self.error}"


def unsound(connection: Connection, check_picture: CheckPicture | None) -> Iterator[Unsound]:
    """All such rows, one after the other; a catalog of a million views is not in memory at once."""
    of_view = "JOIN views ON views.number = {}.view JOIN entries ON entries.number = views.entry"
    checks: tuple[tuple[str, str, Callable[[bytes], None]], ...] = (
        (
            "embedding",
            f"SELECT view, generation, id, embedding FROM embeddings {of_view.format('embeddings')}",
            _vector,
        ),
        ("map", f"SELECT view, mapper, id, map FROM reliefs {of_view.format('reliefs')}", _map),
        ("jpeg", f"SELECT view, 0, id, jpeg FROM pictures {of_view.format('pictures')}", check_picture or _passed),
        ("metadata", "SELECT number, 0, id, metadata FROM entries", _metadata),
    )
    for what, query, check in checks:
        for rows in connection.chunks(query, (), _CHUNK):
            for number, owner, entry, value in rows:
                stored = value if isinstance(value, bytes) else str(value).encode()
                try:
                    check(stored)
                except EntryError as error:
                    yield Unsound(what, number, owner, entry, str(error), stored)


def _passed(stored: bytes) -> None:
    """Not looked at."""


def _vector(stored: bytes) -> None:
    if len(stored) % 4:
        raise EntryError(f"an embedding has {len(stored)} bytes")
    check_embedding(np.frombuffer(stored, np.float32))


def _map(stored: bytes) -> None:
    if len(stored) != SIZE:
        raise EntryError(f"a relief map has {len(stored)} bytes, not {SIZE}")


def _metadata(stored: bytes) -> None:
    try:
        json.dumps(json.loads(stored), allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise EntryError(f"the metadata are not JSON: {error}") from error


def set_aside(folder: Path, connection: Connection, check_picture: CheckPicture) -> list[str]:
    """Take all that is unsound out of the database, in one transaction; running servers follow.

    An embedding or a map that is set aside is made again by `mintmark reembed`, if the view has a picture. A view that
    has neither a picture nor an embedding left is removed, and an entry without a view. Of metadata, the keys that are
    no JSON are removed.

    Returns:
        What was done, one line each.
    """
    done, generations = [], set[int]()
    feed = Feed(connection, Generations(connection, ""))
    with connection.transaction():
        for each in list(unsound(connection, check_picture)):
            file = _write(folder / ASIDE, connection, each)
            _take_out(connection, each)
            done.append(f"{each}; it is in {file}")
            if each.what == "metadata":
                feed.record(UPDATED, _numbers(connection, "SELECT number FROM views WHERE entry = ?", each.number))
            elif each.what == "map":
                feed.record(UPDATED, [each.number])
            elif each.what == "embedding":
                generations.add(each.owner)
        feed.record(GENERATIONS, [_restarted(connection, number) for number in generations])
        gone = _numbers(
            connection,
            "SELECT number FROM views WHERE number NOT IN (SELECT view FROM embeddings)"
            " AND number NOT IN (SELECT view FROM pictures)",
        )
        feed.record(REMOVED, gone)
        for view in gone:
            connection.run("DELETE FROM views WHERE number = ?", (view,))
            done.append(f"view {view} is removed: it had neither a picture nor an embedding left")
        for entry in _numbers(connection, "SELECT number FROM entries WHERE number NOT IN (SELECT entry FROM views)"):
            connection.run("DELETE FROM entries WHERE number = ?", (entry,))
    return done


def _restarted(connection: Connection, generation: int) -> int:
    """Make one more generation that counts as this one does: indexes that hold this one then read everything again.

    A change that removes the view would take it from the indexes of other models, too.
    """
    made = connection.run(
        "INSERT INTO generations (fingerprint, counts) SELECT fingerprint, counts FROM generations WHERE number = ?",
        (generation,),
    ).lastrowid
    assert made is not None
    return made


def _numbers(connection: Connection, query: str, *values: int) -> list[int]:
    return [row[0] for row in connection.rows(query, values)]


def _take_out(connection: Connection, each: Unsound) -> None:
    if each.what == "embedding":
        values = (each.number, each.owner)
        connection.run("DELETE FROM embeddings WHERE view = ? AND generation = ?", values)
    elif each.what == "map":
        connection.run("DELETE FROM reliefs WHERE view = ? AND mapper = ?", (each.number, each.owner))
    elif each.what == "jpeg":
        connection.run("DELETE FROM pictures WHERE view = ?", (each.number,))
    else:
        kept = _sound_keys(each.stored)
        text = json.dumps(kept, ensure_ascii=False)
        connection.run("UPDATE entries SET metadata = ? WHERE number = ?", (text, each.number))
        connection.run("DELETE FROM attributes WHERE entry = ?", (each.number,))
        for key, value in kept.items():
            if (said := text_of(value)) is not None:
                attribute = "INSERT INTO attributes (entry, key, value) VALUES (?, ?, ?)"
                connection.run(attribute, (each.number, key, said))


def _sound_keys(stored: bytes) -> dict[str, Any]:
    """The keys of metadata whose values are JSON."""
    kept = {}
    with suppress(ValueError, RecursionError):
        for key, value in dict(json.loads(stored)).items():
            with suppress(ValueError):
                json.dumps(value, allow_nan=False)
                kept[key] = value
    return kept


def _write(folder: Path, connection: Connection, each: Unsound) -> Path:
    """A file with what is set aside, and with what the catalog knows of the entry and the view; it is on disk."""
    folder.mkdir(mode=0o700, exist_ok=True)
    names = ("number", "id", *(one.name for one in ENTRY_FIELDS), "metadata")
    columns = ", ".join(f"entries.{name}" for name in names)
    rows = connection.rows(f"SELECT {columns} FROM entries WHERE id = ?", (each.entry,))
    said: dict[str, Any] = {
        "error": each.error,
        "what": each.what,
        "value": base64.b64encode(each.stored).decode(),
        "entry": dict(zip(names, rows[0], strict=True)),
    }
    if each.what != "metadata":
        side, jpeg = connection.rows(
            "SELECT side, jpeg FROM views LEFT JOIN pictures ON pictures.view = views.number WHERE number = ?",
            (each.number,),
        )[0]
        picture = None if jpeg is None else base64.b64encode(jpeg).decode()
        said |= {"view": each.number, "side": side, "picture": picture}
    path = folder / f"{each.what}-{each.number}-{os.urandom(4).hex()}.json"
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        json.dump(said, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    return path
