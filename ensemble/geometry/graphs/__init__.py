"""The geometry on GPUs: torch modules, for batches.

The operators are those that export to ONNX and that TensorRT takes. This is the only part of `ensemble`
that imports torch. Inputs and outputs are those of `ensemble.contract`, with a batch axis.
"""

from ensemble.geometry.graphs.crop import Crop, Zoom
from ensemble.geometry.graphs.preprocess import Preprocess
from ensemble.geometry.graphs.relief import Relief

__all__ = ["Crop", "Preprocess", "Relief", "Zoom"]
