"""The compute graphs as files: the compact form kept in `weights/` and the plain form that runtimes are given.

The compact form stores large initializers as int8 with one scale per output channel, or as float16. A DequantizeLinear
or Cast node follows each, and its output has the parameter's own name. This is valid ONNX. Unpacking turns those nodes
back into float32 initializers, so every runtime computes with the same numbers.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ensemble import variables
from ensemble.contract import COARSE_SEGMENTATION, COIN_RADIUS, EMBEDDER, IMAGE_SIZE, RELIEF_MAPPER, SEGMENTATION, Model
from ensemble.places import ROOT
from ensemble.verification import Judge

WEIGHTS = Path(os.environ.get(variables.WEIGHTS) or ROOT / "weights")
SAME_WEIGHTS = {COARSE_SEGMENTATION.name: SEGMENTATION.name}  # one network for pictures of two sizes
JUDGE = WEIGHTS / "judge.json"  # fitted for the embedding and the relief map
MADE_FROM = "made_from"  # key in the metadata of a quantized graph: digest of the weights that it was made from
SMALLEST_ROW = 32  # elements that share an int8 scale; depthwise kernels (9 or 25) stay float16
SMALLEST_PACKED = 1024  # elements; below, the saving is not worth a node
_GRAPHS = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)


def weights_file(model: str) -> Path:
    """The file of a compute model's compact form, or of the model whose weights it shares."""
    return WEIGHTS / f"{SAME_WEIGHTS.get(model, model)}.onnx"


def quantized_file(model: str) -> Path:
    """The file of what `build/quantize.py` made of a network's compact form; most networks have none."""
    return weights_file(model).with_suffix(".int8.onnx")


def plain_graph(model: Model) -> onnx.ModelProto:
    """The graph that a runtime is given for a compute model: float32, with the tensors of the contract.

    Raises:
        FileNotFoundError: there are no weights.
    """
    return fit(unpack(onnx.load(weights_file(model.name))), model)


def quantized_graph(model: Model) -> onnx.ModelProto | None:
    """The graph with weights and activations in int8 that a CPU may be given in place of the plain one.

    None where there is none, or where it was made from other weights than those that are there.
    """
    file = quantized_file(model.name)
    if not file.is_file():
        return None
    graph = onnx.load(file)
    source = {entry.key: entry.value for entry in graph.metadata_props}.get(MADE_FROM)
    return fit(graph, model) if source == digest(weights_file(model.name)) else None


