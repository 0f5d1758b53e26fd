"""Opens the steps of the pipeline in this process, as a server on CPUs runs them."""

from pathlib import Path

import numpy as np

from ensemble.chain import Arrays, Runner
from ensemble.contract import EMBEDDER, EMBEDDING, Model
from ensemble.cpu import Cpu
from ensemble.placement import GEOMETRY
from ensemble.places import MODEL_REPOSITORY

_LEAST_LENGTH = 1e-6


def open_runner(model: Model, cpu: Cpu, repository: Path = MODEL_REPOSITORY, cache: str = "") -> Runner:
    """Open a step: geometry is OpenCV's, on one thread; networks are OpenVINO's.

    Args:
        model: one of the compute models.
        cpu: what the server may use.
        repository: folder of the models.
        cache: folder for compiled models; '' for none.

    Raises:
        ValueError: the model's graph is not unpacked; `make models` does it.
    """
    return _geometry(model) if model in GEOMETRY else _network(model, cpu, repository, cache)


# Each of these imports a large library, which a process that has no such step does without.


def _geometry(model: Model) -> Runner:
    import cv2

    from ensemble.geometry.opencv import STEPS

    cv2.setNumThreads(1)  # photos share the cores, not the parts of one photo
    step = STEPS[model]
    return lambda inputs, threads: step(inputs)


def _network(model: Model, cpu: Cpu, repository: Path, cache: str) -> Runner:
    from backends.openvino.opening import open_session

    session = open_session(model, cpu, repository, cache)

    def run(inputs: Arrays, threads: int | None) -> Arrays:
        return session.run([inputs], threads)[0]

    return _of_unit_length(run) if model is EMBEDDER else run


def _of_unit_length(run: Runner) -> Runner:
    """Networks in bfloat16 divide by a length that is rounded, too."""

    def exact(inputs: Arrays, threads: int | None) -> Arrays:
        embeddings = run(inputs, threads)[EMBEDDING.name]
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        return {EMBEDDING.name: embeddings / np.maximum(lengths, np.float32(_LEAST_LENGTH))}

    return exact
