"""A network that was trained elsewhere is taken where it keeps the contract; elsewhere the error says what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ensemble import artifacts
from ensemble.contract import COARSE_SEGMENTATION, EMBEDDER, EMBEDDING_SIZE, IMAGE_SIZE, SEGMENTATION, Model

pytestmark = pytest.mark.slow

Shape = list[int | str | None]
PICTURE: Shape = ["n", 3, IMAGE_SIZE, IMAGE_SIZE]
NORM = [
    helper.make_node("ReduceL2", ["long", "axis"], ["length"], keepdims=1),
    helper.make_node("Div", ["long", "length"], ["out"]),
]


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def network(
    nodes: list[NodeProto],
    values: dict[str, np.ndarray],
    picture: Shape,
    out: Shape,
    opset: int = 18,
    dtype: int = TensorProto.FLOAT,
) -> ModelProto:
    """A graph from `in` to `out`."""
    graph = helper.make_graph(
        nodes,
        "foreign",
        [helper.make_tensor_value_info("in", dtype, picture)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, out)],
        [numpy_helper.from_array(array, name) for name, array in values.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def embedder(
    picture: Shape = PICTURE, size: int = EMBEDDING_SIZE, end: list[NodeProto] = NORM, opset: int = 18
) -> ModelProto:
    """Mean colours of a 4 x 4 raster through a linear layer; a tensor inside is called as the contract's input."""
    cell = [int(side) // 4 for side in picture[2:] if side is not None]
    nodes = [
        helper.make_node("AveragePool", ["in"], ["coin"], kernel_shape=cell, strides=cell),
        helper.make_node("Flatten", ["coin"], ["flat"]),
        helper.make_node("MatMul", ["flat", "net.weight"], ["long"]),
        *end,
    ]
    values = {"net.weight": weights(48, size), "axis": np.array([1], np.int64)}
    return network(nodes, values, picture, [picture[0], size], opset)


def segmenter(side: int | str = "side", end: str = "Sigmoid", channels: int = 2) -> ModelProto:
    nodes = [
        helper.make_node("Conv", ["in", "weight"], ["log odds"], pads=[1, 1, 1, 1]),
        helper.make_node(end, ["log odds"], ["out"]),
    ]
    return network(nodes, {"weight": weights(channels, 3, 3, 3)}, ["n", 3, side, side], ["n", channels, side, side])


def run(graph: ModelProto, picture: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: picture})[0])


def pictures(count: int, side: int = IMAGE_SIZE) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, 3, side, side)).astype(np.float32)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of weights/."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr(artifacts, "WEIGHTS", folder)
    return folder


@pytest.fixture(scope="module")
def foreign(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("foreign_onnx")


def saved(graph: ModelProto, folder: Path) -> Path:
    onnx.save(graph, folder / "net.onnx")
    return folder / "net.onnx"


def exported(export_onnx: ModuleType, model: Model, path: Path) -> bool:
    """Export every model that is computed from a file, as the command line does."""
    source = export_onnx.read_source(model, path)
    return all(export_onnx.export(each, source, check=False) for each in export_onnx.computed_from(model))


@pytest.mark.parametrize("batch", ["n", None, 1], ids=["named", "free", "fixed"])
def test_an_embedder_trained_elsewhere_becomes_the_embedding(
    export_onnx: ModuleType, kept: Path, tmp_path: Path, batch: str | int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = embedder([batch, *PICTURE[1:]])
    assert exported(export_onnx, EMBEDDER, saved(graph, tmp_path))
    said = capsys.readouterr().out
    assert "TensorRT-RTX" in said and "can take it" in said and "stored as float16" in said
    plain = artifacts.plain_graph(EMBEDDER)
    assert [value.name for value in (*plain.graph.input, *plain.graph.output)] == ["coin", "embedding"]
    answer = run(plain, pictures(3))
    expected = np.concatenate([run(graph, picture[None]) for picture in pictures(3)])
    np.testing.assert_allclose(answer, expected, atol=2e-3)
    assert json.loads((kept / "networks.json").read_text()) == {"embedding": {"onnx": "net.onnx"}}


def test_a_segmenter_trained_elsewhere_serves_both_sizes(export_onnx: ModuleType, kept: Path, tmp_path: Path) -> None:
    graph = segmenter()
    assert exported(export_onnx, SEGMENTATION, saved(graph, tmp_path))
    for model, side in ((SEGMENTATION, IMAGE_SIZE), (COARSE_SEGMENTATION, model_side(COARSE_SEGMENTATION))):
        answer = run(artifacts.plain_graph(model), pictures(2, side))
        np.testing.assert_allclose(answer, run(graph, pictures(2, side)), atol=2e-2)
    session = onnxruntime.InferenceSession(artifacts.plain_graph(SEGMENTATION).SerializeToString())
    mask, coin = session.run(None, {"image": pictures(2)})
    np.testing.assert_allclose(coin, mask.max((1, 2, 3))[:, None])  # it gave masks only
    assert [path.name for path in sorted(kept.iterdir())] == ["networks.json", "segmentation.onnx"]


def model_side(model: Model) -> int:
    return model.inputs[0].dims[-1]


def test_what_was_packed_is_current_and_exports_again(export_onnx: ModuleType, kept: Path, tmp_path: Path) -> None:
    assert exported(export_onnx, EMBEDDER, saved(embedder(), tmp_path))
    before = (kept / "embedding.onnx").read_bytes()
    source = export_onnx.read_source(EMBEDDER, None)
    assert source.record == {"onnx": "net.onnx"}
    assert export_onnx.export(EMBEDDER, source, check=True)
    assert export_onnx.export(EMBEDDER, source, check=False)
    assert (kept / "embedding.onnx").read_bytes() == before


def two_outputs() -> ModelProto:
    graph = embedder()
    graph.graph.output.append(helper.make_tensor_value_info("length", TensorProto.FLOAT, ["n", 1]))
    return graph


def two_inputs() -> ModelProto:
    graph = embedder()
    graph.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, ["n"]))
    return graph


