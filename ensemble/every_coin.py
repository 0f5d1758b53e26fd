"""Every coin of a photo, each taken through the steps that `coin_embedding` takes one coin through.

The networks are asked for in batches, wherever they run; the geometry between them is OpenCV's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ensemble.chain import Arrays
from ensemble.contract import (
    CANVAS,
    COIN,
    COIN_PROBABILITY,
    ELLIPSE,
    EMBEDDER,
    EMBEDDING,
    EXTENT,
    FOUND,
    IMAGE_SIZE,
    MASK,
    MOST_COINS,
    RELIEF,
    RELIEF_MAPPER,
    SCALE,
    SEGMENTATION,
    ZOOM_WINDOW,
    Model,
)
from ensemble.errors import PhotoError
from ensemble.geometry.opencv.every import Spot, distinct, outermost, spots, windows
from ensemble.geometry.opencv.resample import resize_window
from ensemble.geometry.opencv.steps import crop

Ask = Callable[[Model, Arrays], Arrays]  # runs a network: inputs to outputs by name, each [B, …], B at most the batch


@dataclass(frozen=True)
class Coins:
    """The coins of one photo, the largest first; arrays of none have a length of 0.

    Attributes:
        ellipses: [n, 5] as ELLIPSE.
        probabilities: that each is a coin.
        embeddings: [n, EMBEDDING_SIZE] float32.
        reliefs: [n, RELIEF_TRIES, RELIEF_HARMONICS, RELIEF_NUMBERS] float32.
    """

    ellipses: np.ndarray
    probabilities: tuple[float, ...]
    embeddings: np.ndarray
    reliefs: np.ndarray


@dataclass(frozen=True)
class _Seen:
    """One coin after the closer look."""

    spot: Spot
    ellipse: np.ndarray
    coin: np.ndarray
    probability: float


class EveryCoin:
    """Finds and describes them.

    Args:
        ask: runs a network.
        batch: the most rows that it takes at once.
    """

    def __init__(self, ask: Ask, batch: int) -> None:
        self._ask, self._batch = ask, batch

    def of(self, photo: Arrays) -> Coins:
        """All coins of a photo.

        Args:
            photo: CANVAS, EXTENT and SCALE by name, each of one photo, without the batch axis.

        Raises:
            PhotoError: there are more than MOST_COINS.
        """
        seen = self._closer(photo, self._first(photo))
        if len(seen) > MOST_COINS:
            raise PhotoError(
                f"the photo shows {len(seen)} coins; at most {MOST_COINS} are taken from one: "
                "photograph fewer at a time"
            )
        coins = np.array([one.coin for one in seen], np.float32).reshape(-1, *COIN.dims)
        return Coins(
            np.array([one.ellipse for one in seen], np.float32).reshape(-1, *ELLIPSE.dims),
            tuple(one.probability for one in seen),
            self._batches(EMBEDDER, coins)[EMBEDDING.name],
            self._batches(RELIEF_MAPPER, coins)[RELIEF.name],
        )

    def _first(self, photo: Arrays) -> list[Spot]:
        looks = windows(photo[EXTENT.name])
        found = [
            spot
            for window, masks in zip(looks, self._seen(photo, looks)[MASK.name], strict=True)
            for spot in spots(photo[EXTENT.name], window, masks)
        ]
        # A few more than are allowed: some turn out to be none, or the same.
        return distinct(found)[: 2 * MOST_COINS]

    def _closer(self, photo: Arrays, found: Sequence[Spot]) -> list[_Seen]:
        if not found:
            return []
        looks = np.stack([spot.window for spot in found])
        seen, answers = {}, self._seen(photo, looks)
        given = {name: photo[name][None] for name in (CANVAS.name, EXTENT.name, SCALE.name)}
        for row, (spot, window) in enumerate(zip(found, looks, strict=True)):
            own = {name: array[row : row + 1] for name, array in answers.items()}
            cut = crop({**given, ZOOM_WINDOW.name: window[None], **own})
            if cut[FOUND.name][0, 0] > 0.5:
                ellipse = cut[ELLIPSE.name][0]
                outlined = replace(spot, x=ellipse[0], y=ellipse[1], radius=float(np.sqrt(ellipse[2] * ellipse[3])))
                likely = float(own[COIN_PROBABILITY.name][0, 0])
                seen[outlined] = _Seen(outlined, ellipse, cut[COIN.name][0], likely)
        return sorted((seen[spot] for spot in outermost(distinct(list(seen)))), key=lambda one: -one.spot.radius)

    def _seen(self, photo: Arrays, looks: np.ndarray) -> Arrays:
        """MASK and COIN_PROBABILITY of as many windows [n, 4]."""
        canvas, extent = photo[CANVAS.name], photo[EXTENT.name]
        images = np.stack([resize_window(canvas, extent, window, IMAGE_SIZE, exact=True) for window in looks])
        return self._batches(SEGMENTATION, images)

    def _batches(self, model: Model, rows: np.ndarray) -> Arrays:
        """A network of one input on any number of rows."""
        (given,) = model.inputs
        parts = [rows[start : start + self._batch] for start in range(0, len(rows), self._batch)]
        answers = [self._ask(model, {given.name: part}) for part in parts]
        return {
            tensor.name: np.concatenate([answer[tensor.name] for answer in answers])
            if answers
            else np.zeros((0, *tensor.dims), np.float32)
            for tensor in model.outputs
        }
