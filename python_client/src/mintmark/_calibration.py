"""The score from which a coin counts as known, chosen by the scores of unknown coins. Pure functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mintmark._errors import InvalidRequest

CONFIDENCE = 0.95  # of the upper bound on the false-accept rate


@dataclass(frozen=True)
class Calibration:
    """A threshold, and how many of the photos it accepts: those that score at least `threshold`.

    `rate`: the false-accept rate that was allowed. `at_most`: upper bound on the rate at which coins like the unknown
    ones are accepted, at CONFIDENCE. `enough`: there are enough unknown photos to tell `rate` from 0.
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
    """Choose by the scores of photos of known and of unknown coins; a photo without a coin has NO_COIN_SCORE."""
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
    """How many unknown photos are needed so that one of them is at most a share of `rate`."""
    return math.ceil(1 / rate - 1e-9)


def threshold_at(unknown: Sequence[float], rate: float) -> float:
    """The smallest float32 from 0 up that at most a share of `rate` of the scores reach.

    InvalidRequest if it is above 1, because too many unknown photos look exactly like catalog pictures.
    """
    if not unknown:
        raise InvalidRequest("no photos of unknown coins: a threshold cannot be chosen without")
    falling = np.sort(np.asarray(unknown, dtype=np.float32))[::-1]
    allowed = math.floor(rate * len(falling) + 1e-9)
    if allowed >= len(falling):
        return 0.0
    threshold = max(0.0, float(np.nextafter(falling[allowed], np.float32(np.inf))))
    if threshold > 1:
        raise InvalidRequest(
            f"{np.count_nonzero(falling >= falling[allowed])} photos of unknown coins score {falling[allowed]:.3f}:"
            " no threshold keeps them out. Are these coins in the catalog?"
        )
    return threshold


def upper_bound(accepted: int, photos: int, confidence: float = CONFIDENCE) -> float:
    """One-sided upper bound on a rate, if `accepted` of `photos` are a sample of it (Clopper and Pearson, 1934).

    It also holds for the threshold of `threshold_at`, although the same photos chose it: of any continuous distribution
    of scores, the share above the (n+1)-th largest sample has the distribution that the bound is a quantile of.
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
