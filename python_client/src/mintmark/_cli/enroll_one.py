"""The photos of one coin: whether the catalog has the coin already, and in words what was done with each."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mintmark._both import BOTH
from mintmark._cli import colour
from mintmark._cli.options import option
from mintmark._cli.output import INTERRUPTED, complain, counted, shortened
from mintmark._cli.terminal import one_line
from mintmark._client import Client
from mintmark._contract import SIDE, SIDES
from mintmark._errors import InvalidPhoto, MintmarkError, ServerUnavailable, Unauthorized
from mintmark._requests import fingerprint, read_photo
from mintmark._types import Entry, EntryFields

FACES = SIDES[:2]  # of two photos whose sides are not said

_ANSWERS = {"y": "y", "yes": "y", "n": "n", "no": "n", "q": "q", "quit": "q"}


@dataclass(frozen=True)
class Told:
    """What the command was told. `sides`: of each photo. `given`: fields of the coin. `new`: whatever it looks like."""

    photos: Sequence[str]
    sides: Sequence[str]
    given: Mapping[str, Any]
    entry: str = ""
    new: bool = False


@dataclass(frozen=True)
class _Shot:
    """A photo to enroll. `name`: for people, '' if it is the only one."""

    name: str
    data: bytes
    side: str


def enroll_one(client: Client, told: Told) -> int:
    """Add photos to an entry, which the first one makes where it is not there; prints its id."""
    shots = _shots(client, told)
    entry, added = told.entry, bool(told.entry) and not told.given
    if not entry and not told.new and (like := _like(client, shots)):
        answer = _ask(like[0], like[1], told)
        if answer == "q":
            complain("nothing was enrolled")
            return 1
        if answer == "y":
            entry, added = like[0].id, True
    failed = False
    for done, shot in enumerate(shots):
        try:
            entry = _enroll(client, shot, entry, None if added else EntryFields(**told.given, side=shot.side))
            added = True
        except KeyboardInterrupt:
            complain(f"interrupted: {done} of {counted(len(shots), 'photo')} done")
            if done and added:
                print(entry)
            return INTERRUPTED
        except MintmarkError as error:
            if not added or len(shots) == 1 or isinstance(error, ServerUnavailable | Unauthorized):
                raise
            failed = True
            complain(colour.error(f"{shot.name}: {error}; the coin's other photos are in the catalog"))
    print(entry)
    return int(failed)


def _shots(client: Client, told: Told) -> list[_Shot]:
    """The photos, those of both sides taken apart."""
    shots = []
    alone = len(told.photos) == 1
    for photo, side in zip(told.photos, told.sides, strict=True):
        data = read_photo(photo)
        if side != BOTH:
            shots.append(_Shot("" if alone else photo, data, side))
            continue
        try:
            halves = client.both_sides(data)
        except InvalidPhoto as error:
            raise InvalidPhoto(f"{photo}: {error}") from error
        shots += [_Shot(f"{photo}, {face}", half, face) for half, face in zip(halves, FACES, strict=True)]
    return shots


def _like(client: Client, shots: Sequence[_Shot]) -> tuple[Entry, float] | None:
    """The entry that the catalog knows the coin as, and the score; by both sides where there are photos of both."""
    first = shots[0]
    other = next((shot for shot in shots if shot.side != first.side), None)
    answer = client.recognize_pair(first.data, other.data, 1) if other else client.recognize(first.data, 1)
    return (answer.matches[0].entry, answer.matches[0].score) if answer.known else None


def _ask(entry: Entry, score: float, told: Told) -> str:
    """What to do with photos of a coin that seems to be there: 'y' adds them to its entry, 'n' makes a new one.

    'q' does nothing. Without somebody at a terminal who can be asked, it says how to add them, and the answer is 'n'.
    """
    seems = f"looks like entry {entry.id}, {shortened(entry.name)} ({score:.2f})"
    photos = "the photo" if len(told.photos) == 1 else "the photos"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        sides = told.sides if len(set(told.sides)) > 1 else told.sides[:1]
        words = ["mintmark", "enroll", *told.photos, *(word for side in sides for word in (option(SIDE), side))]
        complain(f"{seems}; this would add {photos} to it: {shlex.join([*words, '--entry', entry.id])}")
        return "n"
    while True:
        question = f"{seems}: add {photos} to it? [y]es, [n]o: a new entry, [q]uit "
        print(one_line(question), end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if answer := _ANSWERS.get(line.strip().lower(), "" if line else "q"):
            return answer


def _enroll(client: Client, shot: _Shot, entry: str, fields: EntryFields | None) -> str:
    """Enroll a photo and say what was done; returns the id of its entry. Without `fields`, the entry is there."""
    photo = fingerprint(shot.data)
    before = client.known([entry] if entry else [], [photo])
    having = next((one.side for one in before.photos.get(photo, ()) if one.entry.id == entry), "")
    doubts: list[str] = []
    if fields is None:
        client.add_view(shot.data, entry, shot.side, on_doubt=doubts.append)
    else:
        entry = client.enroll(shot.data, fields, entry, on_doubt=doubts.append).id
    name = f"{shot.name}: " if shot.name else ""
    if having:
        complain(f"{name}entry {entry} has this photo already, as its {having}: nothing was added")
        return entry
    for doubt in doubts:
        complain(f"{name}{doubt}")
    if there := before.entries.get(entry):
        photos = counted(len(client.views(entry)), "photo")
        complain(
            f"{name}a further photo of entry {entry}, {shortened(there.name)}: its {shot.side}; it has {photos} now"
        )
    else:
        complain(f"{name}a new entry, {entry}{_named(fields)}: its {shot.side}")
    return entry


def _named(fields: EntryFields | None) -> str:
    return f", {shortened(fields.name)}" if fields else ""
