"""The server's answers, checked and turned into values.

Triton can answer empty tensors and call that success: if its Python stub runs on numpy 2, or if its pool of CUDA memory
is exhausted. So every answer is checked here. One that breaks the contract becomes a ServerError that names the tensor.
"""

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timezone
from typing import Any

import numpy as np
import numpy.typing as npt

from mintmark import _contract as contract
from mintmark._errors import OLDER, ServerError
from mintmark._transports.base import Tensors
from mintmark._types import (
    CatalogStatus,
    CoinEmbedding,
    Ellipse,
    Entry,
    Event,
    FilterCheck,
    FoundCoin,
    Known,
    KnownPhoto,
    Match,
    Recognition,
    Reembedding,
    RefusedView,
    Similar,
    View,
    ViewRecord,
)
from mintmark._verification import NOT_COMPARED

# The kind of numpy array that holds each of Triton's types.
_KINDS = {"BYTES": "O", "FP32": "f", "BOOL": "b"}

_EMPTY = (
    " (perhaps the server's CUDA memory pool is exhausted, see --cuda-memory-pool-byte-size, or its Python models run"
    " on numpy 2: see its log)"
)
_ENTRY_TEXTS = ("id", *contract.REQUIRED)
_STATUS_FIELDS = tuple(field.name for field in fields(CatalogStatus) if field.name != "details")


def take(outputs: Tensors, name: str, *dims: int) -> npt.NDArray[Any]:
    """The tensor `name`, [1, *dims], without its batch axis. ServerError if it is missing or differs from that."""
    if name not in outputs:
        raise ServerError(f"the server's answer lacks the tensor {name!r}")
    array = outputs[name]
    dtype = contract.DTYPES[name]
    if array.shape != (1, *dims) or array.dtype.kind != _KINDS[dtype]:
        hint = _EMPTY if array.size == 0 else ""
        raise ServerError(
            f"the server answered {name!r} as {array.dtype} {list(array.shape)}, not as {dtype} {[1, *dims]}{hint}"
        )
    row: npt.NDArray[Any] = array[0]
    return row


def text(outputs: Tensors, name: str) -> str:
    """The single string of a BYTES tensor [1, 1]."""
    return _text(take(outputs, name, 1)[0])


def ellipse(outputs: Tensors) -> Ellipse | None:
    """The coin's outline, None if the server found no coin."""
    found = bool(take(outputs, contract.FOUND, 1)[0])
    values = take(outputs, contract.ELLIPSE, len(fields(Ellipse)))
    return Ellipse(*(float(value) for value in _finite(contract.ELLIPSE, values))) if found else None


def probability(outputs: Tensors) -> float:
    """That what the server looked at closely is a coin."""
    return float(_finite(contract.COIN_PROBABILITY, take(outputs, contract.COIN_PROBABILITY, 1))[0])


def recognition(outputs: Tensors, k: int) -> Recognition:
    """A recognition from the `k` rows of coin_search's outputs, without the empty rows at the end."""
    ids = take(outputs, contract.COIN_ID, k)
    scores = _finite(contract.SCORE, take(outputs, contract.SCORE, k))
    entries = take(outputs, contract.ENTRY, k)
    outline = ellipse(outputs)
    cosines, correlations, angles = (
        _finite(name, take(outputs, name, k)) for name in (contract.COSINE, contract.CORRELATION, contract.ANGLE)
    )
    rows = zip(ids, entries, scores, cosines, correlations, angles, strict=True)
    return Recognition(
        found=outline is not None,
        probability=probability(outputs),
        known=bool(take(outputs, contract.KNOWN, 1)[0]),
        margin=float(_finite(contract.MARGIN, take(outputs, contract.MARGIN, 1))[0]),
        ellipse=outline,
        matches=tuple(_match(parse(row), *map(float, numbers)) for key, row, *numbers in rows if key),
        notes=warnings(outputs),
    )


def warnings(outputs: Tensors) -> tuple[str, ...]:
    """What is doubtful, sentence by sentence."""
    return tuple(text(outputs, contract.WARNINGS).splitlines())


def found_coins(outputs: Tensors) -> tuple[FoundCoin, ...]:
    """The coins of a photo from the output of coin_search_all."""
    notes = warnings(outputs)
    return tuple(_found_coin(record, notes) for record in records(parse(text(outputs, contract.COINS)), "coins"))


def _found_coin(record: dict[str, Any], notes: tuple[str, ...]) -> FoundCoin:
    outline = record.get("ellipse")
    if not isinstance(outline, list) or len(outline) != len(fields(Ellipse)):
        raise ServerError(f"the server answered {_short(outline)} instead of the five numbers of an ellipse")
    return FoundCoin(
        Ellipse(*(_number({"ellipse": value}, "ellipse") for value in outline)),
        _number(record, "probability"),
        _flag(record, contract.KNOWN),
        _number(record, contract.MARGIN),
        tuple(
            _match(
                row.get(contract.ENTRY) or {},
                *(
                    _number(row, name)
                    for name in (contract.SCORE, contract.COSINE, contract.CORRELATION, contract.ANGLE)
                ),
            )
            for row in records(record, "matches")
        ),
        notes,
    )


