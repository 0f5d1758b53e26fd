"""Triton backend `tensorrt_rtx`: runs a model's TensorRT-RTX engine, on a GPU machine without the container.

A Python-based backend. Tensors stay on the GPU from step to step: DLPack hands them over.
"""

import json
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils

from backends.adapter import in_place, refusal
from backends.tensorrt_rtx.session import open_session
from ensemble.contract import COMPUTE_MODELS


class TritonPythonModel:
    """Adapts an engine's session to Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the engine on this instance's GPU."""
        config = json.loads(args["model_config"])
        model = next(model for model in COMPUTE_MODELS if model.name == config["name"])
        engine = Path(args["model_repository"]) / args["model_version"] / config["default_model_filename"]
        self.inputs = model.inputs
        self.session = open_session(engine, model, int(args["model_instance_device_id"]))

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer the requests of one dynamic batch with one inference."""
        refused = [refusal(request) for request in requests]
        allowed = [request for request, error in zip(requests, refused, strict=True) if error is None]
        feeds = [{tensor.name: in_place(request, tensor) for tensor in self.inputs} for request in allowed]
        answers = iter(self.session.run(feeds) if feeds else ())
        return [_response(next(answers)) if error is None else error for error in refused]


def _response(answer: dict[str, Any]) -> Any:
    return pb_utils.InferenceResponse([pb_utils.Tensor.from_dlpack(name, array) for name, array in answer.items()])
