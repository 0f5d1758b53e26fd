"""The networks that can be trained, each registered by name: which pixels are coin, and which coin it is.

A new network is one file here: a frozen dataclass of settings, a module that keeps the interface in `base`, and a call
of `register`; and its import below. Recipes, trainings and checkpoints name it by its registered name. A network that
is trained elsewhere needs none of this: `build/export_onnx.py` takes an ONNX file.
"""

from training.networks import lite, plain, polar, polar_edges, spectral, unet  # noqa: F401  each registers its network
from training.networks.base import EMBEDDERS, SEGMENTERS, Embedder, MasksAlone, PolarEmbedder, Segmenter
from training.networks.registry import NetworkError, Registry, Spec

__all__ = [
    "EMBEDDERS",
    "SEGMENTERS",
    "Embedder",
    "MasksAlone",
    "NetworkError",
    "PolarEmbedder",
    "Registry",
    "Segmenter",
    "Spec",
]
