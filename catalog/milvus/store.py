"""The catalog of many machines, in a Milvus server. It answers as the folder store does."""

import logging
import operator
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

import numpy as np

from catalog.entry import Enrolment, Entry, Makers, StoredView, View, check_embedding, check_relief
from catalog.events import ANYONE, By, Event, Kind, said_of_view
from catalog.interface import NO_FILTERS, Match, Page, Queries, Status, Verification, ViewPage, Waiting
from catalog.listing import EVERYTHING, Listing, cursor_of, cursor_text
from catalog.milvus.connection import PAGE, TIMEOUT, Connection, Row
from catalog.milvus.enrolling import Existing, check_size, marks, placed
from catalog.milvus.generations import Generations
from catalog.milvus.history import History
from catalog.milvus.index import parse_index
from catalog.milvus.location import parse_location
from catalog.milvus.reliefs import NewMap, Reliefs
from catalog.milvus.rows import (
    COPY,
    FIRST,
    VIEW,
    ViewIds,
    among,
    checked_cursor,
    checked_id,
    condition,
    conjunction,
    copied,
    digest,
    entry_of,
    having_photo,
    photo_of,
    quoted,
    stored_view,
    vector,
    view_row,
    with_entry,
)
from catalog.milvus.schema import prepare
from catalog.milvus.search import Searcher
from catalog.milvus.settings import Settings
from catalog.milvus.standing import ALL, STANDING
from catalog.record import kept_records, said_of_removed
from ensemble.contract import METADATA_FILTER
from ensemble.entry import SIDE
from ensemble.errors import EntryError, EntryNotFoundError
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
        prepare(self._connection, parsed, self._index)
        self._settings = Settings(self._connection, makers)
        self._generations = Generations(self._connection, self._settings, makers.embedding)
        self._reliefs = Reliefs(self._connection, makers.relief)
        self._searcher = Searcher(self._connection, self._index, self._reliefs)
        self._history = History(self._connection)
        self._ids = ViewIds()
        self._waiting, self._waiting_read = Waiting(), float("-inf")

    def enroll(self, enrolment: Enrolment, view: View, by: By = ANYONE) -> str:
        """Store one photo; see `Catalog.enroll`."""
        view.check(self._makers)
        there = self._find(enrolment.id)
        entry = placed(enrolment, there)
        if there is not None and enrolment.photo and self._has_photo(there.id, enrolment.photo):
            return there.id
        row = self._row(enrolment, view, entry, FIRST if there is None else VIEW)
        self._put([(view, row)])
        self._note_added([row], by)
        return entry.id

    def _has_photo(self, entry_id: str, photo: str) -> bool:
        its = conjunction(f"entry == {quoted(entry_id)}", having_photo([photo]), STANDING)
        return bool(self._connection.rows(its, ["id"]))

    def _put(self, new: Sequence[tuple[View, Row]]) -> None:
        """Store views. Maps come first: without its view a map does no harm, and who finds a view finds its map."""
        maps = [NewMap(row["view"], row["entry"], view.relief) for view, row in new if view.relief is not None]
        self._reliefs.put(maps)
        self._connection.put([row for _, row in new])

    def _note_added(self, rows: Sequence[Row], by: By) -> None:
        """Tell the history of new views, with one event for each entry."""
        by_entry = dict[str, list[Row]]()
        for row in rows:
            by_entry.setdefault(row["entry"], []).append(row)
        for entry_id, its in by_entry.items():
            said = {"new": any(row["role"] == FIRST for row in its), "views": list(map(_said, its))}
            self._history.record(Kind.ADDED, entry_id, said, by)

    def add(self, batch: Sequence[tuple[Enrolment, View]], by: By = ANYONE) -> int:
        """Store many at once; see `Catalog.add`."""
        existing = self._existing({enrolment.id for enrolment, _ in batch if enrolment.id})
        new: list[tuple[View, Row]] = []
        for enrolment, view in batch:
            view.check(self._makers)
            there = existing.get(enrolment.id)
            seen = marks(enrolment.side, view.embedding, digest(view.picture), enrolment.photo)
            if there is not None and not there.views.isdisjoint(seen):
                continue
            entry = placed(enrolment, there.entry if there else None)
            new.append((view, self._row(enrolment, view, entry, VIEW if there else FIRST)))
            existing.setdefault(entry.id, Existing(entry)).views.update(seen)
        check_size([row for _, row in new])
        self._put(new)
        self._note_added([row for _, row in new], by)
        return len(new)

    def _existing(self, ids: set[str]) -> dict[str, Existing]:
        existing: dict[str, Existing] = {}
        ordered = sorted(ids)
        for start in range(0, len(ordered), PAGE):
            fields = ["id", "entry", "document", "side", "model", "batch", "digest", "embedding", "attributes"]
            for row in self._connection.rows(among("entry", ordered[start : start + PAGE]), fields):
                there = existing.setdefault(row["entry"], Existing(entry_of(row)))
                embedding = vector(row) if self._generations.counts(row) else None
                there.views.update(marks(row["side"], embedding, row["digest"], photo_of(row)))
        return existing

    def _row(self, enrolment: Enrolment, view: View, entry: Entry, role: int) -> Row:
        new, model = self._ids.next(), self._makers.embedding
        return view_row(new, entry, enrolment.side, role, model, view.embedding, view.picture, enrolment.photo)

    def update(self, entry_id: str, changes: Mapping[str, Any], by: By = ANYONE) -> Entry:
        """Change fields of an entry; see `Catalog.update`.

        One request replaces all rows of the entry, so a reader sees all of them before the change or all after it. A
        view that another server enrolls between the reading here and the request keeps the old fields until the next
        change. An entry that another server removes in between is back.
        """
        rows = self._rows(entry_id, ALL)
        before = entry_of(rows[0])
        changed = before.changed(changes)
        if said := changed.differing(before):
            self._connection.put([with_entry(copied(row), changed) for row in rows])
            self._history.record(Kind.UPDATED, entry_id, said, by)
        return changed

    def remove(self, entry_id: str, by: By = ANYONE) -> None:
        """Remove an entry; see `Catalog.remove`. What is kept of it is stored before it goes."""
        self._note_removed(self.show(entry_id), self.views(entry_id), True, by)
        self._connection.delete(f"entry == {quoted(entry_id)}")
        self._reliefs.remove(entry_id)

    def remove_view(self, view_id: str, by: By = ANYONE) -> None:
        """Remove a view; see `Catalog.remove_view`."""
        rows = self._rows_of_view(view_id, ["entry", "document", "role"])
        entry = entry_of(rows[0])
        others = self._others(entry.id, view_id)
        if not others:
            raise EntryError(f"it is the only photo of entry {entry.id}: remove the entry")
        self._note_removed(entry, [view for view in self.views(entry.id) if view.id == view_id], False, by)
        if any(row["role"] == FIRST for row in rows):  # for a moment two rows stand for the entry, rather than none
            self._connection.put([copied(others[0], role=FIRST)])
        self._connection.delete(f"view == {quoted(view_id)}")
        self._reliefs.remove_view(view_id)

    def _note_removed(self, entry: Entry, views: Sequence[StoredView], whole: bool, by: By) -> None:
        kept = kept_records(self._makers, entry, views)
        self._history.record(Kind.REMOVED, entry.id, said_of_removed(entry, views, whole), by, kept=kept)

    def change_view(self, view_id: str, side: str = "", to: Entry | None = None, by: By = ANYONE) -> None:
        """Let a view show another side, or belong to another entry; see `Catalog.change_view`."""
        rows = self._rows_of_view(view_id, ALL)
        entry, before = entry_of(rows[0]), rows[0]["side"]
        said: dict[str, Any] = {"view": view_id, "side": [before, side or before]}
        if to is None or to.id == entry.id:
            self._connection.put([with_entry(copied(row, side=side or before), entry) for row in rows])
            self._history.record(Kind.CHANGED, entry.id, said, by)
            return
        there = self._find(to.id)
        target = placed(Enrolment(before, to, to.id), there)
        roles = {COPY: COPY, VIEW: VIEW if there else FIRST, FIRST: VIEW if there else FIRST}
        moved = [with_entry(copied(row, side=side or before, role=roles[row["role"]]), target) for row in rows]
        others = self._others(entry.id, view_id)
        if not others:
            said["left"] = asdict(entry)
        elif any(row["role"] == FIRST for row in rows):
            moved.append(copied(others[0], role=FIRST))
        self._connection.put(moved)
        self._reliefs.move(view_id, target.id)
        self._history.record(Kind.CHANGED, entry.id, said, by, other=target.id)

    def _rows_of_view(self, view_id: str, fields: Sequence[str]) -> list[Row]:
        """The rows of a view, by all models."""
        rows = self._connection.rows(f"view == {quoted(checked_id(view_id))}", ["id", *fields]) if view_id else []
        if not rows:
            raise EntryNotFoundError(f"no photo has the id {view_id!r}")
        return rows

    def _others(self, entry_id: str, view_id: str) -> list[Row]:
        """The rows that stand for the other views of an entry."""
        its = conjunction(f"entry == {quoted(entry_id)}", STANDING, f"view != {quoted(view_id)}")
        return self._connection.rows(its, ALL)

    def history(self, entry_id: str, before: str, limit: int) -> list[Event]:
        """What happened; see `Catalog.history`."""
        return self._history.page(entry_id, before, limit)

    def kept(self, number: str) -> bytes:
        """What an event kept; see `Catalog.kept`."""
        return self._history.kept(number)

    def show(self, entry_id: str) -> Entry:
        """One entry; see `Catalog.show`."""
        if (entry := self._find(entry_id)) is None:
            raise EntryNotFoundError(f"no entry has the id {entry_id!r}")
        return entry

    def _find(self, entry_id: str) -> Entry | None:
        """The entry in its first view's row; None for '', the entry of rows of settings."""
        rows = self._connection.page(f"entry == {quoted(entry_id)}", ["document"], "", 1) if entry_id else []
        return entry_of(rows[0]) if rows else None

    def views(self, entry_id: str) -> list[StoredView]:
        """The views of an entry; see `Catalog.views`."""
        fields = ["id", "view", "entry", "side", "model", "batch", "role", "picture", "embedding", "attributes"]
        rows = self._rows(entry_id, fields)
        embeddings = {row["view"]: vector(row) for row in rows if self._generations.counts(row)}
        rows = [row for row in rows if row["role"] >= VIEW]
        maps = self._reliefs.of([row["view"] for row in rows])
        return [stored_view(row, embeddings.get(row["view"]), maps.get(row["view"])) for row in rows]

    def _rows(self, entry_id: str, fields: Sequence[str]) -> list[Row]:
        rows = self._connection.rows(f"entry == {quoted(entry_id)}", fields) if entry_id else []
        if not rows:
            raise EntryNotFoundError(f"no entry has the id {entry_id!r}")
        return rows

    def page(self, after: str, limit: int, listing: Listing = EVERYTHING) -> Page:
        """Some entries; see `Catalog.page`. Milvus cannot sort: a sorted list reads all entries for each page."""
        found = list(islice(self._listed(cursor_of(after), listing), limit))
        end = cursor_text(listing.key(found[-1][1]), found[-1][0]) if len(found) == limit else ""
        return Page(tuple(entry for _, entry in found), end)

    def _listed(self, after: tuple[str, str] | None, listing: Listing) -> Iterator[tuple[str, Entry]]:
        """The entries of a list after a key and a view, each with the view that stands for it."""
        if listing.sort or listing.descending:
            keyed = [((listing.key(entry), view), entry) for view, entry in self._shown("", listing)]
            keyed.sort(key=lambda pair: pair[0], reverse=listing.descending)
            later = operator.lt if listing.descending else operator.gt
            return ((place[1], entry) for place, entry in keyed if after is None or later(place, after))
        return self._shown("" if after is None else after[1], listing)

    def _shown(self, after: str, listing: Listing) -> Iterator[tuple[str, Entry]]:
        """The same in the order of enrolment."""
        having = self._entries_with(listing.side) if listing.side else None
        its = conjunction(f"role == {FIRST}", condition(listing.of_entries))
        for rows in self._connection.scan(its, ["view", "document"], checked_cursor(after)):
            for row in rows:
                entry = entry_of(row)
                if listing.shows(entry) and (having is None or entry.id in having):
                    yield row["view"], entry

    def _entries_with(self, side: str) -> set[str]:
        """Ids of the entries that have a view of a side."""
        its = conjunction(STANDING, condition({SIDE: side}))
        return {row["entry"] for rows in self._connection.scan(its, ["entry"]) for row in rows}

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


def _said(row: Row) -> dict[str, str]:
    return said_of_view(row["view"], row["side"], photo_of(row))


def _next(rows: Sequence[Row], limit: int) -> str:
    return str(rows[-1]["view"]) if rows and len(rows) == limit else ""
