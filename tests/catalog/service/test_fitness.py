"""What may be enrolled, what is refused, and what is doubtful."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from catalog.service.fitness import Sight, doubts, sharpness, sights
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


def coin(blur: float = 0.0) -> np.ndarray:
    """[3, 256, 256]: detail of every size, as on a coin, blurred by a share of the diameter."""
    rng = np.random.default_rng(0)
    grey: np.ndarray = np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.float32)
    for width in (1.0, 2.0, 4.0, 8.0, 16.0):
        noise = cv2.GaussianBlur(rng.normal(size=grey.shape).astype(np.float32), (0, 0), width)
        grey = cv2.scaleAdd(noise, width, grey)
    if blur:
        grey = cv2.GaussianBlur(grey, (0, 0), blur * 2 * COIN_RADIUS)
    line = np.arange(IMAGE_SIZE) - (IMAGE_SIZE - 1) / 2
    return np.repeat((grey * (line[:, None] ** 2 + line**2 < COIN_RADIUS**2))[None], 3, 0).astype(np.float32)


GOOD = Sight(coin(), diameter=300.0, found=True, probability=0.99, cut_off=0.1)


def between(bounds: tuple[float, float]) -> float:
    return sum(bounds) / 2


def test_a_good_photo_raises_no_doubt() -> None:
    assert doubts(GOOD) == []


@pytest.mark.parametrize(
    ("sight", "said"),
    [
        (
            replace(GOOD, diameter=between(ENROLLED_DIAMETER)),
            "82 px across in the photo, 64 px are needed and 100 better",
        ),
        (replace(GOOD, coin=coin(0.02)), "blurred"),
        (replace(GOOD, cut_off=between(ENROLLED_CUT)), "the edge of the photo cuts the coin off"),
        (replace(GOOD, probability=between(ENROLLED_PROBABILITY)), "may be no coin (probability 0.70)"),
    ],
    ids=["small", "blurred", "cut", "unlikely"],
)
def test_what_is_doubtful_is_said(sight: Sight, said: str) -> None:
    (sentence,) = doubts(sight)
    assert said in sentence


@pytest.mark.parametrize(
    ("sight", "said"),
    [
        (replace(GOOD, diameter=40.0), "40 px across in the photo, 64 px are needed"),
        (replace(GOOD, diameter=LEAST_DIAMETER - 1, found=False), "23 px across in the photo, 64 px are needed"),
        (replace(GOOD, coin=coin(0.06)), "blurred"),
        (replace(GOOD, cut_off=0.9), "the edge of the photo cuts the coin off"),
    ],
    ids=["small", "tiny", "blurred", "cut"],
)
def test_what_cannot_be_enrolled_is_refused_with_what_is_needed(sight: Sight, said: str) -> None:
    with pytest.raises(UnfitPhotoError, match=f"{said}.*nothing was enrolled"):
        doubts(sight)


@pytest.mark.parametrize(
    "sight", [replace(GOOD, found=False, probability=0.2), replace(GOOD, found=False, diameter=0.0)]
)
def test_what_is_no_coin_is_refused(sight: Sight) -> None:
    with pytest.raises(NoCoinError, match=rf"no coin found in the photo \(probability {sight.probability:.2f}\)"):
        doubts(sight)


def test_what_is_no_coin_may_be_a_coin_shown_badly() -> None:
    with pytest.raises(NoCoinError, match=r"no coin found .* or else the edge of the photo cuts .* or else .* blurred"):
        doubts(replace(GOOD, found=False, probability=0.1, cut_off=0.9, coin=coin(0.06)))


def test_all_faults_are_said() -> None:
    with pytest.raises(UnfitPhotoError, match=r"40 px across.*; the edge of the photo cuts.*; the coin is blurred"):
        doubts(replace(GOOD, diameter=40.0, cut_off=0.9, coin=coin(0.06)))


def test_all_doubts_are_said() -> None:
    worst = replace(GOOD, diameter=70.0, coin=coin(0.02), cut_off=0.6, probability=0.6)
    assert len(doubts(worst)) == 4


def test_sharpness_falls_with_the_blur_whatever_the_contrast() -> None:
    values = [sharpness(coin(blur)) for blur in (0.0, 0.01, 0.02, 0.04, 0.08)]
    assert values == sorted(values, reverse=True)
    assert values[0] > ENROLLED_SHARPNESS[1] > values[2]
    assert ENROLLED_SHARPNESS[0] > values[-1]
    assert sharpness(0.1 * coin(0.02)) == pytest.approx(values[2])
    assert sharpness(np.zeros_like(coin())) == 0.0


def test_numbers_that_are_not_finite_are_refused() -> None:
    good = [np.zeros((1, 3, 4, 4), np.float32), *(np.ones((1, n), np.float32) for n in (5, 1, 1, 1))]
    (sight,) = sights(*good)
    assert (sight.diameter, sight.found, sight.probability, sight.cut_off) == (2.0, True, 1.0, 1.0)
    for broken in range(1, 5):
        given = [array.copy() for array in good]
        given[broken][0, 0] = np.nan
        with pytest.raises(EntryError, match="not finite"):
            sights(*given)
