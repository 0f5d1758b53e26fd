"""Computes the resampling of pictures in bfloat16, inside a graph that is float32 otherwise.

Pixels have 8 bits and bfloat16 has a precision of 8 bits, so a picture goes in without loss. The network that takes the
result rounds it to bfloat16 anyway. Windows and outlines stay in float32: bfloat16 would move them by whole pixels.
"""

import openvino
from openvino import opset13

from ensemble.contract import CANVAS_SIZE


def resample_in_bf16(graph: openvino.Model) -> None:
    """Compute the matrix products that resize the canvas in bfloat16.

    On a CPU without bfloat16, OpenVINO still computes them in float32.
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
