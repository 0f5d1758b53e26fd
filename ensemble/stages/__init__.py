"""The stages between the networks as torch modules, written in operators that export to ONNX and that TensorRT takes.

The only part of `ensemble` that imports torch. Inputs and outputs are those of `ensemble.contract`, with a batch axis.
"""

from ensemble.stages.crop import Crop, Zoom
from ensemble.stages.preprocess import Preprocess

__all__ = ["Crop", "Preprocess", "Zoom"]
