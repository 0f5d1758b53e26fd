"""The catalog of one machine: SQLite for the truth, Faiss derived from it."""

from pathlib import Path

import numpy as np

from catalog.base import Catalog, Match, Page, Status
from catalog.database import Database
from catalog.entry import Entry, EntryError, View
from catalog.flat import FlatIndex
from catalog.index import FollowingIndex
from catalog.vectors import Queries, VectorIndex

FILE = "catalog.sqlite"


class LocalCatalog:
    """A `Catalog` in a folder; several processes may have it open.

    Args:
        folder: where the database lies.
        fingerprint: of the model whose embeddings come in and are searched.
        vectors: what searches them, empty; None takes the CPU's index.
    """

    def __init__(self, folder: Path, fingerprint: str, vectors: VectorIndex | None = None) -> None:
        self._fingerprint = fingerprint
        self._database = Database(folder / FILE)
        self._index = FollowingIndex(self._database, fingerprint, vectors or FlatIndex())

    def enroll(self, entry: Entry, view: View) -> str:
        """Store an entry with its first view; see `Catalog.enroll`."""
        if view.fingerprint != self._fingerprint:
            raise EntryError(
                f"the embedding was made by model {view.fingerprint}, the catalog's is {self._fingerprint}"
            )
        return self._database.add(entry, view)

    def remove(self, entry_id: str) -> None:
        """Remove an entry; see `Catalog.remove`."""
        self._database.remove(entry_id)

    def show(self, entry_id: str) -> Entry:
        """One entry; see `Catalog.show`."""
        return self._database.entry(entry_id)

    def page(self, offset: int, limit: int) -> Page:
        """Some entries; see `Catalog.page`."""
        total = self._database.count(self._fingerprint)[0]
        return Page(tuple(self._database.entries(offset, limit)), total)

    def load(self) -> None:
        """Bring the index up to date; see `Catalog.load`."""
        self._index.follow()

    def search(self, embeddings: Queries, k: int) -> list[list[Match]]:
        """The k best entries per query; see `Catalog.search`."""
        self._index.follow()
        scores, views = self._index.search(embeddings, k)
        entries = self._database.entries_of_views(np.unique(views).tolist())
        # A view whose entry another process has just removed is left out.
        return [
            [Match(entries[view], float(score)) for score, view in zip(*row, strict=True) if view in entries]
            for row in zip(scores, views, strict=True)
        ]

    def status(self) -> Status:
        """What the catalog holds; see `Catalog.status`."""
        return Status(*self._database.count(self._fingerprint))

    def close(self) -> None:
        """Close the database."""
        self._database.close()


def open_catalog(location: str, fingerprint: str, vectors: VectorIndex | None = None) -> Catalog:
    """Open the catalog at a location: a folder of this machine.

    Args:
        location: the folder.
        fingerprint: of the model whose embeddings come in and are searched.
        vectors: what searches them, empty; None takes the CPU's index.

    Raises:
        ValueError: the location is empty.
    """
    if not location:
        raise ValueError("no catalog is set: start the server with --catalog FOLDER or set MINTMARK_CATALOG")
    return LocalCatalog(Path(location), fingerprint, vectors)
