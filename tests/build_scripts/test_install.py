"""Installing turns the compact weights into plain graphs that a runtime loads, and does nothing twice."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest

from ensemble import artifacts
from ensemble.contract import COMPUTE_MODELS, SEGMENTATION, Model
from ensemble.places import GRAPH, QUANTIZED_GRAPH

Install = Callable[[Path], list[Path]]


@pytest.fixture(scope="module")
def install(script: Callable[[str], ModuleType]) -> Install:
    missing = [model.name for model in COMPUTE_MODELS if not artifacts.weights_file(model.name).is_file()]
    if missing:
        pytest.skip(f"no weights of {', '.join(missing)}")
    return script("install_models").install  # type: ignore[no-any-return]


def names(model: Model) -> list[str]:
    """Files of a model: of some there is a graph in int8."""
    return [GRAPH, *([QUANTIZED_GRAPH] if artifacts.quantized_file(model.name).is_file() else [])]


@pytest.fixture(scope="module")
def repository(install: Install, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model repository with all models installed."""
    folder = tmp_path_factory.mktemp("repository")
    written = install(folder)
    assert written == [folder / model.name / "1" / name for model in COMPUTE_MODELS for name in names(model)]
    return folder


def placed(repository: Path, model: str) -> Path:
    return repository / model / "1" / "model.onnx"


@pytest.mark.parametrize("model", COMPUTE_MODELS, ids=lambda model: model.name)
def test_a_plain_graph_with_the_weights_is_written(repository: Path, model: Model) -> None:
    name = model.name
    plain, compact = onnx.load(placed(repository, name)), onnx.load(artifacts.weights_file(name))
    onnx.checker.check_model(plain)
    assert not any(node.name.startswith("unpack ") for node in plain.graph.node)
    for ends, tensors in ((plain.graph.input, model.inputs), (plain.graph.output, model.outputs)):
        assert [(e.name, *(d.dim_value for d in e.type.tensor_type.shape.dim[1:])) for e in ends] == [
            (tensor.name, *tensor.dims) for tensor in tensors
        ]
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in plain.graph.initializer}
    expected = artifacts.parameters(compact)
    assert set(stored) <= set(expected)  # one model may use some outputs of a network alone
    assert set(stored) == set(expected) or artifacts.SAME_WEIGHTS.get(name)
    assert all(np.array_equal(stored[key], expected[key]) for key in stored)


def test_nothing_else_is_left(repository: Path) -> None:
    files = sorted(path.relative_to(repository).as_posix() for path in repository.rglob("*") if path.is_file())
    assert files == sorted(f"{model.name}/1/{name}" for model in COMPUTE_MODELS for name in names(model))


def test_what_is_up_to_date_is_left_alone(install: Install, repository: Path) -> None:
    before = {model.name: placed(repository, model.name).stat().st_mtime_ns for model in COMPUTE_MODELS}
    assert install(repository) == []
    assert before == {model.name: placed(repository, model.name).stat().st_mtime_ns for model in COMPUTE_MODELS}


def test_what_is_older_or_missing_is_written_again(install: Install, repository: Path) -> None:
    old, missing = placed(repository, "crop"), placed(repository, "zoom")
    content = old.read_bytes()
    old.write_bytes(b"old")
    source = artifacts.weights_file("crop").stat().st_mtime
    os.utime(old, (source - 10, source - 10))
    missing.unlink()
    assert sorted(install(repository)) == sorted([old, missing])
    assert old.read_bytes() == content
    assert missing.is_file()


def test_int8_is_installed_beside_the_weights_that_it_was_made_from(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, models = tmp_path / "weights", tmp_path / "models"
    shutil.copytree(artifacts.WEIGHTS, weights)
    monkeypatch.setattr(artifacts, "WEIGHTS", weights)
    quantized = artifacts.quantized_file(SEGMENTATION.name)
    graph = artifacts.plain_graph(SEGMENTATION)  # as good as one in int8 here
    graph.metadata_props.add(key=artifacts.MADE_FROM, value=artifacts.digest(artifacts.weights_file(SEGMENTATION.name)))
    quantized.write_bytes(graph.SerializeToString())
    both = [models / model / "1" / QUANTIZED_GRAPH for model in ("coarse_segmentation", "segmentation")]
    assert {path for path in install(models) if path.name == QUANTIZED_GRAPH} == set(both)
    for path, side in zip(both, (128, 256), strict=True):
        shape = onnx.load(path).graph.input[0].type.tensor_type.shape
        assert [axis.dim_value for axis in shape.dim[1:]] == [3, side, side]
    assert install(models) == []

    with artifacts.weights_file(SEGMENTATION.name).open("ab") as file:
        file.write(onnx.ModelProto(producer_name="other weights").SerializeToString())
    assert {path.name for path in install(models)} == {GRAPH}
    assert not any(path.exists() for path in both), "they are of other weights"
    assert install(models) == []
