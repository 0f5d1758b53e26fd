"""What the catalog holds: entries, which people name, and views, which the model makes of their photos."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

REQUIRED = ("name", "country", "currency", "denomination", "side")
MAX_TEXT = 500  # characters of one field
MAX_METADATA = 16_384  # bytes of the free metadata as JSON


class EntryError(ValueError):
    """What should be enrolled is not a valid entry; the message names the field."""


class EntryNotFoundError(LookupError):
    """No entry has this id."""


@dataclass(frozen=True)
class Entry:
    """One side of a coin, as people name it."""

    name: str
    country: str
    currency: str
    denomination: str
    side: str
    year: int | None = None
    metadata: dict[str, object] = field(default_factory=dict)
    id: str = ""  # given by the catalog

    @classmethod
    def from_json(cls, text: str) -> "Entry":
        """Read what a client sends to be enrolled.

        Raises:
            EntryError: no JSON object, a field is missing, unknown, too long, or not text.
        """
        fields = json_object(text, "metadata")
        unknown = sorted(set(fields) - {*REQUIRED, "year", "metadata"})
        if unknown:
            raise EntryError(f"unknown fields {', '.join(unknown)}; free fields go into 'metadata'")
        missing = [name for name in REQUIRED if not fields.get(name)]
        if missing:
            raise EntryError(f"missing fields: {', '.join(missing)}")
        texts = {name: _text(name, fields[name]) for name in REQUIRED}
        return cls(**texts, year=_year(fields.get("year")), metadata=_metadata(fields.get("metadata", {})))

    def to_json(self) -> str:
        """The entry as a client receives it."""
        return json.dumps(asdict(self), ensure_ascii=False)


def json_object(text: str, what: str) -> dict[str, Any]:
    """Read a JSON object that can be written again as such.

    Args:
        text: from a client.
        what: it is called in errors.

    Raises:
        EntryError: no JSON, nested too deep, no object, or with numbers or characters that JSON and UTF-8 do not have.
    """
    try:
        value = json.loads(text, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise EntryError(f"{what} is nested too deep") from error
    except ValueError as error:  # UnicodeEncodeError, of halves of surrogate pairs, is one too
        raise EntryError(f"{what} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise EntryError(f"{what} must be a JSON object, got {type(value).__name__}")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise EntryError(f"{name} must be text, got {value!r}")
    if len(value) > MAX_TEXT:
        raise EntryError(f"{name} has {len(value)} characters; the limit is {MAX_TEXT}")
    return value


def _year(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not -5000 <= value <= 5000:
        raise EntryError(f"year is {value!r}; it must be a whole number from -5000 to 5000")
    return value


def _metadata(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise EntryError(f"metadata.metadata must be a JSON object, got {type(value).__name__}")
    size = len(json.dumps(value))
    if size > MAX_METADATA:
        raise EntryError(f"metadata.metadata has {size} bytes; the limit is {MAX_METADATA}")
    return value


@dataclass(frozen=True)
class View:
    """One photo of an entry as the model sees it.

    Attributes:
        embedding: [64] float32 unit vector.
        fingerprint: of the model that made it.
        picture: JPEG of the rectified coin.
    """

    embedding: np.ndarray
    fingerprint: str
    picture: bytes
