"""Fitting the judge: who is asked of whom, and what the numbers become."""

import numpy as np
import pytest

from ensemble.contract import EMBEDDING_SIZE, RELIEF_HARMONICS, RELIEF_NUMBERS, RELIEF_TRIALS
from ensemble.verification import probability
from training.judge import ADVANTAGE, CORRELATION, Photos, asked, best_candidates, fit, line


def photos(labels: list[str], roles: list[str], families: list[str] | None = None, sources: str = "") -> Photos:
    """Photos whose coins look the same where the labels are the same, and unlike otherwise."""
    kinds = {label: number for number, label in enumerate(sorted(set(labels)))}
    rng = np.random.default_rng(0)
    embeddings = np.eye(EMBEDDING_SIZE, dtype=np.float32)[[kinds[label] for label in labels]]
    maps = rng.normal(size=(len(kinds), RELIEF_HARMONICS, RELIEF_NUMBERS)).astype(np.float32)
    maps /= np.linalg.norm(maps, axis=(1, 2), keepdims=True)
    reliefs = np.repeat(maps[[kinds[label] for label in labels]][:, None], len(RELIEF_TRIALS), 1)
    apart = list(sources or range(len(labels)))
    names = (np.array(column) for column in (labels, families or labels, apart, roles))
    return Photos(embeddings, reliefs, *names)


def test_queries_are_asked_of_the_catalog_with_and_without_their_label() -> None:
    coins = photos(["a", "b", "c", "a", "x"], ["catalog", "catalog", "catalog", "query", "unknown"])
    found = [(photo, others.tolist()) for photo, others in asked(coins)]
    asked_of = {(photo, tuple(sorted(others))) for photo, others in found}
    assert len(found) == 6 and asked_of == {(3, (0, 1, 2)), (3, (1, 2)), (4, (0, 1, 2))}


def test_labels_of_one_family_are_not_compared() -> None:
    coins = photos(["1ct", "2ct", "1eur", "1ct"], ["catalog"] * 3 + ["query"], ["copper", "copper", "1eur", "copper"])
    assert [others.tolist() for _, others in asked(coins)] == [[0, 2], [2], [2]]


def test_photos_taken_together_are_not_compared() -> None:
    coins = photos(["a", "a", "b"], ["either"] * 3, sources="ppq")
    assert {photo: sorted(others.tolist()) for photo, others in list(asked(coins))[::3]} == {0: [2], 1: [2], 2: [0, 1]}


def test_right_and_wrong_answers_come_apart() -> None:
    labels = ["a", "b", "c", "a", "b", "c"]
    judge = fit([best_candidates(photos(labels, ["catalog"] * 3 + ["query"] * 3))])
    assert judge.correlation == pytest.approx(CORRELATION * judge.cosine, rel=1e-3)
    assert judge.advantage == pytest.approx(ADVANTAGE * judge.cosine, rel=1e-2)
    right, wrong = probability(judge.log_odds(np.array([1.0, 0.0]), np.array([1.0, 0.1])))
    assert right > 0.9 and wrong < 0.1


def test_line_finds_the_log_odds_that_made_the_answers() -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(-2, 2, 40_000)
    right = rng.random(len(values)) < probability(3 * values - 1)
    slope, offset = line(values, right, np.ones(len(values)))
    assert slope == pytest.approx(3, abs=0.1) and offset == pytest.approx(-1, abs=0.1)


def test_weights_count() -> None:
    values, right = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])
    _, offset = line(values, right, np.array([3.0, 1.0, 1.0, 3.0]))
    assert probability(offset) == pytest.approx(0.25, abs=1e-3)
