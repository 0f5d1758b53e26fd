"""The score from which a coin counts as known, chosen by what other coins score. Pure functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mintmark._errors import InvalidRequest

CONFIDENCE = 0.95  # of the upper bound on the false-accept rate
NO_COIN = -1.0  # score of a photo without a coin, as in the server


@dataclass(frozen=True)
class Calibration:
    """A threshold and what it does to the photos that it was chosen by.

    `accepted` are photos that score at least `threshold`. `at_most`: upper bound on the rate at which coins like the
    unknown ones are accepted, at a confidence of 95 %. `enough`: there are so many unknown photos that `rate` can be
    told from 0 among them.
    """

    threshold: float
    rate: float
    unknown: int
    unknown_accepted: int
    at_most: float
    known: int
    known_accepted: int
    enough: bool


def calibrate(known: Sequence[float], unknown: Sequence[float], rate: float) -> Calibration:
    """Choose by the scores of photos of known and of unknown coins, -1 where a photo shows no coin."""
    threshold = threshold_at(unknown, rate)
    wrong, right = (sum(score >= threshold for score in scores) for scores in (unknown, known))
    return Calibration(
        threshold=threshold,
        rate=rate,
        unknown=len(unknown),
        unknown_accepted=wrong,
        at_most=upper_bound(wrong, len(unknown)),
        known=len(known),
        known_accepted=right,
        enough=len(unknown) >= needed(rate),
    )


def needed(rate: float) -> int:
    """How many unknown photos it takes for one of them to be no more than the rate."""
    return math.ceil(1 / rate - 1e-9)


def threshold_at(unknown: Sequence[float], rate: float) -> float:
    """The smallest float32 that at most `rate` of the scores reach.

    InvalidRequest if there is none up to 1, because too many unknown photos look exactly like catalog pictures.
    """
    if not unknown:
        raise InvalidRequest("no photos of unknown coins: there is nothing to choose a threshold by")
    falling = np.sort(np.asarray(unknown, dtype=np.float32))[::-1]
    allowed = math.floor(rate * len(falling) + 1e-9)
    if allowed >= len(falling):
        return -1.0
    threshold = float(np.nextafter(falling[allowed], np.float32(np.inf)))
    if threshold > 1:
        raise InvalidRequest(
            f"{np.count_nonzero(falling >= falling[allowed])} photos of unknown coins score {falling[allowed]:.3f}:"
            " no threshold keeps them out. Are these coins in the catalog?"
        )
    return threshold


def upper_bound(accepted: int, photos: int, confidence: float = CONFIDENCE) -> float:
    """One-sided upper bound on a rate of which `accepted` of `photos` are a sample (Clopper and Pearson, 1934).

    It holds for the threshold of `threshold_at` too, although the same photos chose it: the share of a continuous
    distribution above its (n+1)-th largest sample has the very distribution that the bound is a quantile of.
    """
    if accepted >= photos:
        return 1.0
    low, high = accepted / photos, 1.0
    for _ in range(60):  # halves the interval each time, beyond a float's precision
        middle = (low + high) / 2
        if _at_most(accepted, photos, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(hits: int, tries: int, rate: float) -> float:
    """Probability of at most `hits` in `tries`, each with the probability `rate`, 0 < rate < 1."""
    count = np.arange(hits + 1)
    factorials = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, tries + 1)))))
    ways = factorials[tries] - factorials[count] - factorials[tries - count]
    return float(np.exp(ways + count * math.log(rate) + (tries - count) * math.log1p(-rate)).sum())
