"""Inputs are read without a copy, and a bad photo is the error of its request alone. A fake stands in for Triton."""

import importlib.util
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ensemble import variables
from ensemble.contract import (
    CANVAS,
    COIN,
    EMBEDDER,
    EMBEDDING,
    EMBEDDING_SIZE,
    ENCODED,
    EXTENT,
    FOUND,
    METADATA,
    Tensor,
)
from ensemble.errors import (
    AccessError,
    CatalogError,
    EntryError,
    EntryNotFoundError,
    NoCoinError,
    ParameterError,
    PhotoError,
)

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Given:
    """A tensor as Triton's Python backend hands it over: on a device it has no numpy array."""

    name: str
    data: np.ndarray
    on_device: bool = False

    def is_cpu(self) -> bool:
        return not self.on_device

    def as_numpy(self) -> np.ndarray:
        if self.on_device:
            raise RuntimeError("Tensor is stored in GPU and cannot be converted to NumPy.")
        return self.data


class OnDevice:
    """The part of a CuPy array that is used."""

    def __init__(self, given: Given) -> None:
        self.given, self.shape = given, given.data.shape

    def get(self) -> np.ndarray:
        return self.given.data.copy()


class Error(Exception):
    INVALID_ARG, NOT_FOUND, UNAVAILABLE, INTERNAL = "invalid", "not found", "unavailable", "internal"

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Response:
    def __init__(self, tensors: Any = (), error: Error | None = None) -> None:
        self.tensors = {tensor.name: tensor.data for tensor in tensors}
        self.error = error


class Answered:
    """The answer of another model of the server."""

    def __init__(self, tensors: dict[str, np.ndarray], failure: str = "") -> None:
        self.tensors, self.failure = tensors, failure

    def has_error(self) -> bool:
        return bool(self.failure)

    def error(self) -> Any:
        return SimpleNamespace(message=lambda: self.failure)


class Asked(dict[str, Given]):
    """A request: its inputs by name, and its parameters."""

    given: str = ""

    def parameters(self) -> str:
        return self.given


def request_of(tensor: Tensor, data: np.ndarray, on_device: bool = False) -> Asked:
    return Asked({tensor.name: Given(tensor.name, data, on_device)})


@pytest.fixture
def logged() -> list[str]:
    """Lines of the server's log."""
    return []


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch, logged: list[str]) -> Iterator[ModuleType]:
    """`backends.adapter`, imported with a fake `triton_python_backend_utils`."""
    utils = SimpleNamespace(
        Tensor=Given,
        InferenceResponse=Response,
        TritonError=Error,
        Logger=SimpleNamespace(log_error=logged.append),
        PreferredMemory=lambda where: where,
        TRITONSERVER_MEMORY_CPU="host",
        get_input_tensor_by_name=lambda request, name: request[name],
        get_output_tensor_by_name=lambda answer, name: Given(name, answer.tensors[name]),
    )
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", utils)
    monkeypatch.delitem(sys.modules, "backends.adapter", raising=False)
    import backends.adapter

    yield backends.adapter
    sys.modules.pop("backends.adapter", None)


def model(name: str) -> Any:
    """A model of the repository."""
    spec = importlib.util.spec_from_file_location(f"{name}_model", ROOT / "model_repository" / name / "1" / "model.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TritonPythonModel()


def test_the_instance_of_a_model(adapter: ModuleType) -> None:
    assert adapter.gpu_of({"model_instance_kind": "GPU", "model_instance_device_id": "3"}) == 3
    assert adapter.gpu_of({"model_instance_kind": "CPU", "model_instance_device_id": "0"}) is None


def test_inputs_on_the_host(adapter: ModuleType) -> None:
    data = np.ones((2, EMBEDDING_SIZE), np.float32)
    request = request_of(EMBEDDING, data)
    assert adapter.in_place(request, EMBEDDING) is data
    assert adapter.array(request, EMBEDDING) is data


def test_inputs_on_a_device(adapter: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(from_dlpack=OnDevice))
    data = np.random.default_rng(0).normal(size=(2, EMBEDDING_SIZE)).astype(np.float32)
    request = request_of(EMBEDDING, data, on_device=True)
    seen = adapter.in_place(request, EMBEDDING)
    assert isinstance(seen, OnDevice) and seen.given.data is data, "not copied"
    copied = adapter.array(request, EMBEDDING)
    assert copied is not data
    np.testing.assert_array_equal(copied, data)


def jpeg(width: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, 40), (width % 256, 9, 9)).save(file, "JPEG")
    return file.getvalue()


def photos(*files: bytes) -> Asked:
    return request_of(ENCODED, np.array([[file] for file in files], object))


def test_decode_answers_each_request_of_a_batch(adapter: ModuleType) -> None:
    decode = model("decode")
    decode.initialize({"model_instance_kind": "CPU", "model_instance_device_id": "0", "model_config": "{}"})
    requests = [photos(jpeg(50)), photos(jpeg(60), b"no photo"), photos(b""), photos(jpeg(70), jpeg(80), jpeg(90))]
    fine, mixed, empty, three = decode.execute(requests)
    assert fine.error is None and fine.tensors[EXTENT.name].tolist() == [[40, 50]]
    assert mixed.error.code == Error.INVALID_ARG and "not an image" in str(mixed.error)
    assert empty.error.code == Error.INVALID_ARG and "the photo is empty" in str(empty.error)
    assert three.error is None and three.tensors[EXTENT.name].tolist() == [[40, 70], [40, 80], [40, 90]]
    assert three.tensors[CANVAS.name].shape == (3, *CANVAS.dims)


