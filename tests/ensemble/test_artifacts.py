"""The compact and the plain form of a graph are the same graph, within the stated rounding."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from ensemble import artifacts
from ensemble.contract import COMPUTE_MODELS, EMBEDDER, RELIEF_MAPPER, DType, Model, Tensor
from ensemble.verification import probability

CHANNELS = 48


def values() -> dict[str, np.ndarray]:
    """Initializers of every kind that packing tells apart."""
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(CHANNELS, 16, 3, 3)) * np.logspace(-3, 1, CHANNELS).reshape(-1, 1, 1, 1)
    dense[5] = 0.0  # a dead channel
    return {
        "dense.weight": dense.astype(np.float32),
        "dense.bias": rng.normal(size=CHANNELS).astype(np.float32),  # too small to pack
        "depthwise.weight": rng.normal(size=(CHANNELS, 1, 5, 5)).astype(np.float32),  # 25 in a row: float16
        "line.weight": (rng.normal(size=(CHANNELS, 64)) * 0.1).astype(np.float32),
        "offset": rng.normal(size=(1, CHANNELS, 8, 8)).astype(np.float32),
        "shape": np.array([0, CHANNELS, -1], np.int64),
    }


def graph() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Conv", ["x", "dense.weight", "dense.bias"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "depthwise.weight"], ["b"], group=CHANNELS, pads=[2, 2, 2, 2]),
        helper.make_node("Add", ["b", "offset"], ["c"]),
        helper.make_node("Reshape", ["c", "shape"], ["d"]),
        helper.make_node("Transpose", ["line.weight"], ["e"], perm=[1, 0]),
        helper.make_node("MatMul", ["d", "e"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 16, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", CHANNELS, CHANNELS])
    tensors = [numpy_helper.from_array(array, name) for name, array in values().items()]
    model = helper.make_model(
        helper.make_graph(nodes, "small", [x], [y], tensors),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def run(model: onnx.ModelProto, optimized: bool = True) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    x = np.random.default_rng(1).normal(size=(2, 16, 8, 8)).astype(np.float32)
    return np.asarray(session.run(None, {"x": x})[0])


def stored(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def size(model: onnx.ModelProto) -> int:
    return sum(array.nbytes for array in stored(model).values())


def test_int8_error_is_half_a_step_of_its_channel() -> None:
    restored = artifacts.parameters(artifacts.pack(graph(), "int8"))
    for name in ("dense.weight", "line.weight"):
        exact = values()[name]
        step = np.abs(exact).max(axis=tuple(range(1, exact.ndim)), keepdims=True) / 127
        assert (np.abs(restored[name] - exact) <= step * 0.5001 + 1e-12).all()
        assert (restored[name] != exact).any()  # it was packed


@pytest.mark.parametrize(
    ("dtype", "names"),
    [("int8", ["depthwise.weight"]), ("float16", ["dense.weight", "depthwise.weight", "line.weight", "offset"])],
)
def test_float16_error_is_half_a_unit_in_the_last_place(dtype: str, names: list[str]) -> None:
    packed = artifacts.pack(graph(), dtype)
    restored = artifacts.parameters(packed)
    for name in names:
        exact = values()[name]
        assert stored(packed)[f"{name}.float16"].dtype == np.float16
        np.testing.assert_allclose(restored[name], exact, rtol=2.0**-11, atol=2.0**-24)


def test_what_is_small_or_whole_numbers_stays_exact() -> None:
    for dtype in ("int8", "float16"):
        restored = artifacts.parameters(artifacts.pack(graph(), dtype))
        for name in ("dense.bias", "shape"):
            np.testing.assert_array_equal(restored[name], values()[name])
            assert restored[name].dtype == values()[name].dtype


@pytest.mark.parametrize("dtype", ["int8", "float16"])
def test_parameters_have_their_names_shapes_and_types(dtype: str) -> None:
    model = graph()
    expected = {name: (array.shape, array.dtype) for name, array in values().items()}
    for form in (model, artifacts.pack(model, dtype), artifacts.unpack(artifacts.pack(model, dtype))):
        assert {name: (a.shape, a.dtype) for name, a in artifacts.parameters(form).items()} == expected


@pytest.mark.parametrize(("dtype", "share"), [("int8", 0.35), ("float16", 0.55)])
def test_packing_saves_space_and_leaves_the_model_alone(dtype: str, share: float) -> None:
    model = graph()
    before = model.SerializeToString()
    packed = artifacts.pack(model, dtype)
    assert model.SerializeToString() == before
    assert size(packed) < share * size(model)
    onnx.checker.check_model(packed, full_check=True)


@pytest.mark.parametrize("dtype", ["int8", "float16"])
def test_unpacking_gives_the_plain_graph_back(dtype: str) -> None:
    model = graph()
    plain = artifacts.unpack(artifacts.pack(model, dtype))
    onnx.checker.check_model(plain, full_check=True)
    assert list(plain.graph.node) == list(model.graph.node)
    assert list(plain.graph.input) == list(model.graph.input)
    assert list(plain.graph.output) == list(model.graph.output)
    assert list(plain.metadata_props) == list(model.metadata_props)
    assert set(stored(plain)) == set(values())


def test_unpacking_a_plain_graph_changes_nothing() -> None:
    model = graph()
    assert artifacts.unpack(model) == model


@pytest.mark.parametrize("dtype", ["int8", "float16"])
def test_packing_again_changes_no_number(dtype: str) -> None:
    once = artifacts.unpack(artifacts.pack(graph(), dtype))
    twice = artifacts.unpack(artifacts.pack(once, dtype))
    for name, array in stored(once).items():
        if array.dtype == np.float32:
            np.testing.assert_array_max_ulp(stored(twice)[name], array, maxulp=1)


@pytest.mark.parametrize("dtype", ["int8", "float16"])
def test_a_runtime_answers_the_same_from_both_forms(dtype: str) -> None:
    packed = artifacts.pack(graph(), dtype)
    plain = run(artifacts.unpack(packed))
    np.testing.assert_allclose(run(packed, optimized=False), plain, rtol=1e-4, atol=1e-4 * np.abs(plain).max())


@pytest.mark.parametrize(("dtype", "tolerance"), [("int8", 0.02), ("float16", 1e-3)])
def test_packing_hardly_changes_the_answer(dtype: str, tolerance: float) -> None:
    exact = run(graph())
    assert np.abs(run(artifacts.unpack(artifacts.pack(graph(), dtype))) - exact).max() < tolerance * np.abs(exact).max()


def test_the_shipped_weights_are_valid_graphs_of_the_contract() -> None:
    for model in COMPUTE_MODELS:
        loaded = artifacts.plain_graph(model)
        assert [tensor.name for tensor in loaded.graph.input] == [tensor.name for tensor in model.inputs]
        assert [tensor.name for tensor in loaded.graph.output] == [tensor.name for tensor in model.outputs]
        assert all(np.isfinite(a).all() for a in artifacts.parameters(loaded).values() if a.dtype.kind == "f")


def between(name: str, source: tuple[str, int], target: tuple[str, int], size: int) -> Model:
    """A model of one input and one output by name and channels, for pictures of this size."""
    one, other = (Tensor(tensor, DType.FP32, (channels, size, size), "") for tensor, channels in (source, target))
    return Model(name, (one,), (other,), "")


def test_one_network_serves_two_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is named after the model whose size it has; the other one's graph has other ends, and nothing else."""
    small, large = between("small", ("x", 16), ("y", 4), 8), between("large", ("picture", 16), ("z", 4), 24)
    weight = numpy_helper.from_array(np.random.default_rng(0).normal(size=(4, 16, 3, 3)).astype(np.float32), "weight")
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", c, 8, 8]) for n, c in (("x", 16), ("y", 4))]
    conv = helper.make_node("Conv", ["x", "weight"], ["y"], pads=[1, 1, 1, 1])
    parts = helper.make_graph([conv], "one", ends[:1], ends[1:], [weight])
    kept = helper.make_model(parts, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    monkeypatch.setattr(artifacts, "WEIGHTS", tmp_path)
    monkeypatch.setattr(artifacts, "SAME_WEIGHTS", {"large": "small"})
    onnx.save(kept, tmp_path / "small.onnx")
    assert artifacts.plain_graph(small) == kept
    other = artifacts.plain_graph(large)
    onnx.checker.check_model(other, full_check=True)
    picture = np.random.default_rng(1).normal(size=(2, 16, 24, 24)).astype(np.float32)
    of_small, of_large = (
        onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
        for graph in (kept, other)
    )
    (corner,), (whole,) = of_small.run(None, {"x": picture[:, :, :8, :8]}), of_large.run(["z"], {"picture": picture})
    assert whole.shape == (2, 4, 24, 24)
    np.testing.assert_allclose(whole[:, :, :7, :7], corner[:, :, :7, :7], atol=1e-5)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An embedding of our own in a folder of our own, instead of the shipped weights."""
    monkeypatch.setattr(artifacts, "WEIGHTS", tmp_path)
    onnx.save(graph(), artifacts.weights_file(EMBEDDER.name))
    return artifacts.weights_file(EMBEDDER.name)


def test_the_shipped_judge_grows_with_both_similarities() -> None:
    judge = artifacts.judge()
    assert min(judge.cosine, judge.correlation, judge.advantage, judge.cosine_alone) > 0
    assert 0 < judge.known < 1
    assert probability(judge.log_odds(1.0, 1.0)) > 0.95 and probability(judge.log_odds(0.0, 0.0)) < 0.05


def test_another_relief_graph_has_another_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = artifacts.relief_fingerprint()
    assert first not in ("", artifacts.fingerprint())
    monkeypatch.setattr(artifacts, "WEIGHTS", tmp_path)
    onnx.save(graph(), artifacts.weights_file(RELIEF_MAPPER.name))
    assert artifacts.relief_fingerprint() != first


def test_other_weights_have_another_fingerprint(weights: Path) -> None:
    first = artifacts.fingerprint()
    assert first == artifacts.fingerprint() and len(first) == 16
    model = graph()
    changed = values()["line.weight"] + np.float32(1e-3)
    model.graph.initializer[3].CopyFrom(numpy_helper.from_array(changed, "line.weight"))
    onnx.save(model, weights)
    assert artifacts.fingerprint() != first
