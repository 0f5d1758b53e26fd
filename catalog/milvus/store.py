"""The catalog of many machines, in a Milvus server. It answers as the folder store does."""

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np

from catalog.entry import Enrolment, Entry, Makers, StoredView, View, check_embedding, check_relief
from catalog.events import ANYONE, By, Event
from catalog.interface import NO_FILTERS, Match, Page, Queries, Status, Verification, ViewPage, Waiting
from catalog.listing import EVERYTHING, Listing
from catalog.milvus.connection import TIMEOUT, Connection, Row
from catalog.milvus.entries import Entries
from catalog.milvus.generations import Generations
from catalog.milvus.history import History
from catalog.milvus.index import parse_index
from catalog.milvus.location import parse_location
from catalog.milvus.reliefs import Reliefs
from catalog.milvus.rows import (
    FIRST,
    checked_cursor,
    condition,
    conjunction,
    entry_of,
    having_photo,
    photo_of,
    stored_view,
    vector,
)
from catalog.milvus.schema import prepare
from catalog.milvus.search import Searcher
from catalog.milvus.settings import Settings
from catalog.milvus.standing import STANDING
from catalog.milvus.writer import Writer
from ensemble.contract import METADATA_FILTER
from ensemble.entry import SIDE
from ensemble.parameters import Filters, text_of

_log = logging.getLogger("mintmark.catalog")
_PHOTOS = 50  # that one request to Milvus asks for
_WAITING_LEASE = 5.0  # s, for which a count of the views that wait is used
_PAGES_OF_VALUES = 20  # pages of views that are looked at for the values of a filter