def test_decode_reads_no_photo_of_those_who_may_not_read(adapter: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variables.READ_TOKEN, "secret")
    decode = model("decode")
    decode.initialize({"model_instance_kind": "CPU", "model_instance_device_id": "0", "model_config": "{}"})
    seen: list[bytes] = []
    decoding = decode.decode

    def watched(given: list[bytes]) -> Any:
        seen.extend(given)
        return decoding(given)

    decode.decode = watched
    refused, fine = photos(jpeg(40), jpeg(41)), photos(jpeg(50))
    fine.given = json.dumps({"authorization": "Bearer secret"})
    answers = decode.execute([refused, fine, refused])
    assert [each.error is None for each in answers] == [False, True, False]
    assert "[UNAUTHORIZED]" in str(answers[0].error)
    assert answers[1].tensors[EXTENT.name].tolist() == [[40, 50]]
    assert len(seen) == 1


def test_a_long_message_is_cut(adapter: ModuleType) -> None:
    def answer(request: str) -> dict[Tensor, np.ndarray]:
        raise EntryError(request) if request.startswith("\u2026") else RuntimeError(request)

    for response in adapter.answer_each(["\u2026" * 20_000, "x" * 20_000], answer):
        assert 1_900 < len(str(response.error).encode()) < 2_010
        assert str(response.error).endswith(" \u2026")


def test_texts_have_a_largest_size(adapter: ModuleType) -> None:
    request = request_of(METADATA, np.array([[b"12345"]], object))
    assert adapter.texts(request, METADATA, 5) == ["12345"]
    with pytest.raises(ParameterError, match="metadata has 5 bytes; the limit is 4"):
        adapter.texts(request, METADATA, 4)


@pytest.mark.parametrize(
    ("error", "code", "message", "in_the_log"),
    [
        (EntryError("no name"), Error.INVALID_ARG, "[INVALID_ENTRY] no name", False),
        (ParameterError("no k"), Error.INVALID_ARG, "[INVALID_PARAMETER] no k", False),
        (AccessError("no token"), Error.INVALID_ARG, "[UNAUTHORIZED] no token", False),
        (PhotoError("no photo"), Error.INVALID_ARG, "[INVALID_PHOTO] no photo", False),
        (NoCoinError("no coin"), Error.NOT_FOUND, "[NO_COIN] no coin", False),
        (EntryNotFoundError("no entry"), Error.NOT_FOUND, "[ENTRY_NOT_FOUND] no entry", False),
        (CatalogError("disk is full"), Error.UNAVAILABLE, "[CATALOG_UNAVAILABLE] disk is full", True),
        (KeyError("x"), Error.INTERNAL, "internal error: KeyError: 'x'", True),
        (RuntimeError("embedding failed"), Error.INTERNAL, "internal error: RuntimeError: embedding failed", True),
    ],
)
def test_every_error_has_its_code(
    adapter: ModuleType, logged: list[str], error: Exception, code: str, message: str, in_the_log: bool
) -> None:
    def answer(request: Exception | None) -> dict[Tensor, np.ndarray]:
        if request is not None:
            raise request
        return {FOUND: np.ones((1, 1), np.float32)}

    bad, good = adapter.answer_each([error, None], answer)
    assert (bad.error.code, str(bad.error)) == (code, message)
    assert good.error is None and good.tensors[FOUND.name].tolist() == [[1]]
    assert bool(logged) is in_the_log


def test_another_model_is_asked(adapter: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    answers = [Answered({EMBEDDING.name: np.ones((2, EMBEDDING_SIZE), np.float32)}), Answered({}, "out of memory")]

    def inference(**request: Any) -> Any:
        asked.append(request)
        return SimpleNamespace(exec=lambda: answers[len(asked) - 1])

    monkeypatch.setattr(adapter.pb_utils, "InferenceRequest", inference, raising=False)
    coins = np.zeros((2, *COIN.dims), np.float32)
    (name, embeddings), *rest = adapter.call(EMBEDDER, {COIN: coins}).items()
    assert (name, embeddings.shape, rest) == (EMBEDDING, (2, EMBEDDING_SIZE), [])
    assert (asked[0]["model_name"], asked[0]["requested_output_names"]) == ("embedding", ["embedding"])
    assert [(given.name, given.data is coins) for given in asked[0]["inputs"]] == [("coin", True)]
    assert asked[0]["preferred_memory"] == "host"  # else the answer may lie on a GPU
    assert asked[0]["parameters"] == {}
    monkeypatch.setenv(variables.READ_TOKEN, "secret")
    with pytest.raises(RuntimeError, match="embedding failed: out of memory"):
        adapter.call(EMBEDDER, {COIN: coins})
    assert asked[1]["parameters"] == {"authorization": "Bearer secret"}
