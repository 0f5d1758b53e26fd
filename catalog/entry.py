"""What the catalog holds: entries, which people describe, and views, which the model makes of photos."""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np

from ensemble.contract import EMBEDDING_SIZE, RELIEF_HARMONICS, RELIEF_NUMBERS
from ensemble.entry import FIELDS, MAX_TEXT, MAX_WHOLE, OPTIONAL, REQUIRED, SIDE, EntryFields
from ensemble.errors import EntryError
from ensemble.sides import wrong_side

MAX_METADATA = 16_384  # bytes of the free metadata as JSON
MAX_NESTING = 32  # objects and lists in each other; readers of JSON give up at some depth
UNIT_TOLERANCE = 1e-2  # by which the length of an embedding may differ from 1: bfloat16 rounds it by up to 0.004
_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry(EntryFields):
    """One coin, as people describe it. Its views show its sides."""

    metadata: dict[str, object] = field(default_factory=dict, kw_only=True)
    id: str = field(default="", kw_only=True)  # '' before the catalog gives one

    @classmethod
    def from_json(cls, text: str) -> "Entry":
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """The entry as a JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def changed(self, changes: Mapping[str, Any]) -> "Entry":
        """The entry with some fields replaced; `metadata` is replaced as a whole.

        Raises:
            EntryError: a field is unknown, empty, too long or of another type.
        """
        allowed = [one.name for one in fields(Entry) if one.name != "id"]
        if unknown := sorted(set(changes) - set(allowed)):
            raise EntryError(f"cannot change {', '.join(unknown)}; the fields of an entry are {', '.join(allowed)}")
        return replace(self, **_checked(changes))

    def differing(self, before: "Entry") -> dict[str, dict[str, Any]]:
        """Values "before" and "after" of the fields in which it differs from what it was before; empty if in none."""
        was, now = asdict(before), asdict(self)
        names = [name for name in now if now[name] != was[name]]
        both = {"before": was, "after": now} if names else {}
        return {key: {name: values[name] for name in names} for key, values in both.items()}


@dataclass(frozen=True)
class Enrolment:
    """What a client says of a photo that it enrolls.

    Attributes:
        side: of the coin that the photo shows.
        entry: fields of the coin; None for a further photo of an existing entry.
        id: of the entry; '' lets the catalog choose one. If an entry has this id, the photo becomes a view of it.
        photo: SHA-256 of the photo's file, in hex, by which the catalog knows it again; '' if the client does not say.
    """

    side: str
    entry: Entry | None
    id: str = ""
    photo: str = ""

    def check_fields(self, there: Entry) -> None:
        """Raise EntryError if an existing entry has other fields than the enrolment says."""
        if self.entry is not None and replace(self.entry, id=there.id) != there:
            raise EntryError(f"entry {there.id} is there with other fields: update it, or give only its id")

    @classmethod
    def from_json(cls, text: str) -> "Enrolment":
        """Read a client's JSON object: the entry's fields, `side`, and optionally `entry`, an id, and `photo`.

        Raises:
            EntryError: it is not a JSON object, a field is missing, unknown, too long, or of another type, or the side
                is not one of SIDES.
        """
        return cls.from_fields(json_object(text, "metadata"))

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], *, any_side: bool = False) -> "Enrolment":
        """As `from_json`, from the parsed object.

        `any_side`: for views of exports, since releases before SIDES took any text.
        """
        allowed = {*FIELDS, "metadata", "entry", "photo"}
        if unknown := sorted(set(given) - allowed):
            raise EntryError(f"unknown fields {', '.join(unknown)}; free fields go into 'metadata'")
        own_id = _entry_id(given["entry"]) if given.get("entry") else ""
        photo = checked_photo(given["photo"]) if given.get("photo") else ""
        described = any(given.get(name) for name in (*REQUIRED, *OPTIONAL, "metadata"))
        needed = (*REQUIRED, SIDE) if described or not own_id else (SIDE,)
        if missing := [name for name in needed if not given.get(name)]:
            raise EntryError(f"missing fields: {', '.join(missing)}")
        values = _checked({name: value for name, value in given.items() if name not in ("entry", "photo", SIDE)})
        side = _text(SIDE, given[SIDE]) if any_side else checked_side(given[SIDE])
        return cls(side, Entry(**values, id=own_id) if described else None, own_id, photo)


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The given fields of an entry, each checked."""
    return {name: _metadata(value) if name == "metadata" else _value(name, value) for name, value in given.items()}


def _value(name: str, value: object) -> str | int | None:
    said = FIELDS[name]
    if not said.required and value is None:
        return None
    if said.type is int:
        return _whole(name, value)
    if not value:
        raise EntryError(f"{name} must not be empty")
    return _text(name, value)


