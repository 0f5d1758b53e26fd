"""The committed compute graphs are what the code exports, and all runtimes agree on them."""

from collections.abc import Callable
from types import ModuleType

import onnx
import pytest

from ensemble import artifacts
from ensemble.contract import COMPUTE_MODELS, MASK, SEGMENTATION, ZOOM, Model, Tensor

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("model", COMPUTE_MODELS, ids=lambda model: model.name)
def test_committed_graph_is_current_and_runtimes_agree(export_onnx: ModuleType, model: Model) -> None:
    source = export_onnx.read_source(export_onnx.own_file(model), None)
    assert export_onnx.export(model, source, check=True)


def test_wrong_name_or_shape_is_refused(export_onnx: ModuleType) -> None:
    graph = artifacts.plain_graph(SEGMENTATION)
    export_onnx.check_interface(graph, SEGMENTATION)
    for wrong in (Tensor("masks", MASK.dtype, MASK.dims, ""), Tensor("mask", MASK.dtype, (1, 128, 128), "")):
        with pytest.raises(ValueError, match="outputs of the ONNX graph are"):
            export_onnx.check_interface(graph, Model("segmentation", SEGMENTATION.inputs, (wrong,), ""))
    graph.graph.input[0].name = "picture"
    with pytest.raises(ValueError, match="inputs of the ONNX graph are"):
        export_onnx.check_interface(graph, SEGMENTATION)


def test_difference_above_the_tolerance_fails(script: Callable[[str], ModuleType]) -> None:
    parity = script("parity").Parity
    assert parity("zoom", "zoom_window", "OpenVINO", 0.009).holds
    assert not parity("zoom", "zoom_window", "OpenVINO", 0.011).holds
    assert not parity("crop", "found", "OpenVINO", 1e-6).holds


def test_changed_graph_is_stale(export_onnx: ModuleType) -> None:
    graph = onnx.load(artifacts.weights_file(ZOOM.name))
    other = onnx.ModelProto()
    other.CopyFrom(graph)
    assert export_onnx.same_graph(graph, other)
    other.graph.node[3].name += "x"
    assert not export_onnx.same_graph(graph, other)
