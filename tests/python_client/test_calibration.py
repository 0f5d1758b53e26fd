"""The threshold for unknown coins, and the upper bound on what it accepts."""

import math

import numpy as np
import pytest

from mintmark import InvalidRequest
from mintmark._calibration import calibrate, needed, threshold_at, upper_bound


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.1, 0.25, 0.5, 0.999])
@pytest.mark.parametrize("count", [1, 3, 99, 100, 1000])
def test_threshold_is_the_smallest_that_keeps_the_rate(rate: float, count: int) -> None:
    """The next smaller float32 accepts more than the rate. Scores have ties."""
    rng = np.random.default_rng(count)
    scores = np.round(rng.normal(0.4, 0.2, count).clip(0.01, 0.99), 2).astype(np.float32)
    threshold = threshold_at(scores.tolist(), rate)
    assert (scores >= threshold).sum() <= rate * count
    below = np.nextafter(np.float32(threshold), np.float32(-2))
    assert (scores >= below).sum() > rate * count


def test_threshold_by_hand() -> None:
    """One of four may pass at a quarter, none at a fifth."""
    scores = [0.5, 0.25, 0.75, -1.0]
    assert 0.5 < threshold_at(scores, 0.25) < 0.5000001
    assert 0.75 < threshold_at(scores, 0.2) < 0.7500001
    assert threshold_at([0.5], 0.999) > 0.5
    assert threshold_at([0.5, 0.4], 1.0) == 0


def test_threshold_is_a_probability_where_no_coin_was_found() -> None:
    """Photos of unknown coins in which no coin was found score -1; the server takes no threshold below 0."""
    assert threshold_at([-1.0, -1.0], 0.01) == 0
    assert threshold_at([0.3, -1.0, -1.0, -1.0], 0.25) == 0


def test_no_threshold() -> None:
    """There are no unknown photos, or too many score 1."""
    with pytest.raises(InvalidRequest, match="no photos of unknown coins"):
        threshold_at([], 0.01)
    with pytest.raises(InvalidRequest, match=r"2 photos of unknown coins score 1\.000"):
        threshold_at([1.0, 1.0, 0.2], 0.01)


def test_upper_bound() -> None:
    """It agrees with closed forms, and with the binomial sum."""
    assert upper_bound(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300), rel=1e-9)  # nearly 3 of 300
    assert upper_bound(99, 100) == pytest.approx(0.95 ** (1 / 100), rel=1e-9)
    assert (upper_bound(5, 5), upper_bound(0, 0)) == (1, 1)
    bound = upper_bound(7, 200)
    below = sum(math.comb(200, n) * bound**n * (1 - bound) ** (200 - n) for n in range(8))
    assert below == pytest.approx(0.05, rel=1e-6)
    assert upper_bound(100, 100_000) == pytest.approx(0.00118, abs=1e-5)


def test_upper_bound_holds_for_the_chosen_threshold() -> None:
    """In 95 of 100 samples it is above the true rate, although the same sample chose the threshold."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(400):
        result = calibrate([], rng.uniform(0, 0.9, 200).tolist(), 0.05)
        held += (0.9 - result.threshold) / 0.9 <= result.at_most  # the true rate of uniform scores
    assert held >= 0.92 * 400


def test_calibration() -> None:
    """It counts what the threshold accepts, and says whether there are enough unknown photos for the rate."""
    result = calibrate([0.9, 0.6, -1.0], [0.7, 0.3, 0.2, -1.0], 0.25)
    assert (result.unknown_accepted, result.known_accepted, result.known) == (1, 2, 3)
    assert result.enough and 0.3 < result.threshold < 0.31
    assert not calibrate([], [0.7, 0.3], 0.25).enough
    assert [needed(rate) for rate in (0.01, 0.25, 0.3, 0.001)] == [100, 4, 4, 1000]
