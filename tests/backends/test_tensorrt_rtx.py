"""Sessions of TensorRT-RTX join requests and split answers on the device; without a GPU they say so.

Here the device is memory of numpy, and ONNX Runtime computes in place of the engine.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from backends.tensorrt_rtx.device import CudaDevice, DeviceError
from backends.tensorrt_rtx.session import DTYPES, EngineError, EngineSession, open_session
from ensemble.contract import CROP, EMBEDDER, ZOOM, Model
from ensemble.placement import PROFILE
from tests.backends.host import HostDevice, RuntimeContext

pytestmark = pytest.mark.slow


def inputs(model: Model, batch: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:256, :256]
    masks = np.stack([((x - 120 - seed) ** 2 + (y - 130) ** 2 < r**2) for r in (70, 35)]).astype(np.float32)
    made = {
        "canvas": rng.integers(0, 256, (batch, 1024, 1024, 3)),
        "extent": np.full((batch, 2), 1000 - seed),
        "scale": np.full((batch, 1), 2.0),
        "window": np.tile([-10.0, -10.0, 1010.0, 1010.0], (batch, 1)),
        "coarse_mask": np.repeat(masks[None, :, ::2, ::2], batch, axis=0),
        "zoom_window": np.tile([-10.0, -10.0, 1010.0, 1010.0], (batch, 1)),
        "mask": np.repeat(masks[None], batch, axis=0),
        "coin_probability": np.linspace(0.2, 0.8, batch)[:, None],
        "coin": rng.normal(size=(batch, 3, 256, 256)),
    }
    return {tensor.name: made[tensor.name].astype(DTYPES[tensor.dtype]) for tensor in model.inputs}


@pytest.mark.parametrize("model", [ZOOM, CROP, EMBEDDER], ids=lambda model: model.name)
def test_requests_share_an_inference_and_get_their_own_answers(model: Model) -> None:
    device = HostDevice()
    context = RuntimeContext(model, device)
    session = EngineSession(model, context, device)
    feeds = [inputs(model, batch, seed) for seed, batch in enumerate((1, 2, 1))]
    answers = session.run(feeds)
    assert context.batches == [4]
    for feed, answer in zip(feeds, answers, strict=True):
        for tensor, expected in zip(model.outputs, context.session.run(None, feed), strict=True):
            np.testing.assert_allclose(answer[tensor.name], expected, atol=1e-4)


def test_an_answer_outlives_the_next_batch() -> None:
    device = HostDevice()
    session = EngineSession(EMBEDDER, RuntimeContext(EMBEDDER, device), device)
    first = session.run([inputs(EMBEDDER, 1, seed=1)])[0]["embedding"]
    kept = first.copy()
    second = session.run([inputs(EMBEDDER, 1, seed=2)])[0]["embedding"]
    assert np.array_equal(first, kept)
    assert not np.allclose(first, second)


def test_a_batch_that_the_engine_was_not_built_for() -> None:
    device = HostDevice()
    session = EngineSession(EMBEDDER, RuntimeContext(EMBEDDER, device), device)
    with pytest.raises(EngineError, match="embedding: a batch of 33; the engine takes 1 to 32"):
        session.run([inputs(EMBEDDER, PROFILE.largest + 1, seed=0)])


def test_an_inference_that_fails() -> None:
    device = HostDevice()
    session = EngineSession(EMBEDDER, RuntimeContext(EMBEDDER, device, fails=True), device)
    with pytest.raises(EngineError, match="embedding: the inference failed"):
        session.run([inputs(EMBEDDER, 1, seed=0)])


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed")
def test_without_cupy_the_device_says_what_to_install() -> None:
    with pytest.raises(DeviceError, match=r"CuPy cannot be imported .*: pip install -r requirements/rtx.txt"):
        CudaDevice(0)
    with pytest.raises(DeviceError, match="CuPy cannot be imported"):
        open_session(Path("model.plan"), EMBEDDER, 0)
