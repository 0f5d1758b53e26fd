"""Finds the coin of a photo as the server does, in this process: the same graphs, opened in the same way."""

import numpy as np

from backends.cpu_steps import open_runner
from ensemble.chain import Chain
from ensemble.contract import ELLIPSE, EMBEDDER, FOUND, RELIEF
from ensemble.cpu import Cpu
from ensemble.graph import FIND_COIN
from training.mint import Ellipse


class CoinFinder:
    """Both passes of the segmentation, from the photo file to the coin's ellipse.

    Raises:
        ValueError: the weights are not unpacked under model_repository/; `make models` does it.
    """

    def __init__(self, threads: int = 1) -> None:
        steps = [model for model in FIND_COIN if model is not EMBEDDER]
        self._chain = Chain(steps, lambda model: open_runner(model, Cpu(threads, 1)))

    def find(self, photo: bytes) -> Ellipse | None:
        """The ellipse in px of the photo after EXIF rotation, or None where no coin is found.

        Raises:
            PhotoError: the photo cannot be decoded.
        """
        found = self.look(photo)
        return None if found is None else found[0]

    def look(self, photo: bytes) -> tuple[Ellipse, np.ndarray] | None:
        """As `find`, with the coin's relief maps, those of all trials [T, harmonics, numbers] float32.

        Raises:
            PhotoError: the photo cannot be decoded.
        """
        tensors = self._chain.run(photo)
        if tensors[FOUND.name][0, 0] <= 0.5:
            return None
        return Ellipse(*tensors[ELLIPSE.name][0].tolist()), tensors[RELIEF.name][0]
