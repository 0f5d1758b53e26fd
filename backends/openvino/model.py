"""Triton backend `openvino`: runs a model's ONNX graph on the CPU with OpenVINO.

A Python-based backend. Parameters of the model's config: `precision` (see session.py), `cores` and `slots` (of the
server, see ensemble/cpu.py).
"""

from backends.single_step import SingleStep as TritonPythonModel

__all__ = ["TritonPythonModel"]
