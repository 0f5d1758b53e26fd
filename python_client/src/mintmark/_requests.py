"""Requests to the server: checked as far as the client can, and written as the contract wants them."""

import base64
import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields as fields_of
from itertools import groupby
from typing import Any

import numpy as np

from mintmark import _contract as contract
from mintmark._errors import InvalidPhoto, InvalidRequest
from mintmark._sides import wrong_side
from mintmark._types import Entry, EntryFields, HalfPhoto, RefusedView, ViewRecord

Photo = bytes | str | os.PathLike[str]
"""A photo: the bytes of its file, or the path to it. One of PHOTO_FORMATS, up to MAX_MEGAPIXELS."""

Filters = Mapping[str, str | int | float | bool]
"""The value that a match must have, by the name of a filter: 'country', 'year', or 'metadata.KEY'."""

MOST_DIGITS = 18  # of a whole number

CHANGEABLE = (*contract.REQUIRED, *contract.OPTIONAL, "metadata")
IMPORT_BATCH = 100  # views with pictures, of some 10 kB each, in one request
IMPORT_BYTES = 8_000_000  # of one request; servers take twice as much unless their operator says otherwise


def read_photo(photo: Photo) -> bytes:
    """The bytes of a photo's file. InvalidPhoto if it cannot be opened or is empty."""
    if isinstance(photo, bytes):
        data, name = photo, "photo"
    else:
        name = os.fspath(photo)
        try:
            data = read_file(name)
        except OSError as error:
            raise InvalidPhoto(f"cannot open photo {name}: {error.strerror or error}") from error
    if not data:
        raise InvalidPhoto(f"{name} is empty")
    return data


def read_file(name: str | os.PathLike[str]) -> bytes:
    """The bytes of a regular file. OSError for anything else: reading a FIFO would wait for its writer."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
    except ValueError as error:
        raise OSError(errno.EINVAL, "its name has a zero byte", os.fspath(name)) from error
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", os.fspath(name))
        return file.read()


def whole_number(text: str) -> int:
    """A whole number from its text. ValueError if it is none, or has so many digits that no field holds it."""
    if len(text) > MOST_DIGITS or not text.removeprefix("-").isdecimal():
        shown = text if len(text) <= 2 * MOST_DIGITS else f"{text[:MOST_DIGITS]}…"
        raise ValueError(f"{shown!r}; it must be a whole number of at most {MOST_DIGITS} digits")
    return int(text)


def search_parameters(
    k: int, filters: Filters, verify: bool = True, candidates: int | None = None
) -> dict[str, str | int | bool]:
    """The request parameters of a search.

    InvalidRequest if `k` or `candidates` is out of range, or a filter or its value is wrong.
    """
    if not 1 <= k <= contract.MAX_K:
        raise InvalidRequest(f"k must lie between 1 and {contract.MAX_K}, not {k}")
    if candidates is not None and not 1 <= candidates <= contract.MAX_CANDIDATES:
        raise InvalidRequest(f"candidates must lie between 1 and {contract.MAX_CANDIDATES}, not {candidates}")
    asked: dict[str, str | int | bool] = {"k": k}
    if not verify:
        asked["verify"] = False
    if candidates is not None:
        asked["candidates"] = candidates
    return {**asked, **filter_texts(filters)}


def filter_texts(filters: Filters) -> dict[str, str]:
    """Filters with their values as the server compares them. InvalidRequest if a filter or its value is wrong."""
    unknown = [name for name in filters if not _is_filter(name)]
    if unknown:
        allowed = ", ".join((*contract.FILTERS, f"{contract.METADATA_FILTER}KEY"))
        raise InvalidRequest(f"no filter is called {', '.join(map(str, unknown))}; filters are {allowed}")
    return {name: _filter_text(name, value) for name, value in filters.items()}


def _is_filter(name: str) -> bool:
    prefix = contract.METADATA_FILTER
    return name in contract.FILTERS or (name.startswith(prefix) and name != prefix)


def _filter_text(name: str, value: str | int | float | bool) -> str:
    """The value as the server compares it: text as it is, numbers and booleans as in JSON."""
    try:
        text = value if isinstance(value, str) else json.dumps(value) if isinstance(value, bool | int | float) else ""
    except ValueError as error:  # an int of thousands of digits
        raise InvalidRequest(f"the filter {name} is too large: {error}") from error
    if not text:
        raise InvalidRequest(f"the filter {name} is {value!r}; it must be text, a number, true or false")
    if name in contract.WHOLE_NUMBERS:
        try:
            whole_number(text)
        except ValueError as error:
            raise InvalidRequest(f"the filter {name} is {error}") from error
    return text


def fingerprint(photo: bytes) -> str:
    """What the catalog knows a photo by: the SHA-256 of its file, in hex."""
    return photo.photo if isinstance(photo, HalfPhoto) else hashlib.sha256(photo).hexdigest()


def half_fingerprints(photo: str) -> tuple[str, str]:
    """What the catalog knows the halves of a photo of both sides by: the SHA-256 of the file's own, and 1 or 2."""
    first, second = (hashlib.sha256(f"{photo} {number}".encode()).hexdigest() for number in (1, 2))
    return first, second


