"""Takes an ONNX file that was trained elsewhere, if it keeps the contract; says what is wrong if it does not."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from engine_builder import BuildError, check_parses, load_flavor
from google.protobuf.message import DecodeError
from half import to_half
from onnx.inliner import inline_local_functions
from parity import ELEMENT_TYPES, in_onnx_runtime, sample_inputs

from ensemble import artifacts
from ensemble.contract import COIN_PROBABILITY, EMBEDDER, SEGMENTATION, Model, Tensor

OPSETS = range(13, 21)  # 13: the first that int8 storage can be written in; 20: what this project exports
UNIT = 1e-3  # how far an embedding's length may be from 1
ALONE = 1e-3  # how far a picture's output may differ between a batch and alone


class ForeignError(ValueError):
    """The file cannot be used; the message says why and what to do."""


def read_foreign(path: Path, models: Sequence[Model]) -> onnx.ModelProto:
    """The graph of a file, named and shaped as a compute model of the contract, its batch free.

    Args:
        path: the file; weights in a file beside it are read, too.
        models: the compute models that it becomes: one picture in. The graph has the form of the first.

    Raises:
        ForeignError: no ONNX file, or one that does not keep the contract.
    """
    try:
        graph = onnx.load(path)
        onnx.checker.check_model(graph, full_check=True)
    except (OSError, DecodeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ForeignError(f"{path} is no ONNX file that can be used: {error}") from error
    graph = inline_local_functions(graph)
    _check_operators(path, graph)
    _drop_notes(graph)
    if models[0] is SEGMENTATION and len(graph.graph.output) == 1:
        _add_probability(graph.graph)
    initializers = {tensor.name for tensor in graph.graph.initializer}
    inputs = [value for value in graph.graph.input if value.name not in initializers]  # old files list weights, too
    del graph.graph.input[:]
    graph.graph.input.extend(inputs)
    for kind, found, expected in (
        ("inputs", graph.graph.input, models[0].inputs),
        ("outputs", graph.graph.output, models[0].outputs),
    ):
        _check_tensors(path, kind, found, expected)
        for value in found:
            value.type.tensor_type.shape.dim[0].Clear()
            value.type.tensor_type.shape.dim[0].dim_param = "batch"
    for model in models:
        _check_answers(path, artifacts.fit(graph, model), model)
    return artifacts.fit(graph, models[0])


def _add_probability(graph: onnx.GraphProto) -> None:
    """Give a segmentation that has masks only the second output, in place: the likeliest pixel's probability."""
    mask = graph.output[0].name
    graph.initializer.append(onnx.numpy_helper.from_array(np.array([0, 1, -1, 1]), f"{mask} in one"))
    graph.node.append(onnx.helper.make_node("Reshape", [mask, f"{mask} in one"], [f"{mask} together"]))
    graph.node.append(onnx.helper.make_node("GlobalMaxPool", [f"{mask} together"], [f"{mask} greatest"]))
    graph.node.append(onnx.helper.make_node("Flatten", [f"{mask} greatest"], [COIN_PROBABILITY.name], axis=1))
    graph.output.append(onnx.helper.make_tensor_value_info(COIN_PROBABILITY.name, onnx.TensorProto.FLOAT, ["batch", 1]))


def _check_operators(path: Path, graph: onnx.ModelProto) -> None:
    """Accept only ONNX's own operators, of a version that every runtime knows."""
    opsets = {entry.domain: entry.version for entry in graph.opset_import}
    version = opsets.pop("", opsets.pop("ai.onnx", 0))
    if version not in OPSETS:
        raise ForeignError(
            f"{path} is of opset {version}; {OPSETS[0]} to {OPSETS[-1]} are supported: "
            f"export it with opset_version={OPSETS[-1]}"
        )
    others = {f"{node.domain}.{node.op_type}" for node in graph.graph.node if node.domain not in ("", "ai.onnx")}
    if others:
        raise ForeignError(f"{path} has operators that are not ONNX's own: {', '.join(sorted(others))}")


