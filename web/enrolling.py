"""Enrolling the photos of a coin: as they come, or once however often they come."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, create_model

from ensemble.entry import ENTRY_FIELDS, SIDE, SIDES
from mintmark import Client, Entry, EntryFields, InvalidRequest, MintmarkError
from mintmark._enrolment.enroller import Enroller, Outcome, Result
from mintmark._enrolment.row import ENTRY, METADATA, Row
from web.problems import problem_of

Photos = Sequence[tuple[bytes, str]]  # files, each with the side that it shows
_FIELDS: dict[str, Any] = {one.name: (one.type | None, None) for one in ENTRY_FIELDS}
Said = create_model("Said", **_FIELDS, metadata=(dict[str, Any], {}))  # of an entry; each field may be missing


class Enrolled(BaseModel):
    """The entry of a photo, and what is doubtful about its photos. `refused`: why the second photo was not taken.

    `outcome`, with `once`: 'new', 'added' (to an entry that was there) or 'known' (everything was there).
    """

    entry: Entry
    doubts: tuple[str, ...]
    refused: str = ""
    outcome: str = ""


def enrolled(client: Client, photos: Photos, fields: EntryFields, entry_id: str) -> Enrolled:
    """Enroll the first photo, and give its entry the second one."""
    doubts: list[str] = []
    entry = client.enroll(photos[0][0], fields, entry_id, on_doubt=doubts.append)
    refused = ""
    for photo, side in photos[1:]:
        try:
            client.add_view(photo, entry.id, side, on_doubt=doubts.append)
        except MintmarkError as error:  # the first photo is enrolled all the same
            refused = problem_of(error).detail
    return Enrolled(entry=entry, doubts=tuple(doubts), refused=refused)


def enrolled_once(client: Client, photos: Photos, said: BaseModel, entry_id: str) -> Enrolled:
    """The same by the rules of `mintmark enroll --from`: sent again, it changes nothing.

    A photo is known by its bytes. Without an id, its entry is the one that has the photo, or gets an id made of it. An
    entry that is there needs no fields.
    """
    enroller = Enroller(client)
    first = _once(enroller, *photos[0], {**_cells(said), ENTRY: entry_id})
    if first.cause is not None:
        raise first.cause
    results = [first]
    for photo, side in photos[1:]:
        results.append(_once(enroller, photo, side, {ENTRY: first.entry}))
    causes = [one.cause for one in results if one.cause is not None]
    outcomes = [one.outcome for one in results if one.cause is None]
    return Enrolled(
        entry=client.show(first.entry),
        doubts=tuple(note for one in results for note in one.notes),
        refused=problem_of(causes[0]).detail if causes else "",
        outcome=next((one for one in outcomes if one is not Outcome.KNOWN), Outcome.KNOWN).value,
    )


def _once(enroller: Enroller, photo: bytes, side: str, cells: Mapping[str, str]) -> Result:
    if side not in SIDES:
        raise InvalidRequest(f"{SIDE!r} must say what the photo shows: {', '.join(SIDES)}")
    return enroller.enroll(Row("", {**cells, SIDE: side}, (), lambda: photo))


def _cells(said: BaseModel) -> dict[str, str]:
    """The texts of a table's row."""
    values = said.model_dump(exclude_none=True)
    return {name: json.dumps(value) if name == METADATA else str(value) for name, value in values.items()}
