"""Where the project's files lie."""

import os
from pathlib import Path

from ensemble import variables

ROOT = Path(__file__).resolve().parent.parent
REPOSITORY = "model_repository"
GRAPH = "model.onnx"
QUANTIZED_GRAPH = "model.int8.onnx"  # beside it, of a network that CPUs may compute in int8
MODEL_REPOSITORY = Path(os.environ.get(variables.MODELS) or ROOT / REPOSITORY)  # that are served from this checkout
