"""How entries and views become rows of Milvus, and filters become its expressions.

A row is a view with one model's embedding. It repeats all fields of the entry, so one request enrolls and one search
filters. What filters compare is folded; the document has it as it was given. A row's id is the view's id followed by
the model: ids sort in the order of enrolment, and a model cannot embed a view twice.
"""

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from catalog.entry import Entry, StoredView
from catalog.milvus.connection import Row
from ensemble.contract import EMBEDDING_SIZE, METADATA_FILTER
from ensemble.entry import ENTRY_FIELDS, FILTERS, SIDE
from ensemble.errors import EntryError
from ensemble.parameters import Filters, folded, text_of

# Roles of rows. One row of each view stands for it in counts and pages, and one of these stands for the entry too.
SETTING, COPY, VIEW, FIRST = -1, 0, 1, 2
NOTHING = np.eye(1, EMBEDDING_SIZE, dtype=np.float32)[0]  # in place of an embedding, in a row that no search may find
NO_VECTOR = [1.0, 0.0]  # of a row that has none; Milvus demands one of every row
_NOT_SAID = -32_768
_FAR = 32_767  # a whole number that no entry has
# Filters that are columns of every collection, by type. A field that was added later is stored among the attributes, so
# existing collections need not change.
TEXTS, WHOLES = (SIDE, "country", "currency", "denomination"), ("year",)
_WITHOUT_COLUMN = tuple(name for name in FILTERS if name not in (*TEXTS, *WHOLES))
_SIDE_KEY, _PHOTO_KEY = (SIDE,), ("photo",)  # among the attributes, as `field_key`
_PART = 65_532  # bytes of a picture's base64 in one text; a multiple of 4
_ID = re.compile(r"[0-9a-f]{28}")
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})


class ViewIds:
    """Makes ids of views: 12 hex digits of milliseconds since 1970 and 16 random ones. Threads must not share it.

    Within a process ids grow, even while the clock goes backwards. Ids of 64 bits would have so few random ones that
    servers that enroll at the same time would make the same id.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> str:
        """A new id."""
        self._last = max(_number_at(self._clock()) | secrets.randbits(63), self._last + 1)
        return f"{self._last:028x}"


def view_id_at(seconds: float) -> str:
    """What divides the ids of views that were made before a time, s since 1970, from those made later."""
    return f"{_number_at(seconds):028x}"


def _number_at(seconds: float) -> int:
    return int(seconds * 1000) << 64


def checked_cursor(after: str) -> str:
    """The row id that a page starts after. Raises EntryError for a text that no page gave."""
    return f"{checked_id(after)};" if after else ""  # ';' sorts after the '-' before the model


def checked_id(given: str) -> str:
    """An id of a view or an event, or ''. Raises EntryError for any other text."""
    if given and not _ID.fullmatch(given):
        raise EntryError(f"after is {given!r}; it must be what the page before gave as 'next'")
    return given


def row_id(view: str, model: str) -> str:
    """Id of the row of a view's embedding."""
    return f"{view}-{model}"


def entry_fields(entry: Entry) -> Row:
    """The fields of an entry, as each row of its views repeats them."""
    said: dict[str | tuple[str], object] = dict(entry.metadata.items())
    said |= {field_key(name): getattr(entry, name) for name in _WITHOUT_COLUMN}
    texts = {key: text for key, value in said.items() if (text := text_of(value)) is not None}
    wholes = {name: getattr(entry, name) for name in WHOLES}
    return {
        "entry": entry.id,
        **{name: folded(getattr(entry, name)) for name in TEXTS if name != SIDE},
        **{name: _NOT_SAID if value is None else value for name, value in wholes.items()},
        "attributes": [attribute(key, folded(text)) for key, text in texts.items()],
        "document": entry.to_json(),
    }


def view_row(
    view: str, entry: Entry, side: str, role: int, model: str, embedding: np.ndarray, picture: bytes, photo: str = ""
) -> Row:
    """The row of a new view with its embedding, [EMBEDDING_SIZE] float32, which counts at once."""
    fields = entry_fields(entry)
    return {
        **fields,
        "attributes": fields["attributes"] + _view_attributes(side, photo),
        "id": row_id(view, model),
        "view": view,
        "side": side,
        "role": role,
        "model": model,
        "batch": 0,
        "digest": digest(picture),
        "picture": parts_of(picture),
        "embedding": np.ascontiguousarray(embedding, np.float32),
    }


