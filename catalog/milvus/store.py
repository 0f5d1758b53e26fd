"""The catalog of many machines, in a Milvus server. It answers as the folder store does."""

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from catalog.entry import Enrolment, Entry, StoredView, View
from catalog.interface import NO_FILTERS, Match, Page, Queries, Status, ViewPage
from catalog.milvus.connection import PAGE, TIMEOUT, Connection, Row
from catalog.milvus.generations import ALL, Generations
from catalog.milvus.index import parse_index
from catalog.milvus.location import parse_location
from catalog.milvus.rows import (
    FIRST,
    VIEW,
    ViewIds,
    among,
    checked_cursor,
    copied,
    digest,
    entry_of,
    quoted,
    stored_view,
    vector,
    view_row,
    with_entry,
)
from catalog.milvus.schema import prepare
from catalog.milvus.search import Searcher
from catalog.milvus.settings import Settings
from ensemble.errors import EntryError, EntryNotFoundError
from ensemble.parameters import Filters

_log = logging.getLogger("mintmark.catalog")
_MOST_BYTES = 48 << 20  # of one request; Milvus takes 64 MiB
_ROW_BYTES = 2048  # of a row without its picture, about


@dataclass
class _Existing:
    """An entry that a batch finds or makes, and what identifies its views: sides with embeddings or pictures."""

    entry: Entry
    views: set[tuple[str, bytes | str]] = field(default_factory=set)


