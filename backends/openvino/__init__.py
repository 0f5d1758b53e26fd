"""The backend `openvino`: ONNX graphs on the CPU."""

import sys
from typing import Any

# OpenVINO's own converter is not needed: it is a third of what is imported, and reports each import to its makers.
_MODULES: dict[str, Any] = sys.modules
_MODULES.setdefault("openvino.tools.ovc", None)  # stands for a module that is not there