class MilvusCatalog:
    """A `Catalog` in a Milvus server; several processes and machines may have it open.

    One collection holds the views, another one their relief maps. A change of views is one request, which Milvus
    carries out as a whole or not at all. There are no transactions over several requests: changes of one entry by two
    servers at the same moment are not isolated, see docs/milvus.md. If the answer to a change is lost, the change may
    have been made.

    Args:
        location: milvus://HOST[:PORT]/COLLECTION, see `parse_location`.
        makers: of the embeddings and relief maps that are stored and searched.
        index: kind of the index, see `parse_index`.
        timeout: of one request, s.

    Raises:
        ValueError: the location or the index is malformed.
        CatalogError: the server cannot be reached, or the collection is not a catalog or has another index.
    """

    def __init__(self, location: str, makers: Makers, index: str = "FLAT", timeout: float = TIMEOUT) -> None:
        parsed, self._index = parse_location(location), parse_index(index)
        self._metric = parsed.metric
        self._makers = makers
        self._connection = Connection(parsed, timeout)
        if warning := self._connection.release.warning:
            _log.warning("%s", warning)
        prepare(self._connection, parsed, self._index)
        self._settings = Settings(self._connection, makers)
        self._generations = Generations(self._connection, self._settings, makers.embedding)
        with ThreadPoolExecutor(2) as pool:  # Milvus loads them at the same time
            reliefs = pool.submit(Reliefs, self._connection, makers.relief)
            history = pool.submit(History, self._connection)
        self._reliefs, self._history = reliefs.result(), history.result()
        self._connection.load()
        self._searcher = Searcher(self._connection, self._index, self._reliefs)
        self._entries = Entries(self._connection, self._generations, self._reliefs)
        self._writer = Writer(self._connection, makers, self._entries, self._generations, self._reliefs, self._history)
        self._waiting, self._waiting_read = Waiting(), float("-inf")

    def enroll(self, enrolment: Enrolment, view: View, by: By = ANYONE) -> str:
        """Store one photo; see `Catalog.enroll`."""
        return self._writer.enroll(enrolment, view, by)

    def add(self, batch: Sequence[tuple[Enrolment, View]], by: By = ANYONE) -> int:
        """Store many at once; see `Catalog.add`."""
        return self._writer.add(batch, by)

    def update(self, entry_id: str, changes: Mapping[str, Any], by: By = ANYONE) -> Entry:
        """Change fields of an entry; see `Catalog.update`."""
        return self._writer.update(entry_id, changes, by)

    def remove(self, entry_id: str, by: By = ANYONE) -> None:
        """Remove an entry; see `Catalog.remove`."""
        self._writer.remove(entry_id, by)

    def remove_view(self, view_id: str, by: By = ANYONE) -> None:
        """Remove a view; see `Catalog.remove_view`."""
        self._writer.remove_view(view_id, by)

    def change_view(self, view_id: str, side: str = "", to: Entry | None = None, by: By = ANYONE) -> None:
        """Let a view show another side, or belong to another entry; see `Catalog.change_view`."""
        self._writer.change_view(view_id, side, to, by)

    def history(self, entry_id: str, before: str, limit: int) -> list[Event]:
        """What happened; see `Catalog.history`."""
        return self._history.page(entry_id, before, limit)

    def kept(self, number: str) -> bytes:
        """What an event kept; see `Catalog.kept`."""
        return self._history.kept(number)

    def show(self, entry_id: str) -> Entry:
        """One entry; see `Catalog.show`."""
        return self._entries.get(entry_id)

    def views(self, entry_id: str) -> list[StoredView]:
        """The views of an entry; see `Catalog.views`."""
        return self._entries.views(entry_id)

    def picture(self, entry_id: str, view_id: str = "") -> bytes:
        """The picture of one photo; see `Catalog.picture`."""
        return self._entries.picture(entry_id, view_id)

    def page(self, after: str, limit: int, listing: Listing = EVERYTHING) -> Page:
        """Some entries; see `Catalog.page`."""
        return self._entries.page(after, limit, listing)

    def export(self, after: str, limit: int) -> ViewPage:
        """Some views; see `Catalog.export`."""
        fields = ["view", "entry", "side", "document", "picture", "attributes"]
        rows = self._connection.page(STANDING, fields, checked_cursor(after), limit)
        own = self._generations.embedded([row["view"] for row in rows], ["embedding"])
        embeddings = {view: vector(row) for view, row in own.items() if self._generations.counts(row)}
        maps = self._reliefs.of([row["view"] for row in rows])
        views = (stored_view(row, embeddings.get(row["view"]), maps.get(row["view"])) for row in rows)
        return ViewPage(tuple(zip(map(entry_of, rows), views, strict=True)), _next(rows, limit))

    def photos(self, photos: Collection[str]) -> dict[str, list[tuple[Entry, str]]]:
        """Who has these photos; see `Catalog.photos`."""
        found: dict[str, list[tuple[Entry, str]]] = {}
        asked = list(photos)
        for start in range(0, len(asked), _PHOTOS):
            any_of = having_photo(asked[start : start + _PHOTOS])
            fields = ["id", "side", "document", "attributes"]
            for row in self._connection.rows(f"({any_of}) and {STANDING}", fields):
                found.setdefault(photo_of(row), []).append((entry_of(row), row["side"]))
        return found

    def count(self, filters: Filters) -> int:
        """How many views pass; see `Catalog.count`."""
        return self._connection.count(conjunction(STANDING, condition(filters)))

    def values(self, name: str) -> list[str]:
        """The values of a filter among the first views, as Milvus has no list of them; see `Catalog.values`."""
        key, found = name.removeprefix(METADATA_FILTER), dict[str, None]()
        for rows in islice(self._connection.scan(STANDING, ["side", "document"]), _PAGES_OF_VALUES):
            for row in rows:
                entry = entry_of(row)
                value = (
                    row["side"] if name == SIDE else entry.metadata.get(key) if key != name else getattr(entry, name)
                )
                if (text := text_of(value)) is not None:
                    found[text] = None
        return list(found)

    def load(self) -> None:
        """Read the settings. Milvus keeps the index up to date itself. See `Catalog.load`."""
        self._settings.refresh()
        if stale := self._stale():
            _log.warning("%d views were embedded by another model and are not found: run `mintmark reembed`", stale)
        if without := self._without_relief():
            _log.warning("%d views have no relief map and cannot be verified: run `mintmark reembed`", without)

    def search(
        self,
        embeddings: Queries,
        k: int,
        filters: Filters = NO_FILTERS,
        verification: Verification | None = None,
    ) -> list[list[Match]]:
        """The k best entries per query; see `Catalog.search`."""
        return self._searcher.search(embeddings, k, self._generations.searchable(), filters, verification)

    def threshold(self) -> float | None:
        """The calibrated threshold; see `Catalog.threshold`."""
        return self._settings.threshold()

    def set_threshold(self, threshold: float) -> None:
        """Keep a threshold; see `Catalog.set_threshold`."""
        self._settings.set_threshold(threshold)

    def stale(self, limit: int) -> list[StoredView]:
        """Views to embed again; see `Catalog.stale`."""
        return self._generations.stale(limit)

    def stage(self, embeddings: Sequence[tuple[str, np.ndarray]]) -> None:
        """Keep embeddings aside; see `Catalog.stage`."""
        for _, embedding in embeddings:
            check_embedding(embedding)
        self._generations.stage(embeddings)

    def unmapped(self, limit: int) -> list[StoredView]:
        """Views without a map; see `Catalog.unmapped`."""
        return self._reliefs.unmapped(limit)

    def put_reliefs(self, reliefs: Sequence[tuple[str, np.ndarray]]) -> None:
        """Keep maps; see `Catalog.put_reliefs`."""
        for _, relief in reliefs:
            check_relief(relief)
        self._reliefs.put_if_there(reliefs)

    def switch(self) -> int:
        """Let staged embeddings count; see `Catalog.switch`."""
        return self._generations.switch()

    def forget(self) -> int:
        """Drop other models' embeddings and maps; see `Catalog.forget`."""
        forgotten = self._generations.forget()
        self._reliefs.forget_others()
        return forgotten

    def waiting(self) -> Waiting:
        """How many views wait for the models, counted every few seconds; see `Catalog.waiting`."""
        if time.monotonic() - self._waiting_read > _WAITING_LEASE:
            self._waiting = Waiting(self._stale(), self._without_relief())
            self._waiting_read = time.monotonic()
        return self._waiting

    def _stale(self) -> int:
        return max(0, self._connection.count(STANDING) - self._connection.count(self._generations.searchable()))

    def status(self) -> Status:
        """What the catalog holds. `sequence` is 0, because Milvus does not number changes. See `Catalog.status`."""
        entries = self._connection.count(f"role == {FIRST}")
        searchable = self._connection.count(self._generations.searchable())
        stale = max(0, self._connection.count(STANDING) - searchable)
        staged = self._connection.count(self._generations.staged())
        index = {"kind": self._index.kind, "metric": self._metric, **self._index.build, **self._index.search}
        return Status(entries, searchable, stale, 0, index, staged, self._without_relief())

    def _without_relief(self) -> int:
        """Views without a map. A map that a failure left without its view makes it one too few."""
        if not self._reliefs.kept:
            return 0
        return max(0, self._connection.count(STANDING) - self._reliefs.count())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _next(rows: Sequence[Row], limit: int) -> str:
    return str(rows[-1]["view"]) if rows and len(rows) == limit else ""
