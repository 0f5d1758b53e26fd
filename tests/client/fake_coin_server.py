"""A coin server in memory, behind MockTransport: it knows each photo's coin by the photo's bytes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mintmark import EntryNotFound, InvalidPhoto, InvalidRequest, NoCoinFound

Tensors = dict[str, npt.NDArray[Any]]

THRESHOLD = 0.5
OUTLINE = (60.0, 50.0, 40.0, 30.0, 20.0)


@dataclass(frozen=True)
class Coin:
    """What a photo shows: an embedding, given by its first numbers, and an outline."""

    vector: tuple[float, ...]
    outline: tuple[float, ...] = OUTLINE


@dataclass
class FakeCoinServer:
    """Called as MockTransport's handler. `photos`: bytes to the coin on it, None where there is none."""

    photos: dict[bytes, Coin | None] = field(default_factory=dict)
    catalog: dict[str, tuple[dict[str, Any], npt.NDArray[np.float32]]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    error: Exception | None = None

    def __call__(self, model: str, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        """Answer one inference."""
        self.calls.append((model, dict(parameters)))
        if self.error is not None:
            raise self.error
        if model == "catalog":
            return {"response": strings([json.dumps(self._operate(json.loads(inputs["request"][0, 0])))])}
        coin = self._coin(inputs["encoded"][0, 0])
        if model == "coin_search":
            return {**self._search(coin, parameters["k"]), **_outline(coin)}
        if model == "coin_enroll":
            return {**self._enroll(coin, json.loads(inputs["metadata"][0, 0])), **_outline(coin)}
        return {"embedding": _vector(coin)[None], "coin": np.zeros((1, 3, 256, 256), np.float32), **_outline(coin)}

    def add(self, name: str, vector: Sequence[float], **fields: Any) -> str:
        """Put an entry into the catalog."""
        record = {"name": name, "country": "Austria", "currency": "EUR", "denomination": "1", "side": "common"}
        key = f"id{len(self.catalog) + 1}"
        self.catalog[key] = ({"id": key, **record, **fields}, _vector(Coin(tuple(vector))))
        return key

    def _coin(self, photo: bytes) -> Coin | None:
        if photo not in self.photos:
            raise InvalidPhoto("photo is not an image")
        return self.photos[photo]

    def _search(self, coin: Coin | None, k: int) -> Tensors:
        scored = [(float(vector @ _vector(coin)), record) for record, vector in self.catalog.values()]
        best = sorted(scored, key=lambda pair: -pair[0])[:k] if coin else []
        fill = k - len(best)
        return {
            "coin_id": strings([record["id"] for _, record in best] + [""] * fill),
            "score": np.array([[score for score, _ in best] + [-1.0] * fill], np.float32),
            "entry": strings([json.dumps(record) for _, record in best] + [""] * fill),
            "known": np.array([[bool(best) and best[0][0] >= THRESHOLD]]),
        }

    def _enroll(self, coin: Coin | None, record: dict[str, Any]) -> Tensors:
        if coin is None:
            raise NoCoinFound("the photo shows no coin")
        if not record["name"].isprintable():
            raise InvalidRequest("the name holds control characters")
        return {"enrolled_id": strings([self.add(vector=coin.vector, **record)])}

    def _operate(self, request: dict[str, Any]) -> dict[str, Any]:
        records = [record for record, _ in self.catalog.values()]
        if request["operation"] == "list":
            page = records[request["offset"] : request["offset"] + request["limit"]]
            return {"entries": page, "total": len(records)}
        if request["operation"] == "status":
            size = len(records)
            return {"entries": size, "views": size, "model": "abc123", "threshold": THRESHOLD, "index": "Flat"}
        if request["id"] not in self.catalog:
            raise EntryNotFound(f"the catalog has no entry {request['id']}")
        if request["operation"] == "show":
            return {"entry": self.catalog[request["id"]][0]}
        del self.catalog[request["id"]]
        return {"removed": request["id"]}


def strings(values: Sequence[str]) -> npt.NDArray[np.object_]:
    """BYTES [1, n]."""
    return np.array([[value.encode() for value in values]], dtype=np.object_)


def _vector(coin: Coin | None) -> npt.NDArray[np.float32]:
    vector = np.zeros(64, np.float32)
    if coin is not None:
        vector[: len(coin.vector)] = np.array(coin.vector) / np.linalg.norm(coin.vector)
    return vector


def _outline(coin: Coin | None) -> Tensors:
    outline = coin.outline if coin else (0.0,) * 5
    return {"ellipse": np.array([outline], np.float32), "found": np.array([[float(coin is not None)]], np.float32)}
