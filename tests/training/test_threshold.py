"""The threshold between known and unknown coins."""

import numpy as np
import pytest

from training.threshold import equal_error, top_scores


def test_top_scores_leave_the_right_class_out_once() -> None:
    scores = np.array([[[0.9, 0.2], [0.8, 0.5]]])
    known, unknown = top_scores(scores)
    assert known.tolist() == [0.9, 0.8]
    assert unknown.tolist() == [0.2, 0.8]


def test_threshold_parts_what_can_be_parted() -> None:
    threshold, error = equal_error(np.array([0.7, 0.8, 0.9]), np.array([0.1, 0.3, 0.6]))
    assert 0.6 < threshold <= 0.7
    assert error == 0


def test_equal_error_of_overlapping_scores() -> None:
    known, unknown = np.linspace(0.3, 1.0, 701), np.linspace(0.0, 0.7, 701)
    threshold, error = equal_error(known, unknown)
    assert threshold == pytest.approx(0.5, abs=0.01)
    assert error == pytest.approx(2 / 7, abs=0.01)
