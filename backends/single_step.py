"""One step of the pipeline as a Triton model on CPUs, for clients that ask for it alone."""

import json
import os
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

from backends.adapter import Answer, answer_each, array, parameters, settings
from backends.cpu_steps import open_runner
from backends.slots import slots_of
from ensemble import variables
from ensemble.access import check_read
from ensemble.chain import Runner, unlimited
from ensemble.contract import MODELS
from ensemble.cpu import Cpu


class SingleStep:
    """Adapts a step to Triton. It is opened at its first request: few clients ask for a step alone."""

    def initialize(self, args: dict[str, str]) -> None:
        """Find out which model this is."""
        name = json.loads(args["model_config"])["name"]
        self.model = next(model for model in MODELS if model.name == name)
        self.repository = Path(args["model_repository"]).parent
        self.config = settings(args)
        self.slots = slots_of(self.config)

    @cached_property
    def runner(self) -> Runner:
        """The opened step."""
        return open_runner(self.model, Cpu.of(self.config), self.repository, os.environ.get(variables.CACHE, ""))

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer requests one by one, each holding a slot: a CPU gains nothing from batches."""
        return answer_each(requests, self._answer)

    def _answer(self, request: Any) -> Answer:
        check_read(parameters(request))
        feed = {tensor.name: array(request, tensor) for tensor in self.model.inputs}
        with self.slots.hold() if self.slots else nullcontext(unlimited) as threads:
            answer = self.runner(feed, threads())
        return {tensor: answer[tensor.name] for tensor in self.model.outputs}
