"""Import this before timm or segmentation_models_pytorch.

PyPI's torchvision is built for another torch than the CPU one. Its compiled operators are missing, and its import fails
for two operators that nothing here uses. Defining their schemas is enough.
"""

import importlib.machinery
import importlib.util

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def _has_compiled_operators() -> bool:
    """Whether torchvision's own library loads and so defines the operators itself."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return True  # nothing to repair
    for path in spec.submodule_search_locations:
        library = importlib.machinery.PathFinder.find_spec("_C", [path])
        if library is None or library.origin is None:
            continue
        try:
            torch.ops.load_library(library.origin)
        except OSError:
            return False
        return True
    return False


if not _has_compiled_operators():
    _LIBRARY = torch.library.Library("torchvision", "DEF")  # lives as long as the module
    for _schema in _SCHEMAS:
        _LIBRARY.define(_schema)