def bytes_in() -> ModelProto:
    cast = [helper.make_node("Cast", ["in"], ["x"], to=TensorProto.FLOAT)]
    rest = list(embedder().graph.node)
    rest[0].input[0] = "x"
    values = {"net.weight": weights(48, EMBEDDING_SIZE), "axis": np.array([1], np.int64)}
    return network([*cast, *rest], values, PICTURE, ["n", EMBEDDING_SIZE], dtype=TensorProto.UINT8)


def batch_inside() -> ModelProto:
    """One picture at a time by a constant in the graph."""
    graph = embedder([1, *PICTURE[1:]])
    graph.graph.node[1].CopyFrom(helper.make_node("Reshape", ["coin", "shape"], ["flat"]))
    graph.graph.initializer.append(numpy_helper.from_array(np.array([1, 48], np.int64), "shape"))
    return graph


def across_the_batch() -> ModelProto:
    mean = helper.make_node("ReduceMean", ["out of one", "first"], ["mean"], keepdims=1)
    ends = [
        helper.make_node("Identity", ["long"], ["out of one"]),
        mean,
        helper.make_node("Add", ["out of one", "mean"], ["both"]),
        helper.make_node("ReduceL2", ["both", "axis"], ["length"], keepdims=1),
        helper.make_node("Div", ["both", "length"], ["out"]),
    ]
    graph = embedder(end=ends)
    graph.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "first"))
    return graph


def own_operator() -> ModelProto:
    graph = embedder(end=[helper.make_node("Normalize", ["long"], ["out"], domain="com.example")])
    graph.opset_import.append(helper.make_opsetid("com.example", 1))
    return graph


