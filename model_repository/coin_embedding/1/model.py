"""Triton model `coin_embedding` on CPUs: a photo's way from the file to the embedding in one process.

On GPUs the model is an ensemble, which Triton runs by itself, and this file is not read.
"""

import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import triton_python_backend_utils as pb_utils

from backends.adapter import Answer, answer_each, array, settings
from backends.cores import cores_of
from backends.openvino.served import served
from backends.step_times import StepTimes
from ensemble.chain import Chain, Runner
from ensemble.contract import COIN_EMBEDDING, ENCODED, Model
from ensemble.cpu import Cpu
from ensemble.graph import STEPS


class TritonPythonModel:
    """Adapts the chain of the steps to Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Compile all graphs, or take them from the cache."""
        parameters = settings(args)
        repository, cache = Path(args["model_repository"]).parent, os.environ.get("MINTMARK_CACHE", "")
        self.cores = cores_of(parameters)
        self.share: Callable[[], int] | None = None  # of the photo under way

        def opened(model: Model) -> Runner:
            return served(model, Cpu.of(parameters), repository, cache, share=lambda: self.share and self.share())

        cv2.setNumThreads(1)  # decoding has no use for more
        self.chain = Chain(STEPS[COIN_EMBEDDING], opened)
        self.times = StepTimes(pb_utils.MetricFamily, STEPS[COIN_EMBEDDING])

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer requests one by one, on this process's share of the cores."""
        start = time.perf_counter()
        with self.cores.computing() if self.cores else nullcontext() as self.share:
            self.times.waited(time.perf_counter() - start)
            answers = answer_each(requests, self._answer)
        self.times.tell()
        return answers

    def _answer(self, request: Any) -> Answer:
        tensors = self.chain.run(array(request, ENCODED).item(), self.times.observe)
        return {tensor: tensors[tensor.name] for tensor in COIN_EMBEDDING.outputs}
