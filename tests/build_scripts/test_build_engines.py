"""Every compute graph becomes an engine here, without a GPU; a stamp tells which engine belongs where."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from ensemble import artifacts
from ensemble.contract import COMPUTE_MODELS, EMBEDDER, MASK, PREPROCESS, SEGMENTATION, DType, Model, Tensor
from ensemble.placement import NETWORKS, PROFILE
from ensemble.stamp import ANY_GPU, StampError, check_stamp, read_stamp, stamp_path

pytestmark = pytest.mark.slow

RTX = "tensorrt_rtx"


@pytest.fixture(scope="module")
def engines(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("build_engines")


@pytest.fixture(scope="module")
def builder(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("engine_builder")


@pytest.fixture(scope="module")
def built(engines: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a repository and a cache in which every engine was built by TensorRT-RTX."""
    folder = tmp_path_factory.mktemp("engines")
    assert engines.main(command(folder)) == 0
    return folder


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    """The same, to be spoiled."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return tmp_path


def command(folder: Path, *more: str) -> list[str]:
    return ["--flavor", RTX, "--repository", str(folder / "repository"), "--cache", str(folder / "kept"), *more]


def placed(folder: Path, model: Model) -> Path:
    return folder / "repository" / model.name / "1" / "model.plan"


@pytest.mark.parametrize("model", COMPUTE_MODELS, ids=lambda model: model.name)
def test_the_graph_is_within_reach_of_tensorrt(built: Path, model: Model) -> None:
    assert placed(built, model).stat().st_size > 100_000
    stamp = read_stamp(placed(built, model))
    assert (stamp.model, stamp.flavor, stamp.capability, stamp.profile) == (model.name, RTX, ANY_GPU, PROFILE)
    assert stamp.precision == ("fp16" if model in NETWORKS else "fp32")
    kept = built / "kept" / f"{model.name}-{stamp.key}.plan"
    assert kept.read_bytes() == placed(built, model).read_bytes()
    assert read_stamp(kept) == stamp


def test_nothing_is_built_twice(engines: ModuleType, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {model: placed(copy, model).stat().st_mtime_ns for model in COMPUTE_MODELS}
    placed(copy, PREPROCESS).unlink()
    assert engines.main(command(copy)) == 0
    said = capsys.readouterr().err
    assert said.count("is up to date") == len(COMPUTE_MODELS) - 1
    assert f"preprocess: taken from {copy / 'kept'}" in said
    assert all(placed(copy, model).stat().st_mtime_ns == before[model] for model in COMPUTE_MODELS[1:])


def test_engines_of_this_machine_pass_the_check(engines: ModuleType, built: Path) -> None:
    assert engines.main(command(built, "--check")) == 0


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("weights", "0" * 64, "weights is 0000"),
        ("flavor", "tensorrt", "flavor is tensorrt instead of tensorrt_rtx"),
        ("version", "1.0", "version is 1.0 instead of "),
        ("precision", "fp32", "precision is fp32 instead of fp16"),
        ("profile", {"smallest": 1, "tuned": 8, "largest": 8}, "profile is "),
        ("capability", "8.9", "capability is 8.9 instead of any"),
    ],
)
def test_a_foreign_engine_is_refused(
    engines: ModuleType, copy: Path, capsys: pytest.CaptureFixture[str], field: str, value: object, complaint: str
) -> None:
    path = stamp_path(placed(copy, EMBEDDER))
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    assert engines.main(command(copy, "--check")) == 1
    said = capsys.readouterr().err
    assert "does not belong here" in said and complaint in said and "run python build/build_engines.py" in said
    assert engines.main(command(copy)) == 0, "it is built again, or taken from the cache"
    assert engines.main(command(copy, "--check")) == 0


def test_an_engine_without_its_stamp_is_never_loaded(engines: ModuleType, copy: Path) -> None:
    engine = placed(copy, EMBEDDER)
    stamp_path(engine).write_text("{")
    with pytest.raises(StampError, match="has no stamp that can be read"):
        read_stamp(engine)
    stamp_path(engine).unlink()
    assert engines.main(command(copy, "--check")) == 1
    engine.unlink()
    with pytest.raises(StampError, match="is missing: run python build/build_engines"):
        read_stamp(engine)


def test_an_engine_for_one_kind_of_gpu_is_refused_on_another(copy: Path) -> None:
    engine = placed(copy, EMBEDDER)
    stamp = read_stamp(engine)
    check_stamp(engine, EMBEDDER, RTX, stamp.version, capability="12.0")
    stamp_path(engine).write_text(replace(stamp, capability="8.9").text())
    check_stamp(engine, EMBEDDER, RTX, stamp.version, capability="8.9")
    with pytest.raises(StampError, match=r"capability is 8.9 instead of 12.0"):
        check_stamp(engine, EMBEDDER, RTX, stamp.version, capability="12.0")


def test_an_operator_out_of_reach_fails(builder: ModuleType) -> None:
    unique = helper.make_node("Unique", ["image"], ["mask"], name="unique")
    graph = helper.make_graph(
        [unique],
        "beyond",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 256, 256])],
        [helper.make_tensor_value_info("mask", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    with pytest.raises(builder.BuildError, match="TensorRT cannot take segmentation: Unique 'unique'"):
        builder.build(SEGMENTATION, model, builder.load_flavor(RTX))


@pytest.mark.parametrize(
    "output",
    [
        Tensor("masks", MASK.dtype, MASK.dims, ""),
        Tensor("mask", MASK.dtype, (1, 128, 128), ""),
        Tensor("mask", DType.UINT8, MASK.dims, ""),
    ],
    ids=["name", "shape", "type"],
)
def test_a_network_beside_the_contract_is_not_built(
    builder: ModuleType, script: Callable[[str], ModuleType], output: Tensor
) -> None:
    graph = script("half").engine_graph(SEGMENTATION)
    other = replace(SEGMENTATION, outputs=(output,))
    with pytest.raises(builder.BuildError, match="segmentation: outputs of the network are"):
        builder.build(other, graph, builder.load_flavor(RTX))


def test_where_tensorrt_is_missing_it_says_so(engines: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    if importable("tensorrt"):
        pytest.skip("TensorRT is installed")
    assert engines.main(["--flavor", "tensorrt", "--check"]) == 1
    assert "tensorrt cannot be imported" in capsys.readouterr().err


def importable(module: str) -> bool:
    try:
        __import__(module)
    except ImportError:
        return False
    return True


@pytest.mark.parametrize("model", NETWORKS, ids=lambda model: model.name)
def test_half_precision_keeps_the_contract_and_the_answers(
    script: Callable[[str], ModuleType], export_onnx: ModuleType, model: Model
) -> None:
    plain = artifacts.plain_graph(model)
    half = script("half").engine_graph(model)
    export_onnx.check_interface(half, model)
    floats = [t for t in half.graph.initializer if t.data_type == TensorProto.FLOAT16]
    values = sum(int(np.prod(tensor.dims)) for tensor in floats)
    assert values > 0.99 * sum(v.size for v in artifacts.parameters(plain).values() if v.dtype == np.float32)
    feed = export_onnx.sample_inputs(model, batch=2)
    exact, quick = (
        onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feed)[0]
        for graph in (plain, half)
    )
    if model is EMBEDDER:
        assert (exact * quick).sum(axis=1).min() > 0.999
        np.testing.assert_allclose(np.linalg.norm(quick, axis=1), 1.0, atol=1e-4)
    else:
        assert np.abs(exact - quick).max() < 0.03
    assert not np.array_equal(exact, quick), "it is fp16 that ran"
