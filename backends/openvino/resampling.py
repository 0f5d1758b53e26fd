"""The resampling of a picture in bfloat16, within a graph that is float32 otherwise.

A picture has 8 bits and bfloat16 has 8, so it comes in without loss, and the network that sees the result next rounds
it to as many. Where windows and outlines are computed, whole pixels would be lost: that stays as it is.
"""

import openvino
from openvino import opset13

from ensemble.contract import CANVAS_SIZE


def resample_in_bf16(graph: openvino.Model) -> None:
    """Let the graph's products along a side of the canvas (ensemble/stages/resize.py) take and give bfloat16.

    Where the CPU has no bfloat16, OpenVINO computes them in float32 all the same.
    """
    for node in graph.get_ordered_ops():
        if node.get_type_name() == "MatMul" and node.input_value(0).get_partial_shape()[-1] == CANVAS_SIZE:
            _surround(node)
    graph.validate_nodes_and_infer_types()


def _surround(product: openvino.Node) -> None:
    for port in product.inputs():
        port.replace_source_output(opset13.convert(port.get_source_output(), "bf16").output(0))
    takers = list(product.output(0).get_target_inputs())
    exact = opset13.convert(product.output(0), "f32").output(0)
    for taker in takers:
        taker.replace_source_output(exact)