def _match(record: dict[str, Any], score: float, cosine: float, correlation: float, angle: float) -> Match:
    said = entry(record), score, string(record, "side"), string(record, "view"), cosine
    return Match(*said, correlation, angle) if correlation > NOT_COMPARED else Match(*said)


def coin_embedding(outputs: Tensors) -> CoinEmbedding:
    """An embedding from the outputs of coin_embedding; the coin becomes a picture that people can look at."""
    outline = ellipse(outputs)
    vector = take(outputs, contract.EMBEDDING, contract.EMBEDDING_SIZE).astype(np.float32)
    coin = take(outputs, contract.COIN, 3, contract.IMAGE_SIZE, contract.IMAGE_SIZE)
    maps = contract.RELIEF_TRIES, contract.RELIEF_HARMONICS, contract.RELIEF_NUMBERS
    relief = take(outputs, contract.RELIEF, *maps).astype(np.float32)
    if outline is not None:
        _finite(contract.EMBEDDING, vector)
        _finite(contract.RELIEF, relief)
    return CoinEmbedding(
        found=outline is not None,
        probability=probability(outputs),
        ellipse=outline,
        embedding=vector,
        coin=_picture(coin),
        relief=relief,
    )


def parse(row: Any) -> dict[str, Any]:
    """The JSON object in one BYTES element."""
    raw = _text(row)
    try:
        value = json.loads(raw)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ServerError(f"the server answered {_short(raw)} instead of a JSON object")
    return value


def entry(record: Any) -> Entry:
    """A catalog entry from its JSON object."""
    if not isinstance(record, Mapping) or any(not isinstance(record.get(key), str) for key in _ENTRY_TEXTS):
        raise ServerError(f"the server answered {_short(record)} instead of an entry with {', '.join(_ENTRY_TEXTS)}")
    said = {key: record[key] for key in _ENTRY_TEXTS}
    for key in contract.OPTIONAL:
        kind = int if key in contract.WHOLE_NUMBERS else str
        said[key] = value if isinstance(value := record.get(key), kind) else None
    return Entry(**said, metadata=record.get("metadata") or {})


def views(answer: Mapping[str, Any]) -> tuple[View, ...]:
    """The views from the answer to `show`."""
    return tuple(
        View(
            string(record, "id"),
            string(record, "side"),
            _flag(record, "stale"),
            binary(record, "picture"),
            _flag(record, "verifiable"),
        )
        for record in records(answer, "views")
    )


def view_record(record: Mapping[str, Any], model: str, relief_model: str) -> ViewRecord:
    """One view from a page of `export`. The models are the fingerprints of what the server makes of photos."""
    embedded, mapped = (record.get(name) is not None for name in ("embedding", "relief"))
    return ViewRecord(
        entry=entry(record.get("entry")),
        side=string(record, "side"),
        picture=binary(record, "picture"),
        embedding=_embedding(binary(record, "embedding")) if embedded else None,
        model=model if embedded else "",
        relief=_relief(binary(record, "relief")) if mapped else None,
        relief_model=relief_model if mapped else "",
        photo=string(record, "photo") if "photo" in record else "",  # earlier servers do not say it
    )


def known(answer: Mapping[str, Any]) -> Known:
    """What the catalog has from the answer to `known`."""
    photos = answer.get("photos")
    if not isinstance(photos, Mapping):
        raise ServerError(f"the server's answer has {_short(photos)} instead of the object 'photos'")
    having = {
        photo: tuple(KnownPhoto(entry(view.get("entry")), string(view, "side")) for view in records(photos, photo))
        for photo in photos
    }
    return Known({one.id: one for one in map(entry, records(answer, "entries"))}, having)


def similar(answer: Mapping[str, Any]) -> tuple[Similar, ...]:
    """The entries from the answer to `similar`."""
    return tuple(map(_similar, records(answer, "similar")))


def _similar(record: Mapping[str, Any]) -> Similar:
    score, cosine, correlation, angle = (
        _number(record, key) for key in (contract.SCORE, contract.COSINE, contract.CORRELATION, contract.ANGLE)
    )
    compared = correlation > NOT_COMPARED
    return Similar(
        entry(record.get("entry")),
        score,
        string(record, "own_side"),
        string(record, "own_view"),
        string(record, "side"),
        string(record, "view"),
        cosine,
        correlation if compared else None,
        angle if compared else None,
        _flag(record, "same_photo"),
    )


def filter_checks(answer: Mapping[str, Any]) -> tuple[FilterCheck, ...]:
    """The filters from the answer to `check_filters`."""
    return tuple(
        FilterCheck(
            string(record, "filter"),
            string(record, "value"),
            count(record, "views"),
            tuple(map(str, record.get("nearest") or ())),
        )
        for record in records(answer, "filters")
    )


