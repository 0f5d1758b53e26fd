"""A coin server in memory, behind MockTransport. It knows the coin of each photo by the photo's bytes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mintmark import InvalidPhoto, InvalidRequest, NoCoinFound
from mintmark._contract import (
    CATALOG,
    COIN_ENROLL,
    COIN_SEARCH,
    COIN_SEARCH_ALL,
    IMAGE_SIZE,
    RELIEF_HARMONICS,
    RELIEF_NUMBERS,
    RELIEF_TRIES,
    REQUIRED,
    SIDE,
)
from tests.python_client.fake_catalog import FakeCatalog, unit

Tensors = dict[str, npt.NDArray[Any]]

OUTLINE = (60.0, 50.0, 40.0, 30.0, 20.0)


@dataclass(frozen=True)
class Coin:
    """What a photo shows: an embedding, given by its first numbers, an outline, and a relief, named by a number.

    Coins with the same relief look the same; a coin without one has no relief map. `doubts`: about the photo, lines.
    """

    vector: tuple[float, ...]
    outline: tuple[float, ...] = OUTLINE
    relief: int | None = None
    doubts: str = ""


@dataclass
class FakeCoinServer:
    """A handler for MockTransport. `photos`: the coin of each photo, by the photo's bytes; None without a coin.

    `trays`: all coins of each photo, the largest first; of a photo that is not there, its one coin.
    """

    photos: dict[bytes, Coin | None] = field(default_factory=dict)
    trays: dict[bytes, list[Coin]] = field(default_factory=dict)
    catalog: FakeCatalog = field(default_factory=FakeCatalog)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    error: Exception | None = None
    notes: str = ""  # on the catalog, lines

    def __call__(self, model: str, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        """Answer one inference."""
        self.calls.append((model, dict(parameters)))
        if self.error is not None:
            raise self.error
        if model == CATALOG:
            request = json.loads(inputs["request"][0, 0])
            self.operations.append(request["operation"])
            return {"response": strings([json.dumps(self.catalog.operate(request))])}
        if model == COIN_SEARCH_ALL:
            coins = json.dumps({"coins": self._tray(inputs["encoded"][0, 0], **parameters)})
            return {"coins": strings([coins]), "warnings": strings([self.notes])}
        coin = self._coin(inputs["encoded"][0, 0])
        if model == COIN_SEARCH:
            return {**self._search(coin, **parameters), **_outline(coin), "warnings": strings([self.notes])}
        if model == COIN_ENROLL:
            return {**self._enroll(coin, json.loads(inputs["metadata"][0, 0])), **_outline(coin)}
        return {
            "embedding": unit(coin.vector if coin else ())[None],
            "relief": relief_map(coin.relief if coin else None)[None],
            "coin": np.zeros((1, 3, IMAGE_SIZE, IMAGE_SIZE), np.float32),
            **_outline(coin),
        }

    def add(
        self, name: str, vector: Sequence[float], side: str = "common", relief: int | None = None, **fields: Any
    ) -> str:
        """Put a photo, and its entry, into the catalog."""
        said = {**dict.fromkeys(REQUIRED, "1"), "name": name, "country": "Austria", "currency": "EUR"}
        return self.catalog.enroll({**said, SIDE: side, **fields}, unit(vector), relief=relief)

    def _coin(self, photo: bytes) -> Coin | None:
        if photo not in self.photos:
            raise InvalidPhoto("photo is not an image")
        return self.photos[photo]

    def _tray(self, photo: bytes, **parameters: Any) -> list[dict[str, Any]]:
        coins = self.trays[photo] if photo in self.trays else [one for one in [self._coin(photo)] if one]
        answers = []
        for coin in coins:
            found = self._search(coin, **parameters)
            matches = [
                {name: float(found[name][0, n]) for name in ("score", "cosine", "correlation", "angle")}
                | {"entry": json.loads(row)}
                for n, row in enumerate(found["entry"][0])
                if row
            ]
            said = {"known": bool(found["known"][0, 0]), "margin": float(found["margin"][0, 0]), "matches": matches}
            answers.append({"ellipse": list(coin.outline), "probability": 0.75, **said})
        return answers

    def _search(
        self, coin: Coin | None, k: int, verify: bool = True, candidates: int = 1000, **filters: str
    ) -> Tensors:
        """Like reliefs score 1 whatever their embeddings are; other views score their cosine."""
        seen = coin.relief if coin and verify else None
        scored = self.catalog.search(unit(coin.vector), filters, seen) if coin else []
        best, fill = scored[:k], k - len(scored[:k])
        scores = [score for score, _ in scored] + [0.0]
        compared = [record.pop("alike") for _, record in best] + [None] * fill
        return {
            "cosine": np.array([[score for score, _ in best] + [-1.0] * fill], np.float32),
            "correlation": np.array([[-2.0 if one is None else one for one in compared]], np.float32),
            "angle": np.array([[0.0 if one is None else 90.0 for one in compared]], np.float32),
            "coin_id": strings([record["id"] for _, record in best] + [""] * fill),
            "score": np.array([[score for score, _ in best] + [-1.0] * fill], np.float32),
            "entry": strings([json.dumps(record) for _, record in best] + [""] * fill),
            "known": np.array([[bool(best) and best[0][0] >= self.catalog.threshold]]),
            "margin": np.array([[scores[0] - scores[1] if best else 0]], np.float32),
        }

    def _enroll(self, coin: Coin | None, record: dict[str, Any]) -> Tensors:
        if coin is None:
            raise NoCoinFound("the photo shows no coin")
        if not record.get("name", "").isprintable():
            raise InvalidRequest("the name holds control characters")
        key = self.catalog.enroll(record, unit(coin.vector), relief=coin.relief)
        return {"enrolled_id": strings([key]), "warnings": strings([coin.doubts])}


def relief_map(number: int | None) -> npt.NDArray[np.float32]:
    """[trials, harmonics, numbers], unit length; zeros without a relief."""
    shape = RELIEF_HARMONICS, RELIEF_NUMBERS
    made = np.zeros(shape) if number is None else np.random.default_rng(number).normal(size=shape)
    return np.repeat((made / (np.linalg.norm(made) or 1)).astype(np.float32)[None], RELIEF_TRIES, 0)


def strings(values: Sequence[str]) -> npt.NDArray[np.object_]:
    """BYTES [1, n]."""
    return np.array([[value.encode() for value in values]], dtype=np.object_)


def _outline(coin: Coin | None) -> Tensors:
    outline = coin.outline if coin else (0.0,) * 5
    found = np.array([[float(coin is not None)]], np.float32)
    return {"ellipse": np.array([outline], np.float32), "found": found, "coin_probability": 0.04 + 0.95 * found}