def setting_row(key: str, value: object) -> Row:
    """The row of a setting. No search and no page finds it."""
    empty: dict[str, Any] = {one.name: "" for one in ENTRY_FIELDS if one.required}
    nobody = Entry(**empty)
    return {**view_row("", nobody, "", SETTING, "", NOTHING, b""), "id": key, "document": json.dumps(value)}


def digest(picture: bytes) -> str:
    """128 bits that tell a picture from others; '' if there is none."""
    return hashlib.sha256(picture).hexdigest()[:32] if picture else ""


def parts_of(data: bytes) -> list[str]:
    """Bytes as texts, because Milvus cannot hold bytes."""
    text = base64.b64encode(data).decode()
    return [text[start : start + _PART] for start in range(0, len(text), _PART)]


def stored_view(row: Row, embedding: np.ndarray | None, relief: np.ndarray | None = None) -> StoredView:
    """The view that a row stands for."""
    return StoredView(row["view"], row["entry"], row["side"], picture_of(row), embedding, relief, photo_of(row))


def picture_of(row: Row) -> bytes:
    """The picture in a row."""
    return base64.b64decode("".join(row["picture"] or ()))


def vector(row: Row) -> np.ndarray:
    """[EMBEDDING_SIZE] float32, bit for bit as it was stored."""
    return np.asarray(row["embedding"], np.float32)


def quoted(text: str) -> str:
    """A text in an expression, with the few escapes that both Milvus and milvus-lite read."""
    return f'"{text.translate(_ESCAPED)}"'


def among(field: str, values: Iterable[str]) -> str:
    """Expression for a field with one of these values."""
    return f"{field} in [{', '.join(map(quoted, values))}]"


def field_key(name: str) -> tuple[str]:
    """The key of a field among the attributes. Keys of the free metadata are texts, so the two differ."""
    return (name,)


def attribute(key: str | tuple[str], text: str) -> str:
    """A key and a value of the metadata in one text that no other pair has.

    Milvus reads brackets and quotes in a JSON field's keys as parts of a path. It only compares elements of an array.
    """
    return json.dumps([key, text], ensure_ascii=False)


def _view_attributes(side: str, photo: str) -> list[str]:
    """What a view has of its own among the attributes: collections of earlier releases have no other place for it."""
    return [attribute(_SIDE_KEY, folded(side)), *([attribute(_PHOTO_KEY, photo)] if photo else [])]


def photo_of(row: Row) -> str:
    """SHA-256 of the photo that a row's view shows; '' if nobody said it."""
    pairs = map(json.loads, row.get("attributes") or ())
    return next((str(text) for key, text in pairs if key == [*_PHOTO_KEY]), "")


def having_photo(photos: Iterable[str]) -> str:
    """Expression for the views of some photos."""
    return " or ".join(_has(attribute(_PHOTO_KEY, photo)) for photo in photos)


def _has(pair: str) -> str:
    return f"array_contains(attributes, {quoted(pair)})"


def condition(filters: Filters) -> str:
    """Expression for filters; '' for none."""
    return " and ".join(_condition(name, value) for name, value in filters.items())


def _condition(name: str, value: str) -> str:
    # Rows of earlier releases are not folded: they are found by the text as it was given.
    texts = list(dict.fromkeys((folded(value), value)))
    if name == SIDE:
        return f"({_has(attribute(_SIDE_KEY, folded(value)))} or {among(SIDE, texts)})"
    if name in TEXTS:
        return among(name, texts)
    if name in WHOLES:
        number = int(value) if len(value) < 100 else _FAR
        return f"{name} == {number if abs(number) < _FAR else _FAR}"
    key = name.removeprefix(METADATA_FILTER) if name.startswith(METADATA_FILTER) else field_key(name)
    return f"({' or '.join(_has(attribute(key, text)) for text in texts)})"


def conjunction(*expressions: str) -> str:
    """Expression for all of these; empty ones are left out."""
    return " and ".join(filter(None, expressions))


def entry_of(row: Row) -> Entry:
    """The entry that a row repeats."""
    return Entry.from_json(row["document"])


def with_entry(row: Row, entry: Entry) -> Row:
    """The row with other fields of its entry."""
    fields = entry_fields(entry)
    return {**row, **fields, "attributes": fields["attributes"] + _view_attributes(row["side"], photo_of(row))}


def copied(row: Row, **changes: Any) -> Row:
    """A row that Milvus gave, to be stored again with changes."""
    return {**row, "embedding": vector(row), **changes}
