"""A segmentation in int8 is written where it agrees with float32 on held-out pictures, and only there."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ensemble import artifacts
from ensemble.contract import COIN_PROBABILITY, IMAGE, IMAGE_SIZE, MASK, SEGMENTATION

pytest.importorskip("nncf")
pytestmark = pytest.mark.slow


@pytest.fixture
def quantize(script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, for a network of two convolutions."""
    module = script("quantize")
    monkeypatch.setattr(module, "FIRST", 0)
    monkeypatch.setattr(module, "LAST", 0)
    return module


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights whose segmentation calls everything bright a coin."""
    folder = tmp_path / "weights"
    shutil.copytree(artifacts.WEIGHTS, folder, ignore=shutil.ignore_patterns("*.int8.onnx"))
    monkeypatch.setattr(artifacts, "WEIGHTS", folder)
    bright = np.zeros((8, 3, 3, 3), np.float32)
    bright[:, :, 1, 1] = 1 / 3
    constants = {
        "bright": bright,
        "masks": np.full((2, 8, 1, 1), 0.5, np.float32),
        "offset": np.full(2, -1.0, np.float32),
    }
    nodes = [
        helper.make_node("Conv", [IMAGE.name, "bright"], ["seen"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["seen"], ["light"]),
        helper.make_node("Conv", ["light", "masks", "offset"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], [MASK.name]),
        helper.make_node("GlobalMaxPool", ["logits"], ["most"]),
        helper.make_node("ReduceMax", ["most"], ["likely"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["likely", "axis"], ["column"]),
        helper.make_node("Sigmoid", ["column"], [COIN_PROBABILITY.name]),
    ]
    image, *outputs = (
        helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, ["batch", *tensor.dims])
        for tensor in (IMAGE, MASK, COIN_PROBABILITY)
    )
    tensors = [numpy_helper.from_array(values, name) for name, values in constants.items()]
    tensors.append(numpy_helper.from_array(np.array([1]), "axis"))
    graph = helper.make_graph(nodes, "bright", [image], outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, artifacts.weights_file(SEGMENTATION.name))
    return folder


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bright discs on dark grounds."""
    folder = tmp_path_factory.mktemp("scenes")
    v, u = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE]
    for name, count in (("train", 6), ("test", 4)):
        masks = np.stack([np.where(np.hypot(u - 100, v - 120) < 40 + 8 * k, 255, 0) for k in range(count)])
        np.save(folder / f"{name}_masks.npy", masks.astype(np.uint8))
        np.save(folder / f"{name}.npy", (20 + masks[..., None].repeat(3, 3) * 0.9).astype(np.uint8))
    return folder


def test_what_agrees_is_written_and_belongs_to_its_weights(quantize: ModuleType, weights: Path, scenes: Path) -> None:
    assert artifacts.quantized_graph(SEGMENTATION) is None
    assert quantize.main([str(scenes), "--count", "4"]) == 0
    graph = artifacts.quantized_graph(SEGMENTATION)
    assert graph is not None
    assert "QuantizeLinear" in {node.op_type for node in graph.graph.node}
    weights_file = artifacts.weights_file(SEGMENTATION.name)
    weights_file.write_bytes(weights_file.read_bytes() + onnx.ModelProto(producer_name="other").SerializeToString())
    assert artifacts.quantized_graph(SEGMENTATION) is None, "of other weights"


def test_what_does_not_agree_is_not_written(
    quantize: ModuleType,
    weights: Path,
    scenes: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = artifacts.quantized_file(SEGMENTATION.name)
    file.write_bytes(b"what there was")
    monkeypatch.setattr(quantize, "quantized", lambda graph, data, count: darker(graph))
    assert quantize.main([str(scenes), "--count", "4"]) == 0
    assert "no int8" in capsys.readouterr().out
    assert not file.exists()


def darker(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph, which calls nothing a coin."""
    dark = onnx.ModelProto()
    dark.CopyFrom(graph)
    (offset,) = (tensor for tensor in dark.graph.initializer if tensor.name == "offset")
    offset.CopyFrom(numpy_helper.from_array(np.full(2, -50.0, np.float32), "offset"))
    return dark


def test_a_folder_without_pictures_is_refused(
    quantize: ModuleType, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert quantize.main([str(tmp_path), "--count", "4"]) == 1
    assert "holds no pictures" in capsys.readouterr().err
