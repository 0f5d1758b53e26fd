"""The steps of an ensemble called one after the other in this process: the pipeline without a server."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from ensemble.contract import DECODE, ENCODED, Model
from ensemble.graph import Step
from ensemble.photo import decode

Arrays = dict[str, np.ndarray]
Runner = Callable[[Arrays], Arrays]  # a model's inputs to its outputs, by the model's own names, each [B, …]
Observer = Callable[[int, Step, float], None]  # number of the step, step, seconds that it took


class Chain:
    """Some steps in order, each model opened once.

    Args:
        steps: from the photo on.
        opened: opens a model of the steps; `decode` needs no opening.
    """

    def __init__(self, steps: Sequence[Step], opened: Callable[[Model], Runner]) -> None:
        self._steps = tuple(steps)
        models = {step.model for step in steps}
        self._runners = {model: _decode if model is DECODE else opened(model) for model in models}

    def run(self, photo: bytes, observe: Observer | None = None) -> Arrays:
        """One photo through all steps.

        Returns:
            Every tensor on the way by its name inside the ensemble, each [1, …].

        Raises:
            PhotoError: the photo cannot be decoded.
        """
        tensors: Arrays = {ENCODED.name: np.array([photo], object)}
        for number, step in enumerate(self._steps):
            inputs = {tensor.name: tensors[step.name_of(tensor)] for tensor in step.model.inputs}
            start = time.perf_counter()
            outputs = self._runners[step.model](inputs)
            if observe:
                observe(number, step, time.perf_counter() - start)
            tensors |= {step.name_of(tensor): outputs[tensor.name] for tensor in step.model.outputs}
        return tensors


def _decode(inputs: Arrays) -> Arrays:
    return {name: array[None] for name, array in vars(decode(inputs[ENCODED.name][0])).items()}