def enrolment(fields: EntryFields, entry_id: str) -> dict[str, Any]:
    """The metadata of an enrolment; fields that are None are left out. InvalidRequest if it has no side of SIDES."""
    check_side(fields.side)
    values = {field.name: getattr(fields, field.name) for field in fields_of(EntryFields)}
    values |= {"metadata": dict(fields.metadata), "entry": entry_id or None}
    return {name: value for name, value in values.items() if value is not None}


def check_side(side: str, sides: Sequence[str] = contract.SIDES) -> None:
    """Raise InvalidRequest if a side is not one of `sides`, with the one that is meant."""
    if wrong := wrong_side(side, sides):
        raise InvalidRequest(wrong)


def changes(given: Mapping[str, Any]) -> dict[str, Any]:
    """The changes to an entry. InvalidRequest if there are none, or if an entry has no such field."""
    unknown = [name for name in given if name not in CHANGEABLE]
    if unknown:
        raise InvalidRequest(f"an entry has no {', '.join(unknown)}; its fields are {', '.join(CHANGEABLE)}")
    if not given:
        raise InvalidRequest(f"nothing to change; the fields of an entry are {', '.join(CHANGEABLE)}")
    return dict(given)


def import_batches(records: Iterable[ViewRecord], refuse: Callable[[RefusedView], None]) -> Iterator[dict[str, Any]]:
    """The arguments of `import`: at most IMPORT_BATCH views as JSON, and the fingerprints of the models of all.

    A batch has at most IMPORT_BYTES, unless one view alone has more. What JSON cannot hold, such as a number that is
    not finite, is refused here.
    """
    for (model, relief_model), group in groupby(records, key=lambda record: (record.model, record.relief_model)):
        batch: list[dict[str, Any]] = []
        size = 0
        for record in group:
            try:
                view = _import_view(record)
                length = len(json_bytes(view))
            except InvalidRequest as error:
                refuse(RefusedView(record.entry.id, record.side, str(error)))
                continue
            if batch and (len(batch) == IMPORT_BATCH or size + length > IMPORT_BYTES):
                yield {"model": model, "relief_model": relief_model, "views": batch}
                batch, size = [], 0
            batch.append(view)
            size += length
        if batch:
            yield {"model": model, "relief_model": relief_model, "views": batch}


def _import_view(record: ViewRecord) -> dict[str, Any]:
    view: dict[str, Any] = {
        "entry": entry_object(record.entry),
        "side": record.side,
        "picture": base64.b64encode(record.picture).decode(),
    }
    if record.photo:
        view["photo"] = record.photo
    if record.embedding is not None:
        view["embedding"] = base64.b64encode(embedding_bytes(record)).decode()
    if record.relief is not None:
        view["relief"] = base64.b64encode(relief_bytes(record)).decode()
    return view


def entry_object(entry: Entry) -> dict[str, Any]:
    """An entry as a JSON object; fields that are None are left out."""
    values = {field.name: getattr(entry, field.name) for field in fields_of(Entry)}
    said = {name: value for name, value in values.items() if value is not None}
    return {**said, "metadata": dict(entry.metadata)}


def embedding_bytes(record: ViewRecord) -> bytes:
    """The embedding as EMBEDDING_SIZE float32, little endian; b'' if there is none."""
    if record.embedding is None:
        return b""
    if record.embedding.shape != (contract.EMBEDDING_SIZE,):
        shape = list(record.embedding.shape)
        raise InvalidRequest(f"the embedding of a view is {shape}; it must be [{contract.EMBEDDING_SIZE}]")
    return np.asarray(record.embedding, dtype="<f4").tobytes()


def relief_bytes(record: ViewRecord) -> bytes:
    """The relief map as int8; b'' if there is none."""
    if record.relief is None:
        return b""
    shape = (contract.RELIEF_HARMONICS, contract.RELIEF_NUMBERS)
    if record.relief.shape != shape:
        raise InvalidRequest(f"the relief map of a view is {list(record.relief.shape)}; it must be {list(shape)}")
    return np.asarray(record.relief, dtype=np.int8).tobytes()


def json_bytes(record: Mapping[str, Any]) -> bytes:
    """The record as JSON in UTF-8. InvalidRequest if JSON cannot hold a value."""
    try:
        return json.dumps(record, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"JSON cannot hold this: {error}") from error
