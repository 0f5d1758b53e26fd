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

from backends.adapter import Answer, answer_each, array, parameters, settings
from backends.slots import slots_of
from ensemble import variables
from ensemble.access import check_read
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
        self.config = settings(args)
        self.slots = slots_of(self.config)

    @cached_property
    def session(self) -> "OpenVinoSession":
        """The compiled graph; the first use compiles it."""
        from backends.openvino.opening import open_session

        cache = os.environ.get(variables.CACHE, "")
        return open_session(self.model, Cpu.of(self.config), self.repository, cache)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer requests one by one, each holding a slot: a CPU gains nothing from batches."""
        return answer_each(requests, self._answer)

    def _answer(self, request: Any) -> Answer:
        check_read(parameters(request))
        feed = {tensor.name: array(request, tensor) for tensor in self.model.inputs}
        with self.slots.hold() if self.slots else nullcontext(unlimited) as threads:
            [answer] = self.session.run([feed], threads())
        return {tensor: answer[tensor.name] for tensor in self.model.outputs}