def event(record: Mapping[str, Any]) -> Event:
    """A change of an entry from its JSON object."""
    details = record.get("said")
    if not isinstance(details, Mapping):
        raise ServerError(f"the server answered {_short(record)} instead of an event")
    texts = {name: string(record, name) for name in ("number", "who", "kind", "entry", "other", "undoes")}
    return Event(at=datetime.fromtimestamp(_number(record, "at"), timezone.utc), details=details, **texts)


def catalog_status(record: Mapping[str, Any]) -> CatalogStatus:
    """The catalog's status from its JSON object."""
    try:
        entries, views, stale_views, model, without, threshold, calibrated = (record[key] for key in _STATUS_FIELDS)
        details = {key: value for key, value in record.items() if key not in _STATUS_FIELDS}
        return CatalogStatus(
            int(entries),
            int(views),
            int(stale_views),
            str(model),
            int(without),
            float(threshold),
            bool(calibrated),
            details,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ServerError(f"the server answered {_short(record)} instead of the catalog's status; {OLDER}") from error


def reembedding(answer: Mapping[str, Any]) -> Reembedding:
    """The progress from the answer to `reembed`."""
    return Reembedding(count(answer, "done"), count(answer, "left"), count(answer, "lost"), refused(answer))


def refused(answer: Mapping[str, Any]) -> tuple[RefusedView, ...]:
    """The views that were refused; earlier servers refuse all or none."""
    named = records(answer, "refused") if "refused" in answer else ()
    return tuple(RefusedView(*(string(record, key) for key in ("entry", "side", "error"))) for record in named)


def records(answer: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The list of JSON objects under `key`."""
    value = answer.get(key)
    if not isinstance(value, list) or any(not isinstance(record, dict) for record in value):
        raise ServerError(f"the server's answer has {_short(value)} instead of the list {key!r}")
    return value


def string(answer: Mapping[str, Any], key: str) -> str:
    """The text under `key`."""
    value = answer.get(key)
    if not isinstance(value, str):
        raise ServerError(f"the server's answer has {_short(value)} instead of the text {key!r}{_older(answer, key)}")
    return value


def count(answer: Mapping[str, Any], key: str) -> int:
    """The number of things under `key`."""
    value = answer.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ServerError(f"the server's answer has {_short(value)} instead of the count {key!r}{_older(answer, key)}")
    return value


def flag(answer: Mapping[str, Any], key: str) -> bool:
    """Whether what stands under `key` is so."""
    value = answer.get(key)
    if not isinstance(value, bool):
        raise ServerError(f"the server's answer has {_short(value)} instead of the flag {key!r}{_older(answer, key)}")
    return value


def binary(answer: Mapping[str, Any], key: str) -> bytes:
    """The bytes under `key`."""
    try:
        return base64.b64decode(string(answer, key), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ServerError(f"the server's answer has {key!r} not in base64: {error}") from error


def _number(answer: Mapping[str, Any], key: str) -> float:
    value = answer.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ServerError(
            f"the server's answer has {_short(value)} instead of a number for {key!r}{_older(answer, key)}"
        )
    return float(value)


def _flag(answer: Mapping[str, Any], key: str) -> bool:
    value = answer.get(key)
    if not isinstance(value, bool):
        raise ServerError(
            f"the server's answer has {_short(value)} instead of true or false for {key!r}{_older(answer, key)}"
        )
    return value


def _older(answer: Mapping[str, Any], key: str) -> str:
    return "" if key in answer else f"; {OLDER}"


def _embedding(raw: bytes) -> npt.NDArray[np.float32]:
    if len(raw) != 4 * contract.EMBEDDING_SIZE:
        raise ServerError(f"the server answered an embedding of {len(raw)} bytes, not {4 * contract.EMBEDDING_SIZE}")
    return np.frombuffer(raw, dtype="<f4").astype(np.float32)


def _relief(raw: bytes) -> npt.NDArray[np.int8]:
    size = contract.RELIEF_HARMONICS * contract.RELIEF_NUMBERS
    if len(raw) != size:
        raise ServerError(f"the server answered a relief map of {len(raw)} bytes, not {size}")
    return np.frombuffer(raw, dtype=np.int8).reshape(contract.RELIEF_HARMONICS, contract.RELIEF_NUMBERS)


def _picture(coin: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Undo the networks' normalization: float32 [3, h, w] to uint8 RGB [h, w, 3]."""
    channels_last = coin.transpose(1, 2, 0)
    colours = (channels_last * np.array(contract.IMAGE_STD) + np.array(contract.IMAGE_MEAN)) * 255
    return np.asarray(np.rint(colours.clip(0, 255)), dtype=np.uint8)


def _finite(name: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if not np.isfinite(values).all():
        raise ServerError(f"the server answered {name!r} with values that are not finite: {values.tolist()}")
    return values


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return str(value)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 200 else f"{shown[:200]}…"
