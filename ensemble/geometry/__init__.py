"""What the pipeline computes without learned weights, as torch modules: find the coin, frame it, rectify it, map it.

The operators are those that export to ONNX and that TensorRT takes. This is the only part of `ensemble`
that imports torch. Inputs and outputs are those of `ensemble.contract`, with a batch axis.
"""

from ensemble.geometry.crop import Crop, Zoom
from ensemble.geometry.preprocess import Preprocess
from ensemble.geometry.relief import Relief

__all__ = ["Crop", "Preprocess", "Relief", "Zoom"]
