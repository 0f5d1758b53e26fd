"""Sessions of TensorRT-RTX join requests and split answers on the device; without a GPU they say that there is none.

The device is numpy's memory here, and ONNX Runtime computes in place of the engine.
"""

import ctypes
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from backends.tensorrt_rtx.device import CudaDevice, DeviceError
from backends.tensorrt_rtx.session import DTYPES, EngineError, Session, open_session
from ensemble import artifacts
from ensemble.contract import CROP, EMBEDDER, ZOOM, Model
from ensemble.graph import PROFILE


class HostDevice:
    """numpy's memory; copies happen only when the queue is waited for, as on a GPU."""

    def __init__(self) -> None:
        self.queue: list[tuple[np.ndarray, np.ndarray]] = []
        self.stream = 7

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return np.full(shape, 77, dtype)

    def view(self, source: Any) -> np.ndarray:
        return np.from_dlpack(source)

    def address(self, array: np.ndarray) -> int:
        return int(array.ctypes.data)

    def copy(self, into: np.ndarray, source: Any) -> None:
        self.queue.append((into, source))

    def synchronize(self) -> None:
        for into, source in self.queue:
            into[...] = source
        self.queue.clear()


class RuntimeContext:
    """Computes from and to addresses, as an execution context does."""

    def __init__(self, model: Model, device: HostDevice, fails: bool = False) -> None:
        data = artifacts.unpack(onnx.load(artifacts.weights_file(model.name))).SerializeToString()
        self.model, self.device, self.fails = model, device, fails
        self.session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}
        self.batches: list[int] = []

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shapes[name] = shape
        return True

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        assert stream == self.device.stream
        self.device.synchronize()  # what is queued on a stream happens in order
        batch = self.shapes[self.model.inputs[0].name][0]
        self.batches.append(batch)
        feed = {tensor.name: self._at(tensor, batch) for tensor in self.model.inputs}
        for tensor, array in zip(self.model.outputs, self.session.run(None, feed), strict=True):
            self._at(tensor, batch)[...] = array
        return not self.fails

    def _at(self, tensor: Any, batch: int) -> np.ndarray:
        shape, dtype = (batch, *tensor.dims), DTYPES[tensor.dtype]
        size = int(np.prod(shape)) * dtype.itemsize
        memory = (ctypes.c_char * size).from_address(self.addresses[tensor.name])
        return np.frombuffer(memory, dtype).reshape(shape)


def inputs(model: Model, batch: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:256, :256]
    coin = ((x - 120 - seed) ** 2 + (y - 130) ** 2 < 70**2).astype(np.float32)
    made = {
        "canvas": rng.integers(0, 256, (batch, 1024, 1024, 3)),
        "extent": np.full((batch, 2), 1000 - seed),
        "scale": np.full((batch, 1), 2.0),
        "window": np.tile([-10.0, -10.0, 1010.0, 1010.0], (batch, 1)),
        "mask": np.repeat(coin[None, None], batch, axis=0),
        "coin": rng.normal(size=(batch, 3, 256, 256)),
    }
    return {tensor.name: made[tensor.name].astype(DTYPES[tensor.dtype]) for tensor in model.inputs}


@pytest.mark.parametrize("model", [ZOOM, CROP, EMBEDDER], ids=lambda model: model.name)
def test_requests_share_an_inference_and_get_their_own_answers(model: Model) -> None:
    device = HostDevice()
    context = RuntimeContext(model, device)
    session = Session(model, context, device)
    feeds = [inputs(model, batch, seed) for seed, batch in enumerate((1, 2, 1))]
    answers = session.run(feeds)
    assert context.batches == [4]
    for feed, answer in zip(feeds, answers, strict=True):
        for tensor, expected in zip(model.outputs, context.session.run(None, feed), strict=True):
            np.testing.assert_allclose(answer[tensor.name], expected, atol=1e-4)


def test_an_answer_outlives_the_next_batch() -> None:
    device = HostDevice()
    session = Session(EMBEDDER, RuntimeContext(EMBEDDER, device), device)
    first = session.run([inputs(EMBEDDER, 1, seed=1)])[0]["embedding"]
    kept = first.copy()
    second = session.run([inputs(EMBEDDER, 1, seed=2)])[0]["embedding"]
    assert np.array_equal(first, kept)
    assert not np.allclose(first, second)


def test_a_batch_that_the_engine_was_not_built_for() -> None:
    device = HostDevice()
    session = Session(EMBEDDER, RuntimeContext(EMBEDDER, device), device)
    with pytest.raises(EngineError, match="embedding: a batch of 33; the engine takes 1 to 32"):
        session.run([inputs(EMBEDDER, PROFILE.largest + 1, seed=0)])


def test_an_inference_that_fails() -> None:
    device = HostDevice()
    session = Session(EMBEDDER, RuntimeContext(EMBEDDER, device, fails=True), device)
    with pytest.raises(EngineError, match="embedding: the inference failed"):
        session.run([inputs(EMBEDDER, 1, seed=0)])


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed")
def test_without_cupy_the_device_says_what_to_install() -> None:
    with pytest.raises(DeviceError, match=r"CuPy cannot be imported .*: pip install -r requirements/rtx.txt"):
        CudaDevice(0)
    with pytest.raises(DeviceError, match="CuPy cannot be imported"):
        open_session(Path("model.plan"), EMBEDDER, 0)