def beyond_tensorrt() -> ModelProto:
    """Adds nothing, by an operator that TensorRT does not have."""
    ends = [
        helper.make_node("Unique", ["in"], ["values"], name="unique"),
        helper.make_node("Size", ["values"], ["count"]),
        helper.make_node("Cast", ["count"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["number", "nothing"], ["zero"]),
        helper.make_node("Add", ["long", "zero"], ["sum"]),
        helper.make_node("ReduceL2", ["sum", "axis"], ["length"], keepdims=1),
        helper.make_node("Div", ["sum", "length"], ["out"]),
    ]
    graph = embedder(end=ends)
    graph.graph.initializer.append(numpy_helper.from_array(np.array(0, np.float32), "nothing"))
    return graph


REFUSED: dict[str, tuple[Model, Callable[[], ModelProto], str]] = {
    "two outputs": (EMBEDDER, two_outputs, r"has 2 outputs \(out, length\); the contract has 1"),
    "two inputs": (EMBEDDER, two_inputs, r"has 2 inputs \(in, more\); the contract has 1"),
    "type": (EMBEDDER, bytes_in, "in is UINT8; the contract's coin is FP32"),
    "size of the embedding": (
        EMBEDDER,
        lambda: embedder(size=EMBEDDING_SIZE + 1),
        rf"out has the shape \['n', {EMBEDDING_SIZE + 1}\]; the contract's embedding has \['batch', {EMBEDDING_SIZE}\]",
    ),
    "size of the picture": (
        EMBEDDER,
        lambda: embedder(["n", 3, 224, 224]),
        r"in has the shape \['n', 3, 224, 224\]; the contract's coin has \['batch', 3, 256, 256\]",
    ),
    "rank": (
        EMBEDDER,
        lambda: network([helper.make_node("Identity", ["in"], ["out"])], {}, ["n", 3], ["n", 3]),
        r"in has the shape \['n', 3\]; the contract's coin has",
    ),
    "new opset": (
        EMBEDDER,
        lambda: embedder(opset=21),
        "is of opset 21; 13 to 20 are supported: export it with opset_version=20",
    ),
    "old opset": (SEGMENTATION, lambda: old(segmenter()), "is of opset 11; 13 to 20 are supported"),
    "operator of its own": (EMBEDDER, own_operator, r"operators that are not ONNX's own: com\.example\.Normalize"),
    "length": (
        EMBEDDER,
        lambda: embedder(end=[helper.make_node("Identity", ["long"], ["out"])]),
        r"embeddings have lengths of .* they must be 1: divide by the norm at the end",
    ),
    "log odds": (
        SEGMENTATION,
        lambda: segmenter(end="Identity"),
        r"mask has values of -.* it must be a probability, 0 to 1: end in a sigmoid",
    ),
    "channels": (SEGMENTATION, lambda: segmenter(channels=1), r"out has the shape \['n', 1, 'side', 'side'\]"),
    "batch inside": (
        EMBEDDER,
        batch_inside,
        r"cannot be run on batches of 1 and of 3 at \[3, 256, 256\]: [\s\S]*\nexport it with a free batch axis",
    ),
    "across the batch": (EMBEDDER, across_the_batch, "another result for a picture in a batch than for the picture"),
    "beyond TensorRT": (EMBEDDER, beyond_tensorrt, "TensorRT cannot take embedding: Unique"),
}


def old(graph: ModelProto) -> ModelProto:
    graph.opset_import[0].version = 11
    return graph


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_keep_the_contract_is_refused(
    export_onnx: ModuleType, foreign: ModuleType, kept: Path, tmp_path: Path, case: str
) -> None:
    model, build, complaint = REFUSED[case]
    with pytest.raises(Exception, match=complaint) as refused:
        export_onnx.read_source(model, saved(build(), tmp_path))
    assert type(refused.value).__name__ == foreign.ForeignError.__name__
    assert list(kept.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"PK\3\4 no ONNX", None], ids=["empty", "other", "missing"])
def test_what_is_no_onnx_file_is_refused(
    export_onnx: ModuleType, tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.onnx"
    if content is not None:
        path.write_bytes(content)
    before = artifacts.weights_file(EMBEDDER.name).read_bytes()
    assert export_onnx.main(["--segmentation", str(path)]) == 1
    assert f"error: {path} is no ONNX file that can be used" in capsys.readouterr().err
    assert artifacts.weights_file(EMBEDDER.name).read_bytes() == before


def test_a_network_fixed_to_one_size_does_not_serve_the_other(
    export_onnx: ModuleType, kept: Path, tmp_path: Path
) -> None:
    nodes = [
        helper.make_node("Reshape", ["in", "shape"], ["flat"]),
        helper.make_node("ReduceMean", ["flat", "axis"], ["mean"], keepdims=1),
        helper.make_node("Sigmoid", ["mean"], ["mask"]),
        helper.make_node("Concat", ["mask", "mask"], ["out"], axis=1),
    ]
    values = {"shape": np.array([-1, 3, 256, 256], np.int64), "axis": np.array([1], np.int64)}
    graph = network(nodes, values, PICTURE, ["n", 2, IMAGE_SIZE, IMAGE_SIZE])
    with pytest.raises(ValueError, match=r"at \[3, 128, 128\]"):
        export_onnx.read_source(SEGMENTATION, saved(graph, tmp_path))
