"""The catalog of one machine: SQLite for the truth, Faiss derived from it."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from catalog.entry import Enrolment, Entry, Makers, StoredView, View, check_embedding, check_relief
from catalog.events import ANYONE, By, Event
from catalog.folder.candidates import Hits, Seen, verified
from catalog.folder.index.exact import FlatIndex, VectorIndex
from catalog.folder.index.following import FollowingIndex
from catalog.folder.index.keeper import GROWTH, Growth, IndexKeeper
from catalog.folder.index.saved import UnfitIndexError, check, read_stamp
from catalog.folder.index.spec import FLAT, IndexSpec
from catalog.folder.reliefs.file import FileReliefs
from catalog.folder.reliefs.following import FollowingReliefs
from catalog.folder.reliefs.store import ReliefStore
from catalog.folder.sqlite.connection import Connection
from catalog.folder.sqlite.entries import Entries, cursor
from catalog.folder.sqlite.feed import Feed
from catalog.folder.sqlite.generations import Generations
from catalog.folder.sqlite.history import History
from catalog.folder.sqlite.reliefs import Reliefs
from catalog.folder.sqlite.schema import GENERATIONS, UPDATED
from catalog.folder.sqlite.views import Views
from catalog.folder.sqlite.writer import Writer
from catalog.folder.waiting import WaitingViews
from catalog.grouping import best_entries, expected_views
from catalog.interface import NO_FILTERS, Match, Page, Queries, Status, Verification, ViewPage, Waiting
from catalog.listing import EVERYTHING, Listing, cursor_of, cursor_text
from ensemble.parameters import Filters

_log = logging.getLogger("mintmark.catalog")


class FolderCatalog:
    """A `Catalog` in a folder; several processes may have it open.

    Args:
        folder: of the database.
        makers: of the embeddings and relief maps that are stored and searched.
        vectors: an empty index for all embeddings; None takes the CPU's, with built indexes.
        reliefs: an empty store for all relief maps; None takes a file in the folder.
        spec: kind of the built index.
        growth: when to build it.

    Raises:
        CatalogError: the database cannot be opened.
    """

    def __init__(
        self,
        folder: Path,
        makers: Makers,
        vectors: VectorIndex | None = None,
        reliefs: ReliefStore | None = None,
        spec: IndexSpec = FLAT,
        growth: Growth = GROWTH,
    ) -> None:
        self._folder = folder
        self._makers = makers
        self._spec = spec
        self._connection = Connection(folder)
        self._entries = Entries(self._connection)
        self._generations = Generations(self._connection, makers.embedding)
        self._reliefs = Reliefs(self._connection, makers.relief)
        self._feed = Feed(self._connection, self._generations)
        self._history = History(self._connection)
        self._views = Views(self._generations, self._reliefs)
        self._writer = Writer(self._connection, makers)
        self._keeper = IndexKeeper(folder, makers.embedding, spec, growth) if vectors is None else None
        self._index = FollowingIndex(
            self._feed, self._entries.matching, self._generations.vectors, vectors or FlatIndex(), self._keeper
        )
        self._waiting = WaitingViews(self._feed.version, self._count_waiting)
        self._relief_store = reliefs
        self._maps: FollowingReliefs | None = None  # opened by the first search: who only enrolls needs none

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

    def show(self, entry_id: str) -> Entry:
        """One entry; see `Catalog.show`."""
        return self._entries.get(entry_id)[1]

    def views(self, entry_id: str) -> list[StoredView]:
        """The views of an entry; see `Catalog.views`."""
        with self._connection.transaction("DEFERRED"):
            number, _ = self._entries.get(entry_id)
            return [view for _, view in self._views.where("views.entry = ?", number)]

    def picture(self, entry_id: str, view_id: str = "") -> bytes:
        """The picture of one photo; see `Catalog.picture`."""
        with self._connection.transaction("DEFERRED"):
            return self._entries.picture(entry_id, view_id)

    def history(self, entry_id: str, before: str, limit: int) -> list[Event]:
        """What happened; see `Catalog.history`."""
        return self._history.page(entry_id, cursor(before) or 2**63 - 1, limit)

    def kept(self, number: str) -> bytes:
        """What an event kept; see `Catalog.kept`."""
        return self._history.kept(cursor(number))

    def page(self, after: str, limit: int, listing: Listing = EVERYTHING) -> Page:
        """Some entries; see `Catalog.page`."""
        place = cursor_of(after)
        rows = self._entries.page(None if place is None else (place[0], cursor(place[1])), limit, listing)
        end = cursor_text(listing.key(rows[-1][1]), str(rows[-1][0])) if rows and len(rows) == limit else ""
        return Page(tuple(entry for _, entry in rows), end)

    def export(self, after: str, limit: int) -> ViewPage:
        """Some views; see `Catalog.export`."""
        with self._connection.transaction("DEFERRED"):
            rows = self._views.where("views.number > ?", cursor(after), limit)
            entries = self._entries.numbered(sorted({number for number, _ in rows}))
        views = tuple((entries[number], view) for number, view in rows)
        return ViewPage(views, views[-1][1].id if views and len(views) == limit else "")

    def photos(self, photos: Collection[str]) -> dict[str, list[tuple[Entry, str]]]:
        """Who has these photos; see `Catalog.photos`."""
        with self._connection.transaction("DEFERRED"):
            found = {photo: self._entries.with_photo(photo) for photo in photos}
        return {photo: [(entry, side) for _, entry, side in having] for photo, having in found.items() if having}

    def count(self, filters: Filters) -> int:
        """How many views pass; see `Catalog.count`."""
        return self._entries.passing(filters)

    def values(self, name: str) -> list[str]:
        """The values of a filter; see `Catalog.values`."""
        return self._entries.values(name)

    def load(self) -> None:
        """Bring the index up to date; see `Catalog.load`."""
        self._index.load()
        self._follow_reliefs()
        query = "SELECT COUNT(*) FROM generations WHERE fingerprint != ?"
        others = self._connection.value(query, (self._makers.embedding,))
        if others and (stale := self.status().stale_views):
            _log.warning("%d views were embedded by another model and are not found: run `mintmark reembed`", stale)
        if self._makers.relief and (without := self.status().without_relief):
            _log.warning("%d views have no relief map and cannot be verified: run `mintmark reembed`", without)

    def _follow_reliefs(self) -> FollowingReliefs | None:
        """The relief maps, up to date; None for a catalog that keeps none."""
        if not self._makers.relief:
            return None
        if self._maps is None:
            store = self._relief_store or FileReliefs(self._folder, self._makers.relief, self._feed)
            self._maps = FollowingReliefs(self._feed, self._reliefs, store)
        self._maps.follow()
        return self._maps

    def search(
        self,
        embeddings: Queries,
        k: int,
        filters: Filters = NO_FILTERS,
        verification: Verification | None = None,
    ) -> list[list[Match]]:
        """The k best entries per query; see `Catalog.search`."""
        with self._connection.transaction("DEFERRED"):  # an entry that changes meanwhile could fail the filters
            return self._search(embeddings, k, filters, verification)

    def _search(
        self, embeddings: Queries, k: int, filters: Filters, verification: Verification | None
    ) -> list[list[Match]]:
        self._index.follow()
        first = expected_views(k) if verification is None else verification.candidates
        # The index comes first: a view that it finds has its map here.
        maps = None if verification is None else self._follow_reliefs()

        def hits(n: int) -> list[Hits]:
            found = self._index.search(embeddings, n, filters)
            rows = [Seen(views, cosines) for cosines, views in zip(*found, strict=True)]
            if maps is not None and verification is not None:
                rows = [verified(maps, verification, row, seen) for row, seen in enumerate(rows)]
            return [Hits(seen, self._entries, expected_views(k)) for seen in rows]

        rows = best_entries(hits, k, self._index.ntotal, first)
        entries = self._entries.numbered(sorted({hit.entry for row in rows for hit in row}))
        found = [
            [
                Match(
                    entries[hit.entry],
                    hit.side,
                    str(hit.view),
                    hit.cosine,
                    hit.log_odds,
                    hit.correlation,
                    hit.angle,
                )
                for hit in row
                if hit.entry in entries
            ]
            for row in rows
        ]
        return found or [[] for _ in range(embeddings.shape[0])]

    def threshold(self) -> float | None:
        """The calibrated threshold; see `Catalog.threshold`."""
        value = self._connection.value("SELECT value FROM settings WHERE key = ?", (self._threshold_key,))
        return None if value is None else float(value)

    def set_threshold(self, threshold: float) -> None:
        """Keep a threshold; see `Catalog.set_threshold`."""
        with self._connection.transaction():
            self._connection.run(
                "INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)",
                (self._threshold_key, repr(float(threshold))),
            )

    @property
    def _threshold_key(self) -> str:
        # Release 0.1 kept thresholds of cosines under the embedding's model alone.
        return f"threshold:{self._makers.embedding}:{self._makers.relief}"

    def stale(self, limit: int) -> list[StoredView]:
        """Views to embed again; see `Catalog.stale`."""
        with self._connection.transaction("DEFERRED"):
            return self._generations.stale(limit)

    def stage(self, embeddings: Iterable[tuple[str, np.ndarray]]) -> None:
        """Keep embeddings aside; see `Catalog.stage`."""
        with self._connection.transaction():
            generation = self._generations.current(counts=False)
            for view, embedding in embeddings:
                check_embedding(embedding)
                self._generations.put_if_there(cursor(view), generation, embedding)

    def unmapped(self, limit: int) -> list[StoredView]:
        """Views without a map; see `Catalog.unmapped`."""
        with self._connection.transaction("DEFERRED"):
            return self._reliefs.lacking(limit)

    def put_reliefs(self, reliefs: Iterable[tuple[str, np.ndarray]]) -> None:
        """Keep maps; see `Catalog.put_reliefs`."""
        reliefs = list(reliefs)
        for _, relief in reliefs:
            check_relief(relief)
        with self._connection.transaction():
            kept = [number for view, relief in reliefs if self._reliefs.put(number := cursor(view), relief)]
            self._feed.record(UPDATED, kept)

    def switch(self) -> int:
        """Let staged embeddings count; see `Catalog.switch`."""
        with self._connection.transaction():
            switched, count = self._generations.switch()
            self._feed.record(GENERATIONS, switched)
        return count

    def forget(self) -> int:
        """Drop other models' embeddings; see `Catalog.forget`."""
        with self._connection.transaction():
            forgotten, count = self._generations.forget_others()
            self._feed.record(GENERATIONS, forgotten)
            self._reliefs.forget_others()
        return count

    def waiting(self) -> Waiting:
        """How many views wait for the models; see `Catalog.waiting`."""
        return self._waiting.now()

    def _count_waiting(self) -> Waiting:
        with self._connection.transaction("DEFERRED"):
            _, views = self._entries.counts()
            without = views - self._reliefs.count() if self._makers.relief else 0
            return Waiting(views - self._generations.count(counts=True), without)

    def status(self) -> Status:
        """What the catalog holds; see `Catalog.status`."""
        with self._connection.transaction("DEFERRED"):
            entries, views = self._entries.counts()
            searchable, staged = (self._generations.count(counts) for counts in (True, False))
            without = views - self._reliefs.count() if self._makers.relief else 0
            return Status(
                entries, searchable, views - searchable, self._feed.last(), self._index_status(), staged, without
            )

    def _index_status(self) -> dict[str, Any]:
        """The setting, and the figures of the saved index if one fits."""
        try:
            stamp = read_stamp(self._folder, self._makers.embedding)
            check(stamp, self._feed, self._spec, tuple(self._generations.numbers(counts=True)))
        except UnfitIndexError:
            return {"kind": self._spec.text}
        return {"kind": self._spec.text, "built_views": stamp.views, **stamp.measured}

    def close(self) -> None:
        """Close the database."""
        if self._keeper is not None:
            self._keeper.close()
        if self._maps is not None:
            self._maps.close()
            self._maps = None
        self._connection.close()
