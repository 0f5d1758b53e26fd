"""The networks in half precision, as TensorRT is given them.

TensorRT's networks are strongly typed: the graph itself must be fp16. Inputs and outputs stay float32, as the contract
says. `half_cost.py` measures what half precision costs.
"""

import onnx
from onnx import TensorProto
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

from ensemble.artifacts import plain_graph
from ensemble.contract import Model
from ensemble.stamp import precision

# Kept in float32: coordinates, which fp16 rounds to an eighth of a pixel, and divisions by a length or a contrast.
EXACT = ("GridSample", "ReduceL2", "Clip", "Sqrt", "Expand", "Div")


def engine_graph(model: Model) -> onnx.ModelProto:
    """The graph that TensorRT is given for a compute model, in the precision that its engine has."""
    graph = plain_graph(model)
    return to_half(graph) if precision(model) == "fp16" else graph


def to_half(graph: onnx.ModelProto) -> onnx.ModelProto:
    """A float32 graph in half precision, except its inputs, its outputs and the operators in EXACT."""
    blocked = [*DEFAULT_OP_BLOCK_LIST, *EXACT]
    half = convert_float_to_float16(graph, keep_io_types=True, op_block_list=blocked)
    _drop_round_trips(half.graph)
    return half


def _drop_round_trips(graph: onnx.GraphProto) -> None:
    """Remove casts to fp16 and back, which the conversion puts between any two exact operators."""
    casts = {node.output[0]: node for node in graph.node if node.op_type == "Cast"}
    for node in graph.node:
        for position, name in enumerate(node.input):
            back = casts.get(name)
            there = casts.get(back.input[0]) if back else None
            if back and there and (_target(there), _target(back)) == (TensorProto.FLOAT16, TensorProto.FLOAT):
                node.input[position] = there.input[0]
    used = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    while unused := [node for node in graph.node if node.op_type == "Cast" and node.output[0] not in used]:
        for node in unused:
            graph.node.remove(node)
        used = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}


def _target(cast: onnx.NodeProto) -> int:
    return next(attribute.i for attribute in cast.attribute if attribute.name == "to")