def json_object(text: str, what: str) -> dict[str, Any]:
    """Read a JSON object that can be written as JSON again.

    Args:
        text: from a client.
        what: its name in errors.

    Raises:
        EntryError: it is not JSON, nested too deep, not an object, or has numbers or characters that JSON and UTF-8 do
                not have.
    """
    try:
        value = json.loads(text, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # 1e999 is read as infinite
    except RecursionError as error:
        raise EntryError(f"{what} is nested too deep") from error
    except ValueError as error:  # or UnicodeEncodeError, for half of a surrogate pair
        raise EntryError(f"{what} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise EntryError(f"{what} must be a JSON object, got {type(value).__name__}")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise EntryError(f"{name} must be text, got {value!r}")
    value = composed(value)
    if len(value) > MAX_TEXT:
        raise EntryError(f"{name} has {len(value)} characters; the limit is {MAX_TEXT}")
    return value


def composed(text: str) -> str:
    """A text in Unicode's form NFC: the same letters are the same text, whichever keyboard or disk they come from."""
    return unicodedata.normalize("NFC", text)


def checked_photo(value: object) -> str:
    """What a photo is known by. Raises EntryError."""
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise EntryError(f"photo is {value!r}; it must be the SHA-256 of the photo's file, 64 digits of 0-9 a-f")
    return value


def checked_side(value: object) -> str:
    """The side of a photo that is enrolled: one of SIDES. Raises EntryError, with the side that is meant."""
    side = _text(SIDE, value)
    if wrong := wrong_side(side):
        raise EntryError(wrong)
    return side


def _entry_id(value: object) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise EntryError(f"entry is {value!r}; an id has 1 to 64 characters of A-Z a-z 0-9 . _ : -")
    return value


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -MAX_WHOLE <= value <= MAX_WHOLE:
        raise EntryError(f"{name} is {value!r}; it must be a whole number from -{MAX_WHOLE} to {MAX_WHOLE}")
    return value


def _metadata(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise EntryError(f"metadata must be a JSON object, got {type(value).__name__}")
    composed_value = {composed(key): _composed_value(one, MAX_NESTING - 1) for key, one in value.items()}
    try:
        size = len(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise EntryError(f"metadata cannot be written as JSON: {error}") from error
    if size > MAX_METADATA:
        raise EntryError(f"metadata has {size} bytes; the limit is {MAX_METADATA}")
    return composed_value


def _composed_value(value: object, nesting: int) -> object:
    if isinstance(value, str):
        return composed(value)
    if isinstance(value, dict | list) and not nesting:
        raise EntryError(f"metadata is nested too deep; the limit is {MAX_NESTING}")
    if isinstance(value, dict):
        return {composed(key): _composed_value(one, nesting - 1) for key, one in value.items()}
    return [_composed_value(one, nesting - 1) for one in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Makers:
    """The models that look at photos, by their fingerprints: only what the same model made can be compared.

    Attributes:
        embedding: of the model that makes embeddings.
        relief: of the model that makes relief maps; '' for a catalog that keeps none.
    """

    embedding: str
    relief: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "Makers":
        """Read them from the parameters of a model's config."""
        return cls(parameters["fingerprint"], parameters["relief_fingerprint"])


def check_embedding(embedding: np.ndarray) -> None:
    """Refuse a vector that cannot be compared with others.

    Args:
        embedding: [EMBEDDING_SIZE] float32.

    Raises:
        EntryError: it has another shape, or is not finite or not of unit length.
    """
    if embedding.shape != (EMBEDDING_SIZE,):
        raise EntryError(f"an embedding is {list(embedding.shape)}; it must be [{EMBEDDING_SIZE}]")
    length = float(np.linalg.norm(embedding.astype(np.float64)))
    if not abs(length - 1) <= UNIT_TOLERANCE:  # nor is it for a number that is not finite
        raise EntryError(f"an embedding has the length {length:.4f}; it must be a unit vector")


def check_relief(relief: np.ndarray) -> None:
    """Refuse what is no relief map, [RELIEF_HARMONICS, RELIEF_NUMBERS] int8. Raises EntryError."""
    shape = (RELIEF_HARMONICS, RELIEF_NUMBERS)
    if relief.shape != shape or relief.dtype != np.int8:
        raise EntryError(f"a relief map is {relief.dtype} {list(relief.shape)}; it must be int8 {list(shape)}")


@dataclass(frozen=True)
class View:
    """One photo of a coin's side, as the models see it.

    Attributes:
        embedding: [EMBEDDING_SIZE] float32 unit vector.
        makers: of embedding and map.
        picture: JPEG of the rectified coin; b'' if none is kept.
        relief: [RELIEF_HARMONICS, RELIEF_NUMBERS] int8, its relief map; None if there is none.
    """

    embedding: np.ndarray
    makers: Makers
    picture: bytes
    relief: np.ndarray | None = None

    def check(self, makers: Makers) -> None:
        """Refuse what other models than a catalog's made, and what cannot be compared. Raises EntryError."""
        check_embedding(self.embedding)
        if self.relief is not None:
            check_relief(self.relief)
        if self.makers.embedding != makers.embedding:
            raise EntryError(
                f"the embedding was made by model {self.makers.embedding}, the catalog's is {makers.embedding}"
            )
        if self.relief is not None and self.makers.relief != makers.relief:
            raise EntryError(
                f"the relief map was made by model {self.makers.relief}, the catalog's is {makers.relief or 'none'}"
            )


@dataclass(frozen=True)
class StoredView:
    """A view as the catalog keeps it.

    Attributes:
        id: unique in the catalog.
        entry_id: of the entry that it belongs to.
        side: of the coin.
        picture: JPEG of the rectified coin; b'' if none is kept.
        embedding: [EMBEDDING_SIZE] float32 unit vector by the catalog's model; None if that model has not embedded the
            picture yet, or if the embedding does not count yet.
        relief: [RELIEF_HARMONICS, RELIEF_NUMBERS] int8 relief map by the catalog's model; None if it has made none yet.
        photo: SHA-256 of the photo's file; '' if nobody said it.
    """

    id: str
    entry_id: str
    side: str
    picture: bytes
    embedding: np.ndarray | None
    relief: np.ndarray | None = None
    photo: str = ""
