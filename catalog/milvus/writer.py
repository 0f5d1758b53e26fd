"""Changes of entries and their views, each with its event.

A change of views is one request, which Milvus carries out as a whole or not at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from catalog.entry import Enrolment, Entry, Makers, StoredView, View
from catalog.events import By, Kind, said_of_change, said_of_view
from catalog.milvus.connection import PAGE, Connection, Row
from catalog.milvus.enrolling import Existing, check_size, marks, placed
from catalog.milvus.entries import Entries
from catalog.milvus.generations import Generations
from catalog.milvus.history import History
from catalog.milvus.reliefs import NewMap, Reliefs
from catalog.milvus.rows import (
    COPY,
    FIRST,
    VIEW,
    ViewIds,
    among,
    conjunction,
    copied,
    digest,
    entry_of,
    having_photo,
    photo_of,
    quoted,
    vector,
    view_row,
    with_entry,
)
from catalog.milvus.standing import ALL, STANDING
from catalog.record import kept_records, said_of_removed
from ensemble.errors import EntryError, EntryNotFoundError


class Writer:
    """Changes entries and views as `Catalog` says, for the models whose embeddings and relief maps come with them."""

    def __init__(
        self,
        connection: Connection,
        makers: Makers,
        entries: Entries,
        generations: Generations,
        reliefs: Reliefs,
        history: History,
    ) -> None:
        self._connection = connection
        self._makers = makers
        self._entries = entries
        self._generations = generations
        self._reliefs = reliefs
        self._history = history
        self._ids = ViewIds()

    def enroll(self, enrolment: Enrolment, view: View, by: By) -> str:
        """Store one photo; see `Catalog.enroll`."""
        view.check(self._makers)
        there = self._entries.find(enrolment.id)
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
        said = {
            entry_id: {"new": any(row["role"] == FIRST for row in its), "views": list(map(_said, its))}
            for entry_id, its in by_entry.items()
        }
        self._history.record_each(Kind.ADDED, said, by)

    def add(self, batch: Sequence[tuple[Enrolment, View]], by: By) -> int:
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

    def update(self, entry_id: str, changes: Mapping[str, Any], by: By) -> Entry:
        """Change fields of an entry; see `Catalog.update`.

        One request replaces all rows of the entry, so a reader sees all of them before the change or all after it. A
        view that another server enrolls between the reading here and the request keeps the old fields until the next
        change. An entry that another server removes in between is back.
        """
        rows = self._entries.rows(entry_id, ALL)
        before = entry_of(rows[0])
        changed = before.changed(changes)
        if said := changed.differing(before):
            self._connection.put([with_entry(copied(row), changed) for row in rows])
            self._history.record(Kind.UPDATED, entry_id, said, by)
        return changed

    def remove(self, entry_id: str, by: By) -> None:
        """Remove an entry; see `Catalog.remove`. What is kept of it is stored before it goes."""
        self._note_removed(self._entries.get(entry_id), self._entries.views(entry_id), True, by)
        self._connection.delete(f"entry == {quoted(entry_id)}")
        self._reliefs.remove(entry_id)

    def remove_view(self, view_id: str, by: By) -> None:
        """Remove a view; see `Catalog.remove_view`."""
        rows = self._rows_of_view(view_id, ["entry", "document", "role"])
        entry = entry_of(rows[0])
        others = self._others(entry.id, view_id)
        if not others:
            raise EntryError(f"it is the only photo of entry {entry.id}: remove the entry")
        self._note_removed(entry, [view for view in self._entries.views(entry.id) if view.id == view_id], False, by)
        if any(row["role"] == FIRST for row in rows):  # for a moment two rows stand for the entry, rather than none
            self._connection.put([copied(others[0], role=FIRST)])
        self._connection.delete(f"view == {quoted(view_id)}")
        self._reliefs.remove_view(view_id)

    def _note_removed(self, entry: Entry, views: Sequence[StoredView], whole: bool, by: By) -> None:
        kept = kept_records(self._makers, entry, views)
        self._history.record(Kind.REMOVED, entry.id, said_of_removed(entry, views, whole), by, kept=kept)

    def change_view(self, view_id: str, side: str, to: Entry | None, by: By) -> None:
        """Let a view show another side, or belong to another entry; see `Catalog.change_view`."""
        rows = self._rows_of_view(view_id, ALL)
        entry, before = entry_of(rows[0]), rows[0]["side"]
        said = said_of_change(view_id, photo_of(rows[0]), before, side)
        if to is None or to.id == entry.id:
            self._connection.put([with_entry(copied(row, side=side or before), entry) for row in rows])
            self._history.record(Kind.CHANGED, entry.id, said, by)
            return
        there = self._entries.find(to.id)
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
        rows = self._connection.rows(f"view == {quoted(view_id)}", ["id", *fields]) if view_id else []
        if not rows:
            raise EntryNotFoundError(f"no photo has the id {view_id!r}")
        return rows

    def _others(self, entry_id: str, view_id: str) -> list[Row]:
        """The rows that stand for the other views of an entry."""
        its = conjunction(f"entry == {quoted(entry_id)}", STANDING, f"view != {quoted(view_id)}")
        return self._connection.rows(its, ALL)


def _said(row: Row) -> dict[str, str]:
    return said_of_view(row["view"], row["side"], photo_of(row))
