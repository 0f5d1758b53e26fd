"""One photo to enroll, and what is said about it."""

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from mintmark._both import BOTH
from mintmark._contract import OPTIONAL, REQUIRED, SIDE, SIDES
from mintmark._errors import InvalidRequest
from mintmark._requests import check_side, fingerprint, half_fingerprints
from mintmark._tables import PHOTO_COLUMN, denomination, optional_value
from mintmark._types import Entry, EntryFields

NEEDED = (*REQUIRED, SIDE)
PATH, ENTRY, METADATA = "path", "entry", "metadata"
COLUMNS = (PATH, ENTRY, *NEEDED, *OPTIONAL, METADATA, PHOTO_COLUMN)  # all other columns become metadata


@dataclass(frozen=True)
class Row:
    """A row of a source. `place`: where it is, for people. `cells`: its texts by COLUMNS and by keys of the metadata.

    `raw`: its cells under the header of its source. `read`: the bytes of its photo's file; InvalidPhoto if there are
    none. `file`: a name for that file if the photo lies inside the source. `error`: why the row cannot be used. `half`:
    1 or 2 where the photo shows both sides, and the row is about the coin that comes first or second; 0 otherwise.
    """

    place: str
    cells: Mapping[str, str]
    raw: tuple[str, ...]
    read: Callable[[], bytes]
    file: str = ""
    error: str = ""
    half: int = 0

    def photos(self, data: bytes) -> list[str]:
        """What the catalog knows the photo by; for a half, first that half, then the other."""
        known_by = fingerprint(data)
        return list(half_fingerprints(known_by)[:: 1 if self.half == 1 else -1]) if self.half else [known_by]

    def sides(self) -> "list[Row]":
        """The row; or a row for either half of its photo if that shows both sides."""
        if self.cells.get(SIDE) != BOTH:
            return [self]
        return [
            replace(self, place=f"{self.place}, {side}", cells={**self.cells, SIDE: side}, half=half)
            for half, side in enumerate(SIDES[:2], 1)
        ]


class Source(Protocol):
    """Where rows come from. `header` and `separator`: of a table that holds the same rows. `notes`: about the file."""

    path: str
    header: Sequence[str]
    separator: str
    notes: Sequence[str]
    rows: Sequence[Row]


@dataclass(frozen=True)
class Statement:
    """What a row says of its photo and of the coin. An empty cell says nothing."""

    entry: str
    side: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, cells: Mapping[str, str]) -> "Statement":
        """The statement of a row. InvalidRequest if a value is wrong, or the side is missing."""
        if not cells.get(SIDE):
            raise InvalidRequest(f"no {SIDE}")
        check_side(cells[SIDE], (*SIDES, BOTH))
        said = {name: composed(cells[name]) for name in REQUIRED if cells.get(name)}
        if "denomination" in said:
            said["denomination"] = denomination(said["denomination"])
        values = {name: optional_value(name, composed(cells.get(name, ""))) for name in OPTIONAL}
        free = {name: text for name, text in cells.items() if text and name not in COLUMNS}
        return cls(
            cells.get(ENTRY, ""),
            composed(cells[SIDE]),
            {**said, **{name: value for name, value in values.items() if value is not None}},
            composed({**_metadata(cells.get(METADATA, "")), **free}),
        )

    def new(self) -> EntryFields:
        """The fields of a new entry. InvalidRequest if one is missing."""
        if missing := [name for name in REQUIRED if name not in self.fields]:
            raise InvalidRequest(f"no {', '.join(missing)}")
        return EntryFields(**self.fields, side=self.side, metadata=self.metadata)

    def changes(self, entry: Entry) -> dict[str, Any]:
        """What would have to change in an entry for the statement to be true of it."""
        wrong = {name: value for name, value in self.fields.items() if getattr(entry, name) != value}
        metadata = {**entry.metadata, **self.metadata}
        return wrong if metadata == entry.metadata else {**wrong, METADATA: metadata}


def composed(value: Any) -> Any:
    """A JSON value whose texts are in Unicode's form NFC, as the catalog keeps them."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {composed(key): composed(one) for key, one in value.items()}
    return [composed(one) for one in value] if isinstance(value, list) else value


def _metadata(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidRequest(f"the metadata is not a JSON object: {text[:80]!r}")
    return value