def _drop_notes(graph: onnx.ModelProto) -> None:
    """Drop the exporter's notes, and the shapes of tensors within the graph: they may name a fixed batch."""
    del graph.metadata_props[:], graph.graph.metadata_props[:], graph.graph.value_info[:]


def _check_tensors(path: Path, kind: str, found: Sequence[onnx.ValueInfoProto], expected: tuple[Tensor, ...]) -> None:
    """Compare inputs or outputs with the contract, except their names and the sizes that the graph leaves free."""
    if len(found) != len(expected):
        have = ", ".join(value.name for value in found)
        raise ForeignError(f"{path} has {len(found)} {kind} ({have}); the contract has {len(expected)}")
    for value, tensor in zip(found, expected, strict=True):
        given = value.type.tensor_type
        if given.elem_type != ELEMENT_TYPES[tensor.dtype]:
            name = onnx.TensorProto.DataType.Name(given.elem_type)
            raise ForeignError(f"{path}: {value.name} is {name}; the contract's {tensor.name} is {tensor.dtype.value}")
        sizes = [dim.dim_value for dim in given.shape.dim]  # 0 where it is free
        fits = len(sizes) == len(tensor.dims) + 1 and all(
            size in (0, wanted) for size, wanted in zip(sizes[1:], tensor.dims, strict=True)
        )
        if not fits:
            shape = [dim.dim_value or dim.dim_param or "?" for dim in given.shape.dim]
            wanted = ["batch", *tensor.dims]
            raise ForeignError(f"{path}: {value.name} has the shape {shape}; the contract's {tensor.name} has {wanted}")


def _check_answers(path: Path, graph: onnx.ModelProto, model: Model) -> None:
    """Run a graph on pictures, alone and in a batch: the results must agree and be in the contract's range.

    Raises:
        ForeignError: it cannot be run, needs one size of batch, or its output is no probability or no unit vector.
    """
    inputs = sample_inputs(model, batch=3)
    try:
        run = in_onnx_runtime(graph)
        together = run(inputs)
        alone = [run({name: array[i : i + 1] for name, array in inputs.items()}) for i in range(3)]
    except Exception as error:  # ONNX Runtime's errors have no base of their own
        raise ForeignError(
            f"{path} cannot be run on batches of 1 and of 3 at {list(model.inputs[0].dims)}: {error}\n"
            f"export it with a free batch axis{'' if model is EMBEDDER else ', height and width'}"
        ) from error
    for tensor, made, rows in zip(model.outputs, together, zip(*alone, strict=True), strict=True):
        if made.shape != (3, *tensor.dims):
            raise ForeignError(f"{path} makes {list(made.shape)} of 3 pictures; the contract says {[3, *tensor.dims]}")
        if not np.isfinite(made).all() or np.abs(made - np.concatenate(rows)).max() > ALONE:
            raise ForeignError(f"{path} gives another result for a picture in a batch than for the picture alone")
        _check_range(path, model, tensor, made)


def _check_range(path: Path, model: Model, tensor: Tensor, made: np.ndarray) -> None:
    if model is EMBEDDER:
        lengths = np.linalg.norm(made, axis=1)
        if np.abs(lengths - 1).max() > UNIT:
            raise ForeignError(
                f"{path}: its embeddings have lengths of {lengths.min():.3g} to {lengths.max():.3g}; "
                "they must be 1: divide by the norm at the end"
            )
    elif made.min() < 0 or made.max() > 1:
        raise ForeignError(
            f"{path}: its {tensor.name} has values of {made.min():.3g} to {made.max():.3g}; "
            "it must be a probability, 0 to 1: end in a sigmoid"
        )


def check_tensorrt(path: Path, graph: onnx.ModelProto, model: Model) -> str:
    """Give a graph in half precision to TensorRT-RTX's parser, which needs no GPU; returns a line for the report.

    Raises:
        ForeignError: TensorRT cannot take it.
    """
    try:
        flavor = load_flavor("tensorrt_rtx")
    except BuildError as error:
        return f"not checked with TensorRT: {error}"
    try:
        check_parses(model, to_half(graph), flavor)
    except BuildError as error:
        raise ForeignError(f"{path}: {error}") from error
    return f"TensorRT-RTX {flavor.version} can take it"
