"""Whether a photo shows a coin well enough to enroll it."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from ensemble.contract import (
    COIN_RADIUS,
    ENROLLED_CUT,
    ENROLLED_DIAMETER,
    ENROLLED_PROBABILITY,
    ENROLLED_SHARPNESS,
    IMAGE_SIZE,
    LEAST_DIAMETER,
)
from ensemble.errors import EntryError, NoCoinError, UnfitPhotoError

_NOTHING = "nothing was enrolled"
_FINE, _COARSE, _COARSEST = 2.0, 4.0, 8.0  # px of the rectified coin: standard deviations of Gaussian blurs
_MIDDLE = 0.85  # of the radius: the rim is sharp on blurred coins, too


@dataclass(frozen=True)
class Sight:
    """What the models say of one photo, besides what is stored.

    Attributes:
        coin: [3, IMAGE_SIZE, IMAGE_SIZE] float32, normalized.
        diameter: of the coin, px of the photo.
        found: whether it counts as found.
        probability: that it is a coin.
        cut_off: see CUT_OFF.
    """

    coin: np.ndarray
    diameter: float
    found: bool
    probability: float
    cut_off: float


def sights(
    coins: np.ndarray, ellipses: np.ndarray, found: np.ndarray, probabilities: np.ndarray, cut_off: np.ndarray
) -> list[Sight]:
    """What the models say of each of B photos: [B, …] float32 each, as the tensors of these names.

    Raises:
        EntryError: a number is not finite.
    """
    for values in (ellipses, found, probabilities, cut_off):
        if not np.isfinite(values).all():
            raise EntryError(f"what was found has numbers that are not finite: {_NOTHING}")
    return [
        Sight(coin, 2 * float(ellipse[2]), bool(there[0] > 0.5), float(probability[0]), float(cut[0]))
        for coin, ellipse, there, probability, cut in zip(coins, ellipses, found, probabilities, cut_off, strict=True)
    ]


def doubts(sight: Sight) -> list[str]:
    """What is doubtful about a photo that can be enrolled, in sentences.

    Raises:
        NoCoinError: it shows no coin; where it may show one badly, the message says how.
        UnfitPhotoError: the coin is too small, blurred, or cut off by the photo's edge.
    """
    nothing = f"no coin found in the photo (probability {sight.probability:.2f})"
    if not sight.diameter:
        raise NoCoinError(f"{nothing}: {_NOTHING}")
    faults, said = _faults(sight)
    if sight.found and sight.probability < ENROLLED_PROBABILITY[1]:
        said.append(f"it may be no coin (probability {sight.probability:.2f})")
    if not sight.found and sight.diameter >= LEAST_DIAMETER:
        raise NoCoinError(f"{'; or else '.join([nothing, *faults])}: {_NOTHING}")
    if faults:
        raise UnfitPhotoError(f"{'; '.join(faults)}: {_NOTHING}")
    return said


def _faults(sight: Sight) -> tuple[list[str], list[str]]:
    """What forbids to enroll a coin that is one, and what is only doubtful."""
    sharp = sharpness(sight.coin)
    faults: list[str] = []
    said: list[str] = []
    for value, (needed, better), sentence in (
        (
            sight.diameter,
            ENROLLED_DIAMETER,
            f"the coin is {sight.diameter:.0f} px across in the photo, {ENROLLED_DIAMETER[0]:.0f} px are needed and"
            f" {ENROLLED_DIAMETER[1]:.0f} better (move closer)",
        ),
        (-sight.cut_off, (-ENROLLED_CUT[0], -ENROLLED_CUT[1]), "the edge of the photo cuts the coin off"),
        (
            sharp,
            ENROLLED_SHARPNESS,
            f"the coin is blurred: sharpness {sharp:.2f}, {ENROLLED_SHARPNESS[0]:.2f} is needed and"
            f" {ENROLLED_SHARPNESS[1]:.2f} better (let the camera focus)",
        ),
    ):
        if value < better:
            (faults if value < needed else said).append(sentence)
    return faults, said


def sharpness(coin: np.ndarray) -> float:
    """How much of a rectified coin's detail is fine.

    About 1 where the photo is sharp; 0.45 after a blur with a standard deviation of 2 % of the diameter, 0.26 after one
    of 5 %. A plain disc has no detail, and counts as blurred.

    Args:
        coin: [3, IMAGE_SIZE, IMAGE_SIZE] float32.

    Returns:
        Standard deviation of the detail between two blurs, over that of the next coarser detail.
    """
    grey = coin.mean(axis=0)
    blurs = [cv2.GaussianBlur(grey, (0, 0), width) for width in (_FINE, _COARSE, _COARSEST)]
    line = (np.arange(IMAGE_SIZE) - (IMAGE_SIZE - 1) / 2) / COIN_RADIUS
    middle = line[:, None] ** 2 + line**2 < _MIDDLE**2
    fine, coarse = (np.square((one - other)[middle]).mean() for one, other in pairwise(blurs))
    return float(np.sqrt(fine / coarse)) if coarse else 0.0
