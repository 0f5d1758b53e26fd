"""How entries and views are written in rows of Milvus, and filters in its expressions.

One row is a view with an embedding of one model, and repeats all of its entry, so that one request enrolls and one
search filters. Ids of rows are those of views with the model after them: they sort in the order of enrolment, and the
same view is never embedded twice by one model.
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
from ensemble.parameters import Filters, text_of

# Roles of rows: each view has one that stands for it in counts and pages, and one of these stands for its entry too.
SETTING, COPY, VIEW, FIRST = -1, 0, 1, 2
NOTHING = np.eye(1, EMBEDDING_SIZE, dtype=np.float32)[0]  # where a row has no embedding that could be found
_NOT_SAID = -32_768
_FAR = 32_767  # a whole number that no entry has
# Filters that are columns of every collection, by their types. A field that is younger is stored among the attributes,
# so that the collections that are there need not change.
TEXTS, WHOLES = (SIDE, "country", "currency", "denomination"), ("year",)
_WITHOUT_COLUMN = tuple(name for name in FILTERS if name not in (*TEXTS, *WHOLES))
_PART = 65_532  # bytes of a picture's base64 in one text; a multiple of 4
_ID = re.compile(r"[0-9a-f]{28}")
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})


class ViewIds:
    """Maker of ids of views: 12 hex digits of milliseconds since 1970, 16 of chance. Not for several threads.

    Within a process they grow, also while the clock goes backwards. A number of 64 bits would leave so little to chance
    that servers that enroll at the same time would meet.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> str:
        """A new id."""
        fresh = (int(self._clock() * 1000) << 64) | secrets.randbits(63)
        self._last = max(fresh, self._last + 1)
        return f"{self._last:028x}"


def checked_cursor(after: str) -> str:
    """Where a page starts. Raises EntryError for a text that no page gave."""
    if after and not _ID.fullmatch(after):
        raise EntryError(f"after is {after!r}; it must be what the page before gave as 'next'")
    return f"{after};" if after else ""  # ';' comes after the '-' before the model


def row_id(view: str, model: str) -> str:
    """Id of the row of a view's embedding."""
    return f"{view}-{model}"


def entry_fields(entry: Entry) -> Row:
    """What each row of an entry's views says of the entry."""
    said: dict[str | tuple[str], object] = dict(entry.metadata.items())
    said |= {field_key(name): getattr(entry, name) for name in _WITHOUT_COLUMN}
    wholes = {name: getattr(entry, name) for name in WHOLES}
    return {
        "entry": entry.id,
        **{name: getattr(entry, name) for name in TEXTS if name != SIDE},
        **{name: _NOT_SAID if value is None else value for name, value in wholes.items()},
        "attributes": [attribute(key, text) for key, value in said.items() if (text := text_of(value)) is not None],
        "document": entry.to_json(),
    }


def view_row(view: str, entry: Entry, side: str, role: int, model: str, embedding: np.ndarray, picture: bytes) -> Row:
    """A new view with its embedding, [EMBEDDING_SIZE] float32, which counts at once."""
    return {
        **entry_fields(entry),
        "id": row_id(view, model),
        "view": view,
        "side": side,
        "role": role,
        "model": model,
        "batch": 0,
        "digest": digest(picture),
        "picture": picture_texts(picture),
        "embedding": np.ascontiguousarray(embedding, np.float32),
    }


def setting_row(key: str, value: object) -> Row:
    """A setting: a row that no search and no page finds."""
    empty: dict[str, Any] = {one.name: "" for one in ENTRY_FIELDS if one.required}
    nobody = Entry(**empty)
    return {**view_row("", nobody, "", SETTING, "", NOTHING, b""), "id": key, "document": json.dumps(value)}


def digest(picture: bytes) -> str:
    """128 bits that tell a picture from others; '' where there is none."""
    return hashlib.sha256(picture).hexdigest()[:32] if picture else ""


def picture_texts(picture: bytes) -> list[str]:
    """A JPEG as texts, which is what Milvus can hold."""
    text = base64.b64encode(picture).decode()
    return [text[start : start + _PART] for start in range(0, len(text), _PART)]


def stored_view(row: Row, embedding: np.ndarray | None) -> StoredView:
    """The view of a row that stands for it."""
    picture = base64.b64decode("".join(row["picture"] or ()))
    return StoredView(row["view"], row["entry"], row["side"], picture, embedding)


def vector(row: Row) -> np.ndarray:
    """[EMBEDDING_SIZE] float32, bit by bit as it was stored."""
    return np.asarray(row["embedding"], np.float32)


def quoted(text: str) -> str:
    """A text in an expression: with the few escapes that Milvus and milvus-lite both read."""
    return f'"{text.translate(_ESCAPED)}"'


def among(field: str, values: Iterable[str]) -> str:
    """Expression: the field has one of these values."""
    return f"{field} in [{', '.join(map(quoted, values))}]"


def field_key(name: str) -> tuple[str]:
    """The key of a field among the attributes; the free metadata has texts for keys."""
    return (name,)


def attribute(key: str | tuple[str], text: str) -> str:
    """A key and a value of the metadata in one text that no other pair has.

    Milvus reads brackets and quotes in the keys of a JSON field as parts of a path; elements of an array it compares.
    """
    return json.dumps([key, text], ensure_ascii=False)


def condition(filters: Filters) -> str:
    """Expression for filters; '' for none."""
    return " and ".join(_condition(name, value) for name, value in filters.items())


def _condition(name: str, value: str) -> str:
    if name in TEXTS:
        return f"{name} == {quoted(value)}"
    if name in WHOLES:
        number = int(value) if len(value) < 100 else _FAR
        return f"{name} == {number if abs(number) < _FAR else _FAR}"
    key = name.removeprefix(METADATA_FILTER) if name.startswith(METADATA_FILTER) else field_key(name)
    return f"array_contains(attributes, {quoted(attribute(key, value))})"


def conjunction(*expressions: str) -> str:
    """All of them; empty ones say nothing."""
    return " and ".join(filter(None, expressions))


def entry_of(row: Row) -> Entry:
    """The entry that a row repeats."""
    return Entry.from_json(row["document"])


def with_entry(row: Row, entry: Entry) -> Row:
    """The row with other fields of its entry."""
    return {**row, **entry_fields(entry)}


def copied(row: Row, **changes: Any) -> Row:
    """The row as Milvus gave it, to be stored again with changes."""
    return {**row, "embedding": vector(row), **changes}
