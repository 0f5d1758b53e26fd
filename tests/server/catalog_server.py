"""A real Triton with the catalog's models alone, which starts in seconds, and a client that needs no photos."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc as triton

from ensemble.contract import (
    CATALOG,
    COIN_ID,
    CORRELATION,
    EMBEDDING,
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
from loadtest.fleet.requests import MODELS, ONE, SEEN, reliefs, unit
from server.embedded import EmbeddedServer

__all__ = ["FIELDS", "MODELS", "SEEN", "CatalogClient", "catalog_server", "reliefs", "unit"]
FIELDS = {"name": "coin", "country": "KR", "currency": "KRW", "denomination": "10"}


def catalog_server(folder: Path, **environment: str) -> EmbeddedServer:
    """A server, not started yet, on the catalog in a folder; its log lies beside the folder."""
    return EmbeddedServer(folder, environment=environment, models=MODELS, log=folder.with_suffix(".log"))


class CatalogClient:
    """Asks the models directly. Raises tritonclient's InferenceServerException."""

    def __init__(self, url: str, timeout: float | None = None) -> None:
        self._client = triton.InferenceServerClient(url)
        self._timeout = timeout
        self.headers: dict[str, str] = {}

    def infer(self, model: Model, inputs: Mapping[Tensor, np.ndarray], **parameters: Any) -> triton.InferResult:
        """Ask one model."""
        given = []
        for tensor, array in inputs.items():
            given.append(triton.InferInput(tensor.name, list(array.shape), tensor.dtype.value))
            given[-1].set_data_from_numpy(array)
        return self._client.infer(
            model.name, given, parameters=parameters, headers=self.headers, client_timeout=self._timeout
        )

    def enroll(self, embedding: np.ndarray, side: str = "obverse", **fields: Any) -> str:
        """Enroll a view; returns its entry's id."""
        metadata = np.array([[json.dumps({"side": side, **fields}).encode()]], object)
        seen = {**SEEN, EMBEDDING: embedding[None], RELIEF: reliefs(embedding)}
        return str(self.infer(ENROLL, {**seen, METADATA: metadata}).as_numpy(ENROLLED_ID.name)[0, 0].decode())

    def search(self, embedding: np.ndarray, k: int = 1, **filters: Any) -> list[str]:
        """Ids of the k best entries."""
        return [each for each, _ in self.verified(embedding, k, **filters)]

    def verified(self, embedding: np.ndarray, k: int = 1, **filters: Any) -> list[tuple[str, float]]:
        """Ids of the k best entries, and the correlations of their relief maps."""
        seen = {EMBEDDING: embedding[None], RELIEF: reliefs(embedding), FOUND: ONE}
        result = self.infer(SEARCH, seen, k=k, **filters)
        columns = (result.as_numpy(tensor.name)[0] for tensor in (COIN_ID, CORRELATION))
        return [(each.decode(), float(correlation)) for each, correlation in zip(*columns, strict=True) if each]

    def ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Ask for one operation of the model `catalog`."""
        text = json.dumps({"operation": operation, **arguments}).encode()
        reply = self.infer(CATALOG, {REQUEST: np.array([[text]], object)}).as_numpy(RESPONSE.name)[0, 0]
        value: dict[str, Any] = json.loads(reply)
        return value

    def entries(self) -> list[dict[str, Any]]:
        """All entries."""
        found, after = [], ""
        while True:
            page = self.ask("list", after=after, limit=1000)
            found += page["entries"]
            after = page["next"]
            if not after:
                return found

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
