"""Changes of entries and their views in the database, each a transaction with its change for indexes and its event."""

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from catalog.entry import Enrolment, Entry, Makers, StoredView, View
from catalog.events import By, Kind, said_of_change, said_of_view
from catalog.folder.sqlite.connection import Connection, DiskFullError
from catalog.folder.sqlite.entries import Entries
from catalog.folder.sqlite.feed import Feed
from catalog.folder.sqlite.generations import Generations
from catalog.folder.sqlite.history import History
from catalog.folder.sqlite.reliefs import Reliefs
from catalog.folder.sqlite.schema import ADDED, REMOVED, UPDATED
from catalog.folder.sqlite.views import Views
from catalog.record import kept_records, said_of_removed
from ensemble.errors import EntryError, EntryNotFoundError

_log = logging.getLogger("mintmark.catalog")


@dataclass(frozen=True)
class _Stored:
    """A view that was stored.

    Attributes:
        entry: id of its entry.
        number: of the view.
        side, photo: of the view.
        new: whether its entry was made for it.
    """

    entry: str
    number: int
    side: str
    photo: str
    new: bool


class Writer:
    """Changes entries and views as `Catalog` says, for the models whose embeddings and relief maps come with them."""

    def __init__(self, connection: Connection, makers: Makers) -> None:
        self._connection = connection
        self._makers = makers
        self._entries = Entries(connection)
        self._generations = Generations(connection, makers.embedding)
        self._reliefs = Reliefs(connection, makers.relief)
        self._views = Views(self._generations, self._reliefs)
        self._feed = Feed(connection, self._generations)
        self._history = History(connection)

    def enroll(self, enrolment: Enrolment, view: View, by: By) -> str:
        """Store one photo; see `Catalog.enroll`."""
        with self._connection.transaction():
            if self._has_photo(enrolment):
                return enrolment.id
            stored = self._store(enrolment, view)
            self._note_added([stored], by)
        return stored.entry

    def _has_photo(self, enrolment: Enrolment) -> bool:
        """Whether the entry that an enrolment names has its photo already. EntryError if it has other fields."""
        having = (entry for _, entry, _ in self._entries.with_photo(enrolment.photo) if entry.id == enrolment.id)
        if (there := next(having, None)) is not None:
            enrolment.check_fields(there)
        return there is not None

    def add(self, batch: Sequence[tuple[Enrolment, View]], by: By) -> int:
        """Store many at once; see `Catalog.add`."""
        added = list[_Stored]()
        with self._connection.transaction():
            for enrolment, view in batch:
                found = self._entries.find(enrolment.id) if enrolment.id else None
                has_view = found is not None and self._generations.has(found[0], enrolment.side, view)
                if not has_view and not self._has_photo(enrolment):
                    added.append(self._store(enrolment, view))
            self._note_added(added, by)
        return len(added)

    def _store(self, enrolment: Enrolment, view: View) -> "_Stored":
        """Store a view."""
        view.check(self._makers)
        entry_id, number, new = self._place(enrolment)
        stored = self._entries.add_view(number, enrolment.side, view.picture, enrolment.photo)
        self._generations.put(stored, self._generations.current(counts=True), view.embedding)
        if view.relief is not None:
            self._reliefs.put(stored, view.relief)
        return _Stored(entry_id, stored, enrolment.side, enrolment.photo, new)

    def _place(self, enrolment: Enrolment) -> tuple[str, int, bool]:
        """Id and number of the entry that a photo belongs to, and whether it is a new one, which is made here."""
        found = self._entries.find(enrolment.id) if enrolment.id else None
        if found is not None:
            enrolment.check_fields(found[1])
            return enrolment.id, found[0], False
        if enrolment.entry is None:
            raise EntryNotFoundError(f"no entry has the id {enrolment.id!r}")
        entry_id = enrolment.id or uuid.uuid4().hex[:16]
        return entry_id, self._entries.create(replace(enrolment.entry, id=entry_id)), True

    def _note_added(self, added: Sequence["_Stored"], by: By) -> None:
        """Tell indexes and the history of new views; the history has one event for each entry."""
        self._feed.record(ADDED, [one.number for one in added])
        by_entry = dict[str, list[_Stored]]()
        for one in added:
            by_entry.setdefault(one.entry, []).append(one)
        for entry_id, its in by_entry.items():
            views = [said_of_view(str(one.number), one.side, one.photo) for one in its]
            self._history.record(Kind.ADDED, entry_id, {"new": its[0].new, "views": views}, by)

    def update(self, entry_id: str, changes: Mapping[str, Any], by: By) -> Entry:
        """Change fields of an entry; see `Catalog.update`."""
        with self._connection.transaction():
            number, entry = self._entries.get(entry_id)
            changed = entry.changed(changes)
            if said := changed.differing(entry):
                self._entries.replace(number, changed)
                self._feed.record(UPDATED, self._entries.views_of(number))
                self._history.record(Kind.UPDATED, entry_id, said, by)
        return changed

    def remove(self, entry_id: str, by: By) -> None:
        """Remove an entry; see `Catalog.remove`."""
        self._making_room(self._remove, entry_id, by)

    def _remove(self, entry_id: str, by: By, keeping: bool) -> None:
        number, entry = self._entries.get(entry_id)
        views = [view for _, view in self._views.where("views.entry = ?", number)]
        self._entries.remove(number)
        self._note_removed(entry, views, True, by, keeping)

    def remove_view(self, view_id: str, by: By) -> None:
        """Remove a view; see `Catalog.remove_view`."""
        self._making_room(self._remove_view, view_id, by)

    def _remove_view(self, view_id: str, by: By, keeping: bool) -> None:
        view, number, *_ = self._entries.view(view_id)
        entry = self._entries.numbered([number])[number]
        if self._entries.views_of(number) == [view]:
            raise EntryError(f"it is the only photo of entry {entry.id}: remove the entry")
        views = [one for _, one in self._views.where("views.number = ?", view)]
        self._entries.remove_view(view)
        self._note_removed(entry, views, False, by, keeping)

    def _making_room(self, remove: Callable[[str, By, bool], None], key: str, by: By) -> None:
        """Remove something, and keep it; on a full disk, do not keep it: removing has to make room."""
        try:
            with self._connection.transaction():
                remove(key, by, True)
        except DiskFullError:
            with self._connection.transaction():
                remove(key, by, False)
            _log.warning("the disk is full: what was removed as %s is not kept and cannot be put back", key)

    def _note_removed(self, entry: Entry, views: Sequence[StoredView], whole: bool, by: By, keeping: bool) -> None:
        self._feed.record(REMOVED, [int(view.id) for view in views])
        kept = kept_records(self._makers, entry, views) if keeping else b""
        self._history.record(Kind.REMOVED, entry.id, said_of_removed(entry, views, whole), by, kept=kept)

    def change_view(self, view_id: str, side: str, to: Entry | None, by: By) -> None:
        """Let a view show another side, or belong to another entry; see `Catalog.change_view`."""
        with self._connection.transaction():
            view, number, before, photo = self._entries.view(view_id)
            entry = self._entries.numbered([number])[number]
            said = said_of_change(view_id, photo, before, side)
            other, target, _ = ("", number, False) if to is None else self._place(Enrolment(before, to, to.id))
            self._entries.change_view(view, target, side or before)
            if not self._entries.views_of(number):
                said["left"] = asdict(entry)
                self._entries.remove(number)
            self._feed.record(UPDATED, [view])
            self._history.record(Kind.CHANGED, entry.id, said, by, other)