def digest(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def fit(graph: onnx.ModelProto, model: Model) -> onnx.ModelProto:
    """A plain graph with the names and sizes of a model's tensors at its ends.

    A network of convolutions computes the same on pictures of any size, so two models can share one graph, of which one
    may use the first outputs only. A graph that has the model's names and sizes already stays as it is.
    """
    fitted = onnx.ModelProto()
    fitted.CopyFrom(graph)
    _keep_outputs(fitted.graph, len(model.outputs))
    names = {}
    for value, tensor in zip((*fitted.graph.input, *fitted.graph.output), (*model.inputs, *model.outputs), strict=True):
        names[value.name] = tensor.name
        for axis, size in zip(value.type.tensor_type.shape.dim[1:], tensor.dims, strict=True):
            axis.dim_value = size
    # Other tensors of these names get new ones.
    names |= {name: f"{name} within" for name in set(names.values()) - names.keys()}
    _rename(fitted.graph, names)
    return fitted


def _keep_outputs(graph: onnx.GraphProto, count: int) -> None:
    """Drop all outputs but the first, and what only the others need, in place."""
    if count == len(graph.output):
        return
    del graph.output[count:]
    needed, nodes = {value.name for value in graph.output}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(_taken(node))
            nodes.append(node)
    initializers = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(reversed(nodes))
    graph.initializer.extend(initializers)


def _taken(node: onnx.NodeProto) -> Iterator[str]:
    """Names of the tensors that a node takes, for the graphs in it, too."""
    yield from node.input
    for attribute in node.attribute:
        for inner in (attribute.g, *attribute.graphs) if attribute.type in _GRAPHS else ():
            for part in inner.node:
                yield from _taken(part)


def _rename(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    """Rename tensors of a graph and of the graphs in its nodes, in place."""
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for ends in (node.input, node.output):
            ends[:] = [names.get(name, name) for name in ends]
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs) if attribute.type in _GRAPHS else ():
                _rename(inner, names)


def pack(model: onnx.ModelProto, dtype: str) -> onnx.ModelProto:
    """Compact form of a plain model.

    Args:
        model: graph with float32 initializers; left as it is.
        dtype: 'int8' stores matrices and dense kernels as int8, depthwise kernels as float16; 'float16' stores all
            large initializers as float16.
    """
    packed = onnx.ModelProto()
    packed.CopyFrom(model)
    plain = list(packed.graph.initializer)
    del packed.graph.initializer[:]
    nodes = []
    for tensor in plain:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < SMALLEST_PACKED:
            packed.graph.initializer.append(tensor)
        elif dtype == "int8" and values.ndim >= 2 and values[0].size >= SMALLEST_ROW:
            nodes.append(_pack_int8(packed.graph, tensor.name, values))
        else:
            nodes.append(_pack_float16(packed.graph, tensor.name, values))
    graph_nodes = list(packed.graph.node)
    del packed.graph.node[:]
    packed.graph.node.extend(nodes + graph_nodes)
    return packed


def _pack_int8(graph: onnx.GraphProto, name: str, values: np.ndarray) -> onnx.NodeProto:
    axes = tuple(range(1, values.ndim))
    scale = np.maximum(np.abs(values).max(axis=axes), np.float32(1e-12)) / np.float32(127)
    column = scale.reshape(-1, *(1 for _ in axes))
    codes = np.clip(np.rint(values / column), -127, 127).astype(np.int8)
    graph.initializer.append(numpy_helper.from_array(codes, f"{name}.int8"))
    graph.initializer.append(numpy_helper.from_array(scale.astype(np.float32), f"{name}.scale"))
    return helper.make_node(
        "DequantizeLinear", [f"{name}.int8", f"{name}.scale"], [name], name=f"unpack {name}", axis=0
    )


def _pack_float16(graph: onnx.GraphProto, name: str, values: np.ndarray) -> onnx.NodeProto:
    graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), f"{name}.float16"))
    return helper.make_node("Cast", [f"{name}.float16"], [name], name=f"unpack {name}", to=TensorProto.FLOAT)


def _unpacked(model: onnx.ModelProto) -> Iterator[tuple[str, np.ndarray]]:
    """Name and float32 values of every packed initializer."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if not node.name.startswith("unpack "):
            continue
        values = numpy_helper.to_array(stored[node.input[0]]).astype(np.float32)
        if node.op_type == "DequantizeLinear":
            scale = numpy_helper.to_array(stored[node.input[1]])
            values = values * scale.reshape(-1, *(1 for _ in values.shape[1:]))
        yield node.output[0], values


def unpack(model: onnx.ModelProto) -> onnx.ModelProto:
    """Plain form of a compact model, all initializers float32."""
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    packed_names = {name for node in model.graph.node if node.name.startswith("unpack ") for name in node.input}
    restored = [numpy_helper.from_array(values, name) for name, values in _unpacked(model)]
    kept = [tensor for tensor in model.graph.initializer if tensor.name not in packed_names]
    nodes = [node for node in model.graph.node if not node.name.startswith("unpack ")]
    del plain.graph.initializer[:], plain.graph.node[:]
    plain.graph.initializer.extend(kept + restored)
    plain.graph.node.extend(nodes)
    return plain


def parameters(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Initializers of a compact or plain model by name: float32 where they were packed."""
    plain = unpack(model)
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in plain.graph.initializer}


def fingerprint() -> str:
    """Names the embedding's weights and the size of the coin that it is given: only embeddings of one compare."""
    return _fingerprint(EMBEDDER)


def relief_fingerprint() -> str:
    """Names the graph that makes relief maps and the size of the coin that it is given: only maps of one compare."""
    return _fingerprint(RELIEF_MAPPER)


def _fingerprint(model: Model) -> str:
    digest = hashlib.sha256(f"{IMAGE_SIZE} {COIN_RADIUS} ".encode())
    digest.update(weights_file(model.name).read_bytes())
    return digest.hexdigest()[:16]


def judge() -> Judge:
    """What turns similarities into probabilities, fitted for the graphs in weights/.

    Raises:
        FileNotFoundError: it is missing.
    """
    return Judge.from_json(JUDGE.read_text(encoding="utf-8"))
