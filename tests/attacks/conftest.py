"""A server to attack, with both tokens set, and a good request that goes on beside each attack."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpc

from ensemble.contract import CATALOG, DType, Model, Tensor
from mintmark import Client
from tests.server.conftest import Coin, Running, jpeg, launch, make_coin

CHANGE, READ, PRIORITY = "the-token-that-changes", "the-token-that-reads", "the-token-that-overtakes"
BEARER = {"authorization": f"Bearer {CHANGE}"}


@pytest.fixture(scope="package")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server on which reading needs a token, too."""
    tokens = {"MINTMARK_TOKEN": CHANGE, "MINTMARK_READ_TOKEN": READ, "MINTMARK_PRIORITY_TOKEN": PRIORITY}
    running = launch(tmp_path_factory.mktemp("attacked"), **tokens)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def coin() -> Coin:
    return make_coin(900_001)


@pytest.fixture(scope="session")
def photo(coin: Coin) -> bytes:
    """A good photo."""
    return jpeg(coin.catalog)


@pytest.fixture
def good(attacked: Running, photo: bytes) -> Iterator[Client]:
    """A client whose search is answered before an attack and after it."""
    with Client(attacked.url, token=READ) as client:
        assert client.recognize(photo).found
        yield client
        assert client.recognize(photo).found


class Raw:
    """Sends what no client would. Raises tritonclient's InferenceServerException."""

    def __init__(self, url: str) -> None:
        self._client = grpc.InferenceServerClient(url)

    def infer(
        self,
        model: Model,
        inputs: Mapping[Tensor, np.ndarray],
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> grpc.InferResult:
        """Ask one model."""
        given = []
        for tensor, array in inputs.items():
            given.append(grpc.InferInput(tensor.name, list(array.shape), tensor.dtype.value))
            given[-1].set_data_from_numpy(array)
        return self._client.infer(model.name, given, headers=dict(headers or {}), **options)

    def ask(self, text: str | bytes, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Ask for a catalog operation, in the very words."""
        request, response = CATALOG.inputs[0], CATALOG.outputs[0]
        assert request.dtype is DType.BYTES
        result = self.infer(CATALOG, {request: one(text)}, headers if headers is not None else BEARER)
        return dict(json.loads(result.as_numpy(response.name)[0, 0]))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def one(value: str | bytes) -> np.ndarray:
    """A BYTES tensor [1, 1]."""
    return np.array([[value.encode() if isinstance(value, str) else value]], object)


@pytest.fixture
def raw(attacked: Running) -> Iterator[Raw]:
    client = Raw(attacked.url)
    yield client
    client.close()
