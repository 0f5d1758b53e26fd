"""What happens to one row: what the catalog knows already decides it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from threading import local
from typing import Any

from mintmark._contract import SIDE
from mintmark._enrolment.catalog import Catalog
from mintmark._enrolment.row import ENTRY, Row, Statement
from mintmark._errors import (
    EntryNotFound,
    InvalidRequest,
    MintmarkError,
    RequestTimeout,
    ServerError,
    ServerUnavailable,
    Unauthorized,
)
from mintmark._requests import fingerprint
from mintmark._types import Entry, Known, KnownPhoto

_MOST_TIMEOUTS = 4
_PAUSE = 1.0  # s, before a server that failed is asked again
_SHOWN = 5  # entries that have the same photo
_ID = 16  # hex digits, as the catalog's own ids have


class Outcome(Enum):
    """What became of a row."""

    NEW = "new"  # a new entry
    ADDED = "added"  # a new photo of an entry that is there
    UPDATED = "updated"  # the photo was there, and the entry has other fields now
    KNOWN = "known"  # everything was there
    FAILED = "failed"


@dataclass(frozen=True)
class Result:
    """What became of a row.

    `entry`: its id. `photo`: SHA-256 of its file. `notes`: what to look at. `error`: why it failed; `cause`: likewise.
    """

    row: Row
    outcome: Outcome
    entry: str = ""
    photo: str = ""
    notes: tuple[str, ...] = ()
    error: str = ""
    cause: MintmarkError | OSError | None = None


class Enroller:
    """Enrolls rows one by one. `update`: changes entries that have other fields than their row says.

    A row is known by its entry and its photo. Without an id, its entry is one that has the photo, or else it gets an id
    made of the photo's SHA-256, so that sending it again changes nothing.
    """

    def __init__(self, catalog: Catalog, *, update: bool = False) -> None:
        self._catalog = catalog
        self._update = update
        self._thread = local()  # `timeouts`: of this thread, in a row; `halves`: of the photo of both sides before

    def enroll(self, row: Row, photo: str = "") -> Result:
        """Enroll a row; what is wrong with it alone becomes its result. Several threads may call it.

        `photo`: the SHA-256 of its file, if an earlier run has read it; the file is then read only if the catalog lacks
        it. Raises what would be wrong with every row: ServerUnavailable, Unauthorized, or RequestTimeout if no request
        of this thread has had an answer for a while. A row whose request had none, or whose server failed, is tried
        once more: the server may just be ending, and what it says last is not about the row.
        """
        try:
            return self._result(row, photo)
        except RequestTimeout:
            return self._result(row, photo, last=True)
        except ServerError:
            time.sleep(_PAUSE)
            return self._result(row, photo, last=True)

    def _result(self, row: Row, photo: str, last: bool = False) -> Result:
        notes: list[str] = []
        try:
            if row.error:
                raise InvalidRequest(row.error)
            said = Statement.of(row.cells)
            photos = [photo] if photo else []
            known = self._known(said, photos) if photo else None
            data = b""
            if known is None or photo not in known.photos:  # what an earlier run has read is not read again
                data = row.read()
                photos = row.photos(data)
                photo = photos[0]
                known = self._known(said, photos)
            outcome, entry = self._enroll(row, said, data, photos, known, notes)
            self._thread.timeouts = 0
            return Result(row, outcome, entry, photo, tuple(dict.fromkeys(notes)))
        except (ServerUnavailable, Unauthorized):
            raise
        except (MintmarkError, OSError) as error:
            timeouts = getattr(self._thread, "timeouts", 0) + 1 if isinstance(error, RequestTimeout) else 0
            self._thread.timeouts = timeouts
            if timeouts >= _MOST_TIMEOUTS or (not last and isinstance(error, RequestTimeout | ServerError)):
                raise
            return Result(row, Outcome.FAILED, row.cells.get(ENTRY, ""), photo, tuple(notes), str(error), error)

    def _known(self, said: Statement, photos: Sequence[str]) -> Known:
        return self._catalog.known([said.entry] if said.entry else [], photos)

    def _file(self, row: Row, data: bytes) -> bytes:
        """The photo to send."""
        data = data or row.read()
        if not row.half:
            return data
        halves = getattr(self._thread, "halves", ())
        if row.photos(data)[0] not in map(fingerprint, halves):  # the rows of both halves follow each other
            halves = self._thread.halves = self._catalog.both_sides(data)
        return halves[row.half - 1]

    def _enroll(
        self, row: Row, said: Statement, data: bytes, photos: Sequence[str], known: Known, notes: list[str]
    ) -> tuple[Outcome, str]:
        having = known.photos.get(photos[0], ())
        halves = [one for photo in photos for one in known.photos.get(photo, ())]
        entry = known.entries.get(said.entry) if said.entry else self._holder(said, halves)
        if others := sorted({one.entry.id for one in having} - {entry.id if entry else ""}):
            notes.append(f"the same photo belongs to {', '.join(others[:_SHOWN])}")
        if entry is None:
            if said.entry and not said.fields and not said.metadata:
                raise EntryNotFound(f"no entry has the id {said.entry}, and the row says only its {SIDE}")
            fields, key = said.new(), said.entry or min(photos)[:_ID]  # the same for both halves of a photo
            return Outcome.NEW, self._catalog.enroll(self._file(row, data), fields, key, on_doubt=notes.append).id
        changes = self._allowed(said, entry)
        view = next((one for one in having if one.entry.id == entry.id), None)
        if view is None:
            self._catalog.add_view(self._file(row, data), entry.id, said.side, on_doubt=notes.append)
        elif view.side != said.side:
            raise InvalidRequest(f"entry {entry.id} has this photo as its {view.side}, not its {said.side}")
        if changes:
            self._catalog.update(entry.id, **changes)
        return (Outcome.ADDED if view is None else Outcome.UPDATED if changes else Outcome.KNOWN), entry.id

    def _holder(self, said: Statement, having: Sequence[KnownPhoto]) -> Entry | None:
        """The entry that a row without an id means: one that has its photo, and that it describes.

        InvalidRequest if it describes none of them: that would be another coin with the same photo, or a mistake.
        """
        if not having:
            return None
        alike = next((one.entry for one in having if not said.changes(one.entry)), None)
        if alike is not None or (self._update and len(having) == 1):
            return alike or having[0].entry
        names = ", ".join(one.entry.id for one in having)
        raise InvalidRequest(
            f"this photo is there already, of {names}, with other fields ({_difference(said, having[0].entry)}): write"
            f" its id into the column {ENTRY} and give --update to change it, or the id of another coin"
        )

    def _allowed(self, said: Statement, entry: Entry) -> dict[str, Any]:
        """What to change in an entry for its row to be true. InvalidRequest if nothing may be changed."""
        changes = said.changes(entry)
        if changes and not self._update:
            raise InvalidRequest(
                f"entry {entry.id} is there with other fields ({_difference(said, entry)}): give --update to change it"
            )
        return changes


def _difference(said: Statement, entry: Entry) -> str:
    """The first thing that a row says differently."""
    name, value = next(iter(said.changes(entry).items()))
    there: Any = getattr(entry, name)
    if isinstance(value, dict):
        name, value = next((key, one) for key, one in value.items() if there.get(key) != one)
        there = there.get(name)
    return f"{name} is {there!r}, the row says {value!r}"
