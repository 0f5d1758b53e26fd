"""Reads entries and their views from their rows, and lists them."""

import operator
from collections.abc import Iterator, Sequence
from itertools import islice

from catalog.entry import Entry, StoredView
from catalog.interface import Page
from catalog.listing import Listing, cursor_of, cursor_text
from catalog.milvus.connection import Connection, Row
from catalog.milvus.generations import Generations
from catalog.milvus.reliefs import Reliefs
from catalog.milvus.rows import (
    FIRST,
    VIEW,
    checked_cursor,
    condition,
    conjunction,
    entry_of,
    picture_of,
    quoted,
    stored_view,
    vector,
)
from catalog.milvus.standing import STANDING
from ensemble.entry import SIDE
from ensemble.errors import EntryNotFoundError


class Entries:
    """The entries of a collection, with their views as one model sees them."""

    def __init__(self, connection: Connection, generations: Generations, reliefs: Reliefs) -> None:
        self._connection = connection
        self._generations = generations
        self._reliefs = reliefs

    def get(self, entry_id: str) -> Entry:
        """An entry. Raises EntryNotFoundError."""
        if (entry := self.find(entry_id)) is None:
            raise EntryNotFoundError(f"no entry has the id {entry_id!r}")
        return entry

    def find(self, entry_id: str) -> Entry | None:
        """The entry in its first view's row; None for '', the entry of rows of settings."""
        rows = self._connection.page(f"entry == {quoted(entry_id)}", ["document"], "", 1) if entry_id else []
        return entry_of(rows[0]) if rows else None

    def views(self, entry_id: str) -> list[StoredView]:
        """The views of an entry; see `Catalog.views`."""
        fields = ["id", "view", "entry", "side", "model", "batch", "role", "picture", "embedding", "attributes"]
        rows = self.rows(entry_id, fields)
        embeddings = {row["view"]: vector(row) for row in rows if self._generations.counts(row)}
        rows = [row for row in rows if row["role"] >= VIEW]
        maps = self._reliefs.of([row["view"] for row in rows])
        return [stored_view(row, embeddings.get(row["view"]), maps.get(row["view"])) for row in rows]

    def picture(self, entry_id: str, view_id: str) -> bytes:
        """The picture of a view; see `Catalog.picture`."""
        which = f"view == {quoted(view_id)}" if view_id else 'digest != ""'
        its = conjunction(f"entry == {quoted(entry_id)}", STANDING, which)
        rows = self._connection.page(its, ["picture"], "", 1) if entry_id else []
        if not rows:
            self.get(entry_id)
            if view_id:
                raise EntryNotFoundError(f"entry {entry_id} has no photo {view_id!r}")
        return picture_of(rows[0]) if rows else b""

    def rows(self, entry_id: str, fields: Sequence[str]) -> list[Row]:
        """The rows of an entry's views, by all models. Raises EntryNotFoundError."""
        rows = self._connection.rows(f"entry == {quoted(entry_id)}", fields) if entry_id else []
        if not rows:
            raise EntryNotFoundError(f"no entry has the id {entry_id!r}")
        return rows

    def page(self, after: str, limit: int, listing: Listing) -> Page:
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
