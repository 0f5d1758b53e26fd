"""Enrolments and searches without photos, for servers that run the catalog's models alone and start in seconds.

They are sent again as `mintmark.Client` sends its own again.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ensemble.contract import (
    CATALOG,
    COIN,
    COIN_ID,
    COIN_PROBABILITY,
    CUT_OFF,
    ELLIPSE,
    EMBEDDING,
    EMBEDDING_SIZE,
    ENROLL,
    ENROLLED_ID,
    FOUND,
    METADATA,
    RELIEF,
    REQUEST,
    RESPONSE,
    SEARCH,
    Model,
    Tensor,
)
from mintmark import TritonTransport
from mintmark._retry import Retry

MODELS = (SEARCH, ENROLL, CATALOG)
FIELDS = {"name": "coin", "country": "KR", "currency": "KRW", "denomination": "10", "side": "obverse"}
ONE = np.ones((1, 1), np.float32)
SEEN = {  # what the models say of a good photo, but for embedding and relief maps
    COIN: np.random.default_rng(0).normal(size=(1, *COIN.dims)).astype(np.float32),
    ELLIPSE: np.array([[200, 200, 150, 150, 0]], np.float32),
    FOUND: ONE,
    COIN_PROBABILITY: ONE,
    CUT_OFF: np.zeros((1, 1), np.float32),
}
TIMEOUT = 30.0  # s, as the client's own


def unit(rng: np.random.Generator) -> np.ndarray:
    """A random unit vector, [EMBEDDING_SIZE] float32."""
    vector = rng.normal(size=EMBEDDING_SIZE)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def embedding_of(entry_id: str) -> np.ndarray:
    """The embedding that belongs to an entry, [EMBEDDING_SIZE] float32: others have other ones."""
    return unit(np.random.default_rng(list(entry_id.encode())))


def reliefs(embedding: np.ndarray) -> np.ndarray:
    """Relief maps that belong to an embedding, [1, trials, harmonics, numbers]: others have other ones."""
    made = np.random.default_rng(np.frombuffer(embedding.tobytes(), np.uint32)).normal(size=RELIEF.dims[1:])
    return np.repeat((made / np.linalg.norm(made)).astype(np.float32)[None, None], RELIEF.dims[0], 1)


class Requests:
    """Asks the models of servers behind an address; raises MintmarkError. Many threads may use it."""

    def __init__(self, url: str) -> None:
        self._transport = TritonTransport(url)
        self._retry = Retry()

    def _infer(self, model: Model, inputs: Mapping[Tensor, np.ndarray], output: Tensor, **parameters: Any) -> Any:
        named = {tensor.name: array for tensor, array in inputs.items()}

        def send(seconds: float) -> Any:
            return self._transport.infer(model.name, named, [output.name], parameters, seconds)[output.name][0]

        return self._retry.call(send, timeout=TIMEOUT, repeatable=True)

    def enroll(self, embedding: np.ndarray, entry_id: str) -> str:
        """Enroll a view, which names its photo, so that sending it again adds nothing; returns its entry's id."""
        photo = hashlib.sha256(embedding.tobytes()).hexdigest()
        record = json.dumps({**FIELDS, "entry": entry_id, "photo": photo}).encode()
        inputs = {
            **SEEN,
            EMBEDDING: embedding[None],
            RELIEF: reliefs(embedding),
            METADATA: np.array([[record]], object),
        }
        return str(self._infer(ENROLL, inputs, ENROLLED_ID)[0].decode())

    def search(self, embedding: np.ndarray) -> str:
        """Id of the best entry; '' if the catalog has none."""
        inputs = {EMBEDDING: embedding[None], RELIEF: reliefs(embedding), FOUND: ONE}
        return str(self._infer(SEARCH, inputs, COIN_ID, k=1)[0].decode())

    def ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Ask for one operation of the model `catalog`, one that changes nothing or may be repeated."""
        text = json.dumps({"operation": operation, **arguments}).encode()
        answer: dict[str, Any] = json.loads(self._infer(CATALOG, {REQUEST: np.array([[text]], object)}, RESPONSE)[0])
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
