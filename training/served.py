"""The served graphs run in this process: the coin that the server would return, without a server."""

from collections.abc import Callable

import numpy as np

from backends.openvino.session import Session
from ensemble.contract import DECODE, ELLIPSE, EMBEDDER, FOUND, Model
from ensemble.graph import FIND_COIN, Target, placement
from ensemble.photo import decode
from ensemble.render import REPOSITORY, ROOT
from training.mint import Ellipse

Arrays = dict[str, np.ndarray]
_STEPS = tuple(step for step in FIND_COIN if step.model is not EMBEDDER)


class ServedFinder:
    """U-Net with both passes, from the photo file to the largest coin's ellipse.

    Raises:
        ValueError: the weights are not unpacked under model_repository/; `make models` does it.
    """

    def __init__(self, threads: int = 1) -> None:
        models = {step.model for step in _STEPS}
        self._runs = {model: _runner(model, threads) for model in models}

    def find(self, photo: bytes) -> Ellipse | None:
        """The ellipse in px of the photo after EXIF rotation, or None where no coin is found.

        Raises:
            PhotoError: the photo cannot be decoded.
        """
        tensors: Arrays = {"encoded": np.array([photo], object)}
        for step in _STEPS:
            outputs = self._runs[step.model]({t.name: tensors[step.name_of(t)] for t in step.model.inputs})
            tensors |= {step.name_of(t): outputs[t.name] for t in step.model.outputs}
        if tensors[FOUND.name][0, 0] <= 0.5:
            return None
        return Ellipse(*tensors[ELLIPSE.name][0].tolist())


def _runner(model: Model, threads: int) -> Callable[[Arrays], Arrays]:
    if model is DECODE:
        return lambda inputs: {name: array[None] for name, array in vars(decode(inputs["encoded"][0])).items()}
    place = placement(model, Target.CPU)
    session = Session(
        ROOT / REPOSITORY / model.name / "1" / place.artifact,
        [tensor.name for tensor in model.inputs],
        [tensor.name for tensor in model.outputs],
        threads=threads,
        precision=place.parameters["precision"],
    )
    return lambda inputs: session.run([inputs])[0]
