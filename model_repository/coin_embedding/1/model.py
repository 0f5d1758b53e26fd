"""Triton model `coin_embedding` on CPUs: takes a photo from its file to its embedding in one process.

On GPUs the model is an ensemble, which Triton runs by itself; this file is not read there.
"""

import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils

from backends.adapter import Answer, answer_each, array, parameters, settings
from backends.cpu_steps import open_runner
from backends.slots import slots_of
from backends.step_times import StepTimes
from ensemble import variables
from ensemble.access import check_read
from ensemble.chain import Chain, unlimited
from ensemble.contract import COIN_EMBEDDING, ENCODED
from ensemble.cpu import Cpu
from ensemble.graph import STEPS
from ensemble.limits import Limits


class TritonPythonModel:
    """Adapts the chain of steps to Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Compile all graphs, or load them from the cache."""
        config = settings(args)
        repository, cache = Path(args["model_repository"]).parent, os.environ.get(variables.CACHE, "")
        cpu = Cpu.of(config)
        self.chain = Chain(STEPS[COIN_EMBEDDING], lambda model: open_runner(model, cpu, repository, cache), Limits.of())
        self.slots = slots_of(config)
        self.times = StepTimes(pb_utils.MetricFamily, STEPS[COIN_EMBEDDING])

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer requests one by one."""
        answers = answer_each(requests, self._answer)
        self.times.report()
        return answers

    def _answer(self, request: Any) -> Answer:
        check_read(parameters(request))  # who may not read takes no slot
        start = time.perf_counter()
        with self.slots.hold() if self.slots else nullcontext(unlimited) as threads:
            self.times.waited(time.perf_counter() - start)
            tensors = self.chain.run(array(request, ENCODED).item(), threads, self.times.observe)
        return {tensor: tensors[tensor.name] for tensor in COIN_EMBEDDING.outputs}
