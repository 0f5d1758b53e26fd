"""Built indexes as files beside the database, and the stamps that show whether they belong to it."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import faiss

from catalog.folder.index.built import BuiltIndex
from catalog.folder.index.spec import IndexSpec
from catalog.folder.sqlite.feed import Feed

_CHUNK = 16 << 20  # bytes


class UnfitIndexError(RuntimeError):
    """A saved index cannot be used for this catalog; the message says why. The catalog builds it again."""


@dataclass(frozen=True)
class Stamp:
    """What a saved index was made from; a JSON file beside it.

    Attributes:
        identity: of the database.
        fingerprint: of the model whose embeddings it holds.
        generations: of embeddings that counted.
        spec: the setting.
        sequence: last change in it.
        nonce: of that change.
        views: how many are in it.
        file: its name.
        size: of the file, bytes.
        digest: BLAKE2b of the file.
        measured: when it was built: seconds, and recall against exact search.
    """

    identity: str
    fingerprint: str
    generations: tuple[int, ...]
    spec: str
    sequence: int
    nonce: int | None
    views: int
    file: str = ""
    size: int = 0
    digest: str = ""
    measured: Mapping[str, float] = field(default_factory=dict)


def stamp_path(folder: Path, fingerprint: str) -> Path:
    """Where the stamp of a model's index lies."""
    return folder / f"index-{fingerprint}.json"


def save(folder: Path, index: Any, stamp: Stamp) -> Stamp:
    """Write an index and its stamp, and remove older ones. An index counts from the moment that it has a stamp.

    Args:
        folder: the catalog's.
        index: a Faiss index.
        stamp: name, size and digest of the file are filled in here.
    """
    file = folder / f"index-{stamp.fingerprint}-{stamp.sequence}-{os.urandom(4).hex()}.faiss"
    part = file.with_suffix(".part")
    try:
        faiss.write_index(index, str(part))
        _settle(part)
        part.rename(file)
        done = replace(stamp, file=file.name, size=file.stat().st_size, digest=digest(file))
        path = stamp_path(folder, stamp.fingerprint)
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(asdict(done), indent=2) + "\n")
        _settle(beside)
        beside.rename(path)
    finally:
        part.unlink(missing_ok=True)
    for old in folder.glob(f"index-{stamp.fingerprint}-*"):
        if old != file:
            old.unlink(missing_ok=True)
    return done


def _settle(path: Path) -> None:
    """Wait until a file is on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def digest(path: Path) -> str:
    """BLAKE2b of a file."""
    with path.open("rb") as file:
        hashed = hashlib.blake2b(digest_size=16)
        while chunk := file.read(_CHUNK):
            hashed.update(chunk)
    return hashed.hexdigest()


def read_stamp(folder: Path, fingerprint: str) -> Stamp:
    """The stamp of a model's index.

    Raises:
        UnfitIndexError: there is none, or it cannot be read.
    """
    path = stamp_path(folder, fingerprint)
    try:
        fields = json.loads(path.read_text())
        return Stamp(**{**fields, "generations": tuple(fields["generations"])})
    except FileNotFoundError as error:
        raise UnfitIndexError("no index has been built yet") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UnfitIndexError(f"{path} cannot be read: {error}") from error


def check(stamp: Stamp, feed: Feed, spec: IndexSpec, generations: tuple[int, ...]) -> None:
    """Compare a stamp with the database and with the setting.

    Raises:
        UnfitIndexError: it belongs to another database, to another state of this one, or to another setting.
    """
    if stamp.identity != feed.identity():
        raise UnfitIndexError(f"{stamp.file} belongs to another catalog, or to this one before a restore")
    if stamp.spec != spec.text:
        raise UnfitIndexError(f"{stamp.file} is {stamp.spec}, the setting is {spec.text}")
    if tuple(stamp.generations) != generations:
        raise UnfitIndexError(f"{stamp.file} holds embeddings that do not count any more, or lacks some")
    if feed.nonce(stamp.sequence) != stamp.nonce:
        raise UnfitIndexError(f"{stamp.file} was built from another state of the catalog, such as before a restore")


def load(folder: Path, stamp: Stamp, spec: IndexSpec) -> BuiltIndex:
    """Read the index that a stamp names.

    Raises:
        UnfitIndexError: the file is missing, truncated, changed, or not what the stamp says.
    """
    path = folder / stamp.file
    try:
        size = path.stat().st_size
        if size != stamp.size:
            raise UnfitIndexError(f"{path} has {size} bytes instead of {stamp.size}")
        if digest(path) != stamp.digest:
            raise UnfitIndexError(f"{path} has been changed since it was written")
        built = BuiltIndex(faiss.read_index(str(path)), spec)
    except (OSError, RuntimeError, MemoryError) as error:
        if isinstance(error, UnfitIndexError):
            raise
        raise UnfitIndexError(f"{path} cannot be read: {error}") from error
    if len(built.ids) != stamp.views:
        raise UnfitIndexError(f"{path} holds {len(built.ids)} views instead of {stamp.views}")
    return built
