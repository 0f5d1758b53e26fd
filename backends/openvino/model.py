"""Triton backend `openvino`: runs a model's ONNX graph on the CPU with OpenVINO.

A Python-based backend. Parameters of the model's config: `precision` (see session.py), `cores` and `slots` (of the
server, see ensemble/cpu.py).

A graph is compiled at its first request: `coin_embedding` compiles its own, and few clients ask for a step alone.
"""

import json
import os
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import triton_python_backend_utils as pb_utils

from backends.adapter import settings
from backends.slots import slots_of
from ensemble import variables
from ensemble.chain import unlimited
from ensemble.contract import MODELS
from ensemble.cpu import Cpu

if TYPE_CHECKING:
    from backends.openvino.session import OpenVinoSession


class TritonPythonModel:
    """Adapts an OpenVINO session to Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Find out which model this is."""
        name = json.loads(args["model_config"])["name"]
        self.model = next(model for model in MODELS if model.name == name)
        self.repository = Path(args["model_repository"]).parent
        self.parameters = settings(args)
        self.slots = slots_of(self.parameters)

    @cached_property
    def session(self) -> "OpenVinoSession":
        """The compiled graph; the first use compiles it."""
        from backends.openvino.opening import open_session

        cache = os.environ.get(variables.CACHE, "")
        return open_session(self.model, Cpu.of(self.parameters), self.repository, cache)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer the requests of one dynamic batch, holding one slot."""
        feeds = [
            {t.name: pb_utils.get_input_tensor_by_name(request, t.name).as_numpy() for t in self.model.inputs}
            for request in requests
        ]
        with self.slots.hold() if self.slots else nullcontext(unlimited) as threads:
            answers = self.session.run(feeds, threads())
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor(name, array) for name, array in answer.items()])
            for answer in answers
        ]
