"""Answers of contenders count as equal within the tolerances, and not beyond."""

from dataclasses import replace

import numpy as np

from ensemble.contract import COIN_ID, ELLIPSE, FOUND, SCORE
from loadtest.compare.contenders.base import Answer, difference, from_tensors

ONE = Answer(True, ("a", "b", "c"), (0.9, 0.6, 0.59), (100.0, 100.0, 50.0, 40.0, 10.0))


def test_an_answer_equals_itself() -> None:
    assert difference(ONE, ONE) == ""


def test_scores_may_differ_within_the_tolerance() -> None:
    assert difference(ONE, replace(ONE, scores=(0.89, 0.61, 0.59))) == ""
    assert "scores differ by 0.150" in difference(ONE, replace(ONE, scores=(0.75, 0.6, 0.59)))


def test_close_entries_may_change_places_and_others_not() -> None:
    assert difference(ONE, replace(ONE, ids=("a", "c", "b"))) == ""
    assert "entry a" in difference(ONE, replace(ONE, ids=("b", "a", "c")))


def test_a_last_entry_may_give_way_to_one_as_good() -> None:
    assert difference(ONE, replace(ONE, ids=("a", "b", "d"))) == ""
    assert "entry a" in difference(ONE, replace(ONE, ids=("d", "b", "c")))


def test_a_missing_coin_matches_or_outline_is_told() -> None:
    assert "found" in difference(ONE, Answer(False, (), (), ()))
    assert "matches" in difference(ONE, replace(ONE, ids=("a",), scores=(0.9,)))
    assert "outlines" in difference(ONE, replace(ONE, ellipse=(110.0, 100.0, 50.0, 40.0, 10.0)))


def test_tensors_become_an_answer_without_what_fills_up() -> None:
    tensors = {
        FOUND.name: np.ones((1, 1), np.float32),
        COIN_ID.name: np.array([[b"a", b""]], object),
        SCORE.name: np.array([[0.5, -1.0]], np.float32),
        ELLIPSE.name: np.array([[1, 2, 4, 3, 5]], np.float32),
    }
    assert from_tensors(tensors) == Answer(True, ("a",), (0.5,), (1.0, 2.0, 4.0, 3.0, 5.0))
    assert from_tensors(tensors | {FOUND.name: np.zeros((1, 1), np.float32)}).ellipse == ()
