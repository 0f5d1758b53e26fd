"""The steps of an ensemble, one after the other in this process: the pipeline without a server."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from ensemble.contract import DECODE, ENCODED, Model
from ensemble.limits import DEFAULT, Limits

Arrays = dict[str, np.ndarray]
# Runs a model: from its inputs to its outputs, by the model's own names, each [B, …]. The number is how many CPU
# threads it may use; None does not limit them.
Runner = Callable[[Arrays, int | None], Arrays]
Threads = Callable[[], int | None]  # how many threads a step may use, asked before each one
Observer = Callable[[Model, float], None]  # step, seconds that it took


def unlimited() -> None:
    """No limit on threads."""


class Chain:
    """Some steps in order, each model opened once.

    Args:
        steps: models; the first one takes the photo.
        opened: opens a model of the steps; `decode` needs no opening.
        limits: what decoding one photo may cost.
    """

    def __init__(self, steps: Sequence[Model], opened: Callable[[Model], Runner], limits: Limits = DEFAULT) -> None:
        self._runners = {model: _decoder(limits) if model is DECODE else opened(model) for model in steps}

    def run(self, photo: bytes, threads: Threads = unlimited, observe: Observer | None = None) -> Arrays:
        """Take one photo through all steps.

        Args:
            photo: file.
            threads: called before every step; says how many threads the step may use.
            observe: called after every step with the seconds that it took.

        Returns:
            Every tensor of the chain by its name, each [1, …].

        Raises:
            PhotoError: the photo cannot be decoded.
        """
        tensors: Arrays = {ENCODED.name: np.array([photo], object)}
        for model, runner in self._runners.items():
            inputs = {tensor.name: tensors[tensor.name] for tensor in model.inputs}
            start = time.perf_counter()
            tensors |= runner(inputs, threads())
            if observe:
                observe(model, time.perf_counter() - start)
        return tensors


def _decoder(limits: Limits) -> Runner:
    from ensemble.photo import decode  # its libraries are large, and single steps do without it

    def run(inputs: Arrays, threads: int | None) -> Arrays:
        return {name: array[None] for name, array in vars(decode(inputs[ENCODED.name][0], limits)).items()}

    return run
