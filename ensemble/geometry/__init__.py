"""What lies between the networks, as torch modules: find the coin, frame it, rectify it.

The operators are those that export to ONNX and that TensorRT takes. This is the only part of `ensemble`
that imports torch. Inputs and outputs are those of `ensemble.contract`, with a batch axis.
"""

from ensemble.geometry.crop import Crop, Zoom
from ensemble.geometry.preprocess import Preprocess

__all__ = ["Crop", "Preprocess", "Zoom"]
