"""What a step of the pipeline has to do for one photo, counted in its graph: operations, bytes, launches."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

HALF = 2  # bytes of a number in half precision
_SIZES = "Conv", "MatMul", "Gemm"


@dataclass(frozen=True)
class Work:
    """One photo in one step.

    Attributes:
        operations: multiplications and additions of convolutions and products of matrices.
        moved: bytes that its operators write, in half precision; without fusion, each is also read once.
        operators: in the graph; one launch each, without fusion.
        weights: bytes in half precision.
        largest: bytes of the largest tensor that it writes.
    """

    model: str
    operations: int
    moved: int
    operators: int
    weights: int
    largest: int


def count(model: str, path: Path) -> Work:
    """The work of an ONNX graph, for a batch of one photo.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the shape of a tensor does not follow from the graph.
    """
    graph = _inferred(path)
    shapes = {value.name: _dims(value) for value in (*graph.value_info, *graph.input, *graph.output)}
    shapes |= {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    operations, written = 0, list[int]()
    for node in graph.node:
        made = shapes.get(node.output[0], [0])
        if 0 in made:
            raise ValueError(f"{path}: the shape of {node.output[0]!r} does not follow from the graph")
        written.append(HALF * int(np.prod(made)))
        if node.op_type in _SIZES:
            other = shapes[node.input[1]]
            each = int(np.prod(other[1:])) if node.op_type == "Conv" else shapes[node.input[0]][-1]
            operations += 2 * int(np.prod(made)) * each
    weights = HALF * sum(int(np.prod(tensor.dims)) for tensor in graph.initializer)
    return Work(model, operations, sum(written), len(written), weights, max(written))


def _inferred(path: Path) -> onnx.GraphProto:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: run make models")
    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.ClearField("dim_param")
                dim.dim_value = 1
    return onnx.shape_inference.infer_shapes(model, data_prop=True).graph


def _dims(value: onnx.ValueInfoProto) -> list[int]:
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]
