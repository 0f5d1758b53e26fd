"""What an enrolment needs of a catalog, and a catalog that only remembers what would happen to it."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from mintmark._client import Client
from mintmark._requests import fingerprint, half_fingerprints
from mintmark._types import Entry, EntryFields, HalfPhoto, Known, KnownPhoto

OnDoubt = Callable[[str], None]


class Catalog(Protocol):
    """The methods of Client that an enrolment calls."""

    def known(self, ids: Sequence[str] = (), photos: Sequence[str] = ()) -> Known:
        """See Client."""

    def both_sides(self, photo: bytes) -> tuple[HalfPhoto, HalfPhoto]:
        """See Client."""

    def enroll(
        self, photo: bytes, fields: EntryFields, entry_id: str = "", *, on_doubt: OnDoubt | None = None
    ) -> Entry:
        """See Client."""

    def add_view(self, photo: bytes, entry_id: str, side: str, *, on_doubt: OnDoubt | None = None) -> None:
        """See Client."""

    def update(self, entry_id: str, **changes: Any) -> Entry:
        """See Client."""


class Rehearsal:
    """The catalog as it would be: asks it, and keeps every change to itself.

    It does not look at photos, so it does not know which of them the server would refuse.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._entries: dict[str, Entry] = {}
        self._photos: dict[str, list[tuple[str, str]]] = {}  # entry and side, by the photo

    def known(self, ids: Sequence[str] = (), photos: Sequence[str] = ()) -> Known:
        """See Catalog."""
        there = self._client.known(ids, photos)
        entries = {**there.entries, **{key: self._entries[key] for key in ids if key in self._entries}}
        having = {
            photo: tuple(KnownPhoto(self._entries.get(one.entry.id, one.entry), one.side) for one in views)
            for photo, views in there.photos.items()
        }
        for photo in photos:
            new = tuple(KnownPhoto(self._entries[entry], side) for entry, side in self._photos.get(photo, ()))
            if new:
                having[photo] = having.get(photo, ()) + new
        return Known(entries, having)

    def both_sides(self, photo: bytes) -> tuple[HalfPhoto, HalfPhoto]:
        """See Catalog. What the halves show is not looked at."""
        first, second = (HalfPhoto(b"", known_by, (0, 0)) for known_by in half_fingerprints(fingerprint(photo)))
        return first, second

    def enroll(
        self, photo: bytes, fields: EntryFields, entry_id: str = "", *, on_doubt: OnDoubt | None = None
    ) -> Entry:
        """See Catalog."""
        said = {name: getattr(fields, name) for name in Entry.__dataclass_fields__ if name != "id"}
        entry = Entry(id=entry_id, **said)
        self._entries[entry.id] = entry
        self._remember(photo, entry.id, fields.side)
        return entry

    def add_view(self, photo: bytes, entry_id: str, side: str, *, on_doubt: OnDoubt | None = None) -> None:
        """See Catalog."""
        if entry_id not in self._entries:
            self._entries[entry_id] = self._client.show(entry_id)
        self._remember(photo, entry_id, side)

    def update(self, entry_id: str, **changes: Any) -> Entry:
        """See Catalog."""
        before = self._entries.get(entry_id) or self._client.show(entry_id)
        said = {name: getattr(before, name) for name in Entry.__dataclass_fields__}
        self._entries[entry_id] = Entry(**{**said, **changes})
        return self._entries[entry_id]

    def _remember(self, photo: bytes, entry_id: str, side: str) -> None:
        self._photos.setdefault(fingerprint(photo), []).append((entry_id, side))