class MilvusCatalog:
    """A `Catalog` in one collection of a Milvus server; several processes and machines may have it open.

    A change is one request, which Milvus carries out as a whole or not at all. There are no transactions over several
    requests: changes of one entry by two servers at the same moment are not isolated, see docs/milvus.md. If the answer
    to a change is lost, the change may have been made.

    Args:
        location: milvus://HOST[:PORT]/COLLECTION, see `parse_location`.
        fingerprint: of the model whose embeddings are stored and searched.
        index: kind of the index, see `parse_index`.
        timeout: of one request, s.

    Raises:
        ValueError: the location or the index is malformed.
        CatalogError: the server cannot be reached, or the collection is not a catalog or has another index.
    """

    def __init__(self, location: str, fingerprint: str, index: str = "FLAT", timeout: float = TIMEOUT) -> None:
        parsed, self._index = parse_location(location), parse_index(index)
        self._metric = parsed.metric
        self._fingerprint = fingerprint
        self._connection = Connection(parsed, timeout)
        prepare(self._connection, parsed, self._index)
        self._settings = Settings(self._connection, fingerprint)
        self._generations = Generations(self._connection, self._settings, fingerprint)
        self._searcher = Searcher(self._connection, self._index)
        self._ids = ViewIds()

    def enroll(self, enrolment: Enrolment, view: View) -> str:
        """Store one photo; see `Catalog.enroll`."""
        self._check(view)
        there = self._find(enrolment.id)
        entry = _placed(enrolment, there)
        self._connection.put([self._row(enrolment, view, entry, FIRST if there is None else VIEW)])
        return entry.id

    def add(self, batch: Sequence[tuple[Enrolment, View]]) -> int:
        """Store many at once; see `Catalog.add`."""
        existing = self._existing({enrolment.id for enrolment, _ in batch if enrolment.id})
        rows: list[Row] = []
        for enrolment, view in batch:
            self._check(view)
            there = existing.get(enrolment.id)
            marks = _marks(enrolment.side, view.embedding, digest(view.picture))
            if there is not None and not there.views.isdisjoint(marks):
                continue
            entry = _placed(enrolment, there.entry if there else None)
            rows.append(self._row(enrolment, view, entry, VIEW if there else FIRST))
            existing.setdefault(entry.id, _Existing(entry)).views.update(marks)
        _check_size(rows)
        self._connection.put(rows)
        return len(rows)

    def _existing(self, ids: set[str]) -> dict[str, _Existing]:
        existing: dict[str, _Existing] = {}
        ordered = sorted(ids)
        for start in range(0, len(ordered), PAGE):
            fields = ["id", "entry", "document", "side", "model", "batch", "digest", "embedding"]
            for row in self._connection.rows(among("entry", ordered[start : start + PAGE]), fields):
                there = existing.setdefault(row["entry"], _Existing(entry_of(row)))
                embedding = vector(row) if self._generations.counts(row) else None
                there.views.update(_marks(row["side"], embedding, row["digest"]))
        return existing

    def _check(self, view: View) -> None:
        if view.fingerprint != self._fingerprint:
            raise EntryError(
                f"the embedding was made by model {view.fingerprint}, the catalog's is {self._fingerprint}"
            )

    def _row(self, enrolment: Enrolment, view: View, entry: Entry, role: int) -> Row:
        new = self._ids.next()
        return view_row(new, entry, enrolment.side, role, self._fingerprint, view.embedding, view.picture)

    def update(self, entry_id: str, changes: Mapping[str, Any]) -> Entry:
        """Change fields of an entry; see `Catalog.update`.

        One request replaces all rows of the entry, so a reader sees all of them before the change or all after it. A
        view that another server enrolls between the reading here and the request keeps the old fields until the next
        change. An entry that another server removes in between is back.
        """
        rows = self._rows(entry_id, ALL)
        changed = entry_of(rows[0]).changed(changes)
        self._connection.put([with_entry(copied(row), changed) for row in rows])
        return changed

    def remove(self, entry_id: str) -> None:
        """Remove an entry; see `Catalog.remove`."""
        self.show(entry_id)
        self._connection.delete(f"entry == {quoted(entry_id)}")

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
        rows = self._rows(entry_id, ["id", "view", "entry", "side", "model", "batch", "role", "picture", "embedding"])
        embeddings = {row["view"]: vector(row) for row in rows if self._generations.counts(row)}
        return [stored_view(row, embeddings.get(row["view"])) for row in rows if row["role"] >= VIEW]

    def _rows(self, entry_id: str, fields: Sequence[str]) -> list[Row]:
        rows = self._connection.rows(f"entry == {quoted(entry_id)}", fields) if entry_id else []
        if not rows:
            raise EntryNotFoundError(f"no entry has the id {entry_id!r}")
        return rows

    def page(self, after: str, limit: int) -> Page:
        """Some entries; see `Catalog.page`."""
        rows = self._connection.page(f"role == {FIRST}", ["view", "document"], checked_cursor(after), limit)
        return Page(tuple(map(entry_of, rows)), _next(rows, limit))

    def export(self, after: str, limit: int) -> ViewPage:
        """Some views; see `Catalog.export`."""
        fields = ["view", "entry", "side", "document", "picture"]
        rows = self._connection.page(f"role >= {VIEW}", fields, checked_cursor(after), limit)
        own = self._generations.embedded([row["view"] for row in rows], ["embedding"])
        embeddings = {view: vector(row) for view, row in own.items() if self._generations.counts(row)}
        views = tuple((entry_of(row), stored_view(row, embeddings.get(row["view"]))) for row in rows)
        return ViewPage(views, _next(rows, limit))

    def load(self) -> None:
        """Read the settings. Milvus keeps the index up to date itself. See `Catalog.load`."""
        self._settings.refresh()
        stale = self._connection.count(f"role >= {VIEW}") - self._connection.count(self._generations.searchable())
        if stale > 0:
            _log.warning("%d views were embedded by another model and are not found: run `mintmark reembed`", stale)

    def search(self, embeddings: Queries, k: int, filters: Filters = NO_FILTERS) -> list[list[Match]]:
        """The k best entries per query; see `Catalog.search`."""
        return self._searcher.search(embeddings, k, self._generations.searchable(), filters)

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
        self._generations.stage(embeddings)

    def switch(self) -> int:
        """Let staged embeddings count; see `Catalog.switch`."""
        return self._generations.switch()

    def forget(self) -> int:
        """Drop other models' embeddings; see `Catalog.forget`."""
        return self._generations.forget()

    def status(self) -> Status:
        """What the catalog holds. `sequence` is 0, because Milvus does not number changes. See `Catalog.status`."""
        entries = self._connection.count(f"role == {FIRST}")
        searchable = self._connection.count(self._generations.searchable())
        stale = max(0, self._connection.count(f"role >= {VIEW}") - searchable)
        staged = self._connection.count(self._generations.staged())
        index = {"kind": self._index.kind, "metric": self._metric, **self._index.build, **self._index.search}
        return Status(entries, searchable, stale, 0, index, staged)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _placed(enrolment: Enrolment, there: Entry | None) -> Entry:
    """The entry that a photo belongs to, with its id."""
    if there is not None:
        if enrolment.entry is not None and replace(enrolment.entry, id=there.id) != there:
            raise EntryError(f"entry {enrolment.id} is there with other fields: update it, or give only its id")
        return there
    if enrolment.entry is None:
        raise EntryNotFoundError(f"no entry has the id {enrolment.id!r}")
    return replace(enrolment.entry, id=enrolment.id or uuid.uuid4().hex[:16])


def _marks(side: str, embedding: np.ndarray | None, picture: str) -> set[tuple[str, bytes | str]]:
    """What identifies a view: its side with its embedding, or with its picture's digest."""
    marks: set[tuple[str, bytes | str]] = set()
    if embedding is not None:
        marks.add((side, np.ascontiguousarray(embedding, np.float32).tobytes()))
    if picture:
        marks.add((side, picture))
    return marks


def _check_size(rows: Sequence[Row]) -> None:
    size = sum(_ROW_BYTES + len(row["document"]) + sum(map(len, row["picture"])) for row in rows)
    if size > _MOST_BYTES:
        raise EntryError(
            f"{len(rows)} views of {size >> 20} MiB are too much for one request to Milvus: add fewer at once"
        )


def _next(rows: Sequence[Row], limit: int) -> str:
    return str(rows[-1]["view"]) if rows and len(rows) == limit else ""
