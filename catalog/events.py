"""What happened to the entries of a catalog, so that people can see it and undo it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

KEPT = 1000  # removals whose photos are kept, the last ones


class Kind(str, Enum):
    """What was done. `said` of the event has the details.

    ADDED: photos. "new": whether they made the entry; "views": for each its id, side and photo.
    UPDATED: fields of the entry. "before", "after": their values.
    CHANGED: one photo. "view": its id; "photo": its SHA-256; "side": the old and the new one. Where it went to another
        entry, "left" has the fields of the one that it left, if it was the last photo there.
    REMOVED: photos. "whole": whether the entry went with them; "views": as for ADDED; "name": of the entry.
    """

    ADDED = "added"
    UPDATED = "updated"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True)
class By:
    """Who makes a change.

    Attributes:
        who: name of the token's holder; '' where changes need no token.
        undoes: number of the event that the change undoes; '' if it undoes none.
    """

    who: str = ""
    undoes: str = ""


ANYONE = By()


@dataclass(frozen=True)
class Event:
    """One change of one entry.

    Attributes:
        number: of the event; no other one of the catalog has it.
        at: when, s since 1970.
        who: name of the token's holder; '' where changes needed no token.
        kind: what was done.
        entry: id of the entry.
        other: id of the entry that a photo went to; '' for all other changes.
        said: the details, see `Kind`.
        undoes: number of the event that this one undid; '' if it undid none.
    """

    number: str
    at: float
    who: str
    kind: Kind
    entry: str
    other: str
    said: Mapping[str, Any]
    undoes: str = ""


def said_of_change(view: str, photo: str, before: str, side: str) -> dict[str, Any]:
    """What an event says of a view that has shown another side before; '' for `side` is the same one."""
    return {"view": view, "photo": photo, "side": [before, side or before]}


def said_of_view(view: str, side: str, photo: str) -> dict[str, str]:
    """What an event says of a view: its id, side and the SHA-256 of its photo."""
    return {"id": view, "side": side, "photo": photo}
