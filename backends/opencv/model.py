"""Triton backend `opencv`: computes a step of the geometry on the CPU with OpenCV and numpy.

A Python-based backend. Parameters of the model's config: `cores` and `slots` (of the server, see ensemble/cpu.py).
"""

from backends.single_step import SingleStep as TritonPythonModel

__all__ = ["TritonPythonModel"]
