"""Pictures are resampled in bfloat16, and nothing else is: windows and outlines stay as they are."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from backends.openvino.session import OpenVinoSession
from ensemble import artifacts
from ensemble.contract import CANVAS_SIZE, COARSE_SIZE, CROP, IMAGE_SIZE, PREPROCESS, ZOOM, Model

pytestmark = pytest.mark.slow

BRIGHTNESS = 0.05  # of a normalized pixel, where white less black is 4.4


def coin_photo() -> dict[str, np.ndarray]:
    """A disc with a pattern on noise: every input of the geometry, each [1, …]."""
    rng = np.random.default_rng(0)
    canvas = np.zeros((CANVAS_SIZE, CANVAS_SIZE, 3), np.uint8)
    canvas[:768] = rng.integers(0, 256, (768, CANVAS_SIZE, 3))
    cv2.circle(canvas, (430, 390), 201, (180, 120, 60), -1)
    cv2.circle(canvas, (400, 330), 77, (250, 5, 90), 5)
    masks = {}
    for name, size, window in (("coarse_mask", COARSE_SIZE, (0, -128, 1024)), ("mask", IMAGE_SIZE, (160, 120, 540))):
        x, y, side = window
        mask = np.zeros((CANVAS_SIZE, CANVAS_SIZE), np.float32)
        cv2.ellipse(mask, (430, 390), (203, 199), 20, 0, 360, (1.0,), -1)
        grid = np.indices((size, size)).astype(np.float32) * (side / size)
        masks[name] = cv2.remap(mask, grid[1] + x, grid[0] + y, cv2.INTER_LINEAR)[None, None]
    return masks | {
        "canvas": canvas[None],
        "extent": np.array([[768, 1024]], np.int32),
        "scale": np.array([[2.0]], np.float32),
        "window": np.array([[-0.5, -128.5, 1023.5, 895.5]], np.float32),
        "zoom_window": np.array([[159.5, 119.5, 699.5, 659.5]], np.float32),
    }


@pytest.mark.parametrize("model", [PREPROCESS, ZOOM, CROP], ids=lambda model: model.name)
def test_only_pictures_change_and_hardly(model: Model, tmp_path: Path) -> None:
    onnx.save(artifacts.plain_graph(model), tmp_path / "model.onnx")
    photo = coin_photo()
    inputs, outputs = ([tensor.name for tensor in tensors] for tensors in (model.inputs, model.outputs))
    exact, mixed = (
        OpenVinoSession(tmp_path / "model.onnx", inputs, outputs, threads=[1], precision=precision).run(
            [{name: photo[name] for name in inputs}]
        )[0]
        for precision in ("f32", "mixed")
    )
    for tensor in model.outputs:
        if len(tensor.dims) == 3:
            assert np.abs(exact[tensor.name]).max() > 1
            np.testing.assert_allclose(mixed[tensor.name], exact[tensor.name], atol=BRIGHTNESS)
        else:
            np.testing.assert_array_equal(mixed[tensor.name], exact[tensor.name])
