"""The comparison of relief maps and the probability, on maps that are made up."""

import numpy as np
import pytest

from ensemble import verification
from ensemble.contract import RELIEF_HARMONICS, RELIEF_NUMBERS, RELIEF_TRIALS
from ensemble.verification import DEEP, NOT_COMPARED, Judge, advantages, correlations, probability, stored, verify

JUDGE = Judge(cosine=5, correlation=7.5, advantage=2, offset=-7, cosine_alone=10, offset_alone=-7.5, known=0.5)
HALF = RELIEF_NUMBERS // 2


def maps(count: int, seed: int = 0) -> np.ndarray:
    """[N, harmonics, numbers] float32, unit length."""
    made = np.random.default_rng(seed).normal(size=(count, RELIEF_HARMONICS, RELIEF_NUMBERS)).astype(np.float32)
    return np.asarray(made / np.linalg.norm(made, axis=(1, 2), keepdims=True))


def kept(made: np.ndarray) -> np.ndarray:
    return np.stack([stored(one) for one in made])


def turned(one: np.ndarray, degrees: float) -> np.ndarray:
    """The map of the same coin, turned clockwise."""
    waves = one[..., :HALF] + 1j * one[..., HALF:]
    phase = np.exp(-1j * np.radians(degrees) * np.arange(1, RELIEF_HARMONICS + 1))[:, None]
    return np.concatenate([(waves * phase).real, (waves * phase).imag], -1).astype(np.float32)


def trials(one: np.ndarray) -> np.ndarray:
    return np.repeat(one[None], len(RELIEF_TRIALS), 0)


def test_stored_loses_little() -> None:
    one = maps(1)[0]
    back = stored(one).astype(np.float32)
    assert (one * back).sum() / np.linalg.norm(back) > 0.9999


def test_nothing_is_stored_as_nothing() -> None:
    assert not stored(np.zeros((RELIEF_HARMONICS, RELIEF_NUMBERS), np.float32)).any()


@pytest.mark.parametrize("degrees", [0.0, 45.0, 180.0, 303.75])
def test_the_best_turn_counts(degrees: float) -> None:
    catalog = maps(5)
    found, angles, _ = correlations(turned(catalog[3], degrees)[None], kept(catalog))
    assert found.argmax() == 3 and found[3] == pytest.approx(1, abs=1e-3)
    assert angles[3] == pytest.approx(degrees, abs=360 / verification.TURNS)


def test_correlation_is_that_of_the_definition() -> None:
    """A sum over all angles of two rings, at every turn."""
    query, catalog = maps(1, seed=1)[0], kept(maps(3, seed=2))
    found, _, _ = correlations(query[None], catalog, turns=64)

    def rings(one: np.ndarray) -> np.ndarray:
        waves = np.zeros((33, HALF), complex)
        waves[1 : RELIEF_HARMONICS + 1] = one[:, :HALF] + 1j * one[:, HALF:]
        return np.fft.irfft(waves, axis=0)

    for number, one in enumerate(catalog.astype(np.float64)):
        a, b = rings(query), rings(one)
        at_all_turns = [(a * np.roll(b, turn, axis=0)).sum() for turn in range(64)]
        assert found[number] == pytest.approx(max(at_all_turns) / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-4)


def test_the_best_trial_counts() -> None:
    catalog = maps(4)
    attempts = np.concatenate([maps(2, seed=9), catalog[2:3], maps(1, seed=8)])
    found, _, trial = correlations(attempts, kept(catalog))
    assert found[2] == pytest.approx(1, abs=1e-3) and trial[2] == 2


def test_cascade_finds_what_a_full_comparison_finds() -> None:
    """Among ten times as many candidates as are compared with all trials."""
    catalog = maps(10 * DEEP)
    noise = maps(1, seed=5)[0]
    query = trials(turned(0.7 * catalog[333] + 0.7 * noise, 90))
    cosines = np.linspace(0.2, 0.6, len(catalog)).astype(np.float32)
    verdict = verify(query, cosines, kept(catalog), JUDGE)
    full, _, _ = correlations(query, kept(catalog))
    best = JUDGE.log_odds(cosines, full).argmax()
    assert verdict.log_odds.argmax() == best == 333
    assert verdict.correlation[best] == pytest.approx(full[best], abs=1e-5)
    assert verdict.angle[best] == pytest.approx(90, abs=2)


def test_candidates_without_a_map_are_not_compared() -> None:
    catalog = kept(maps(3))
    catalog[1] = 0
    verdict = verify(trials(maps(3)[0]), np.ones(3, np.float32), catalog, JUDGE)
    assert verdict.correlation[1] == NOT_COMPARED and verdict.angle[1] == 0 and verdict.correlation[0] > 0.99
    assert verdict.log_odds[1] == pytest.approx(JUDGE.log_odds(1.0, NOT_COMPARED))


def test_a_catalog_without_any_map_is_ranked_by_the_cosine() -> None:
    cosines = np.random.default_rng(0).uniform(-1, 1, 3 * DEEP).astype(np.float32)
    verdict = verify(
        trials(maps(1)[0]), cosines, np.zeros((3 * DEEP, RELIEF_HARMONICS, RELIEF_NUMBERS), np.int8), JUDGE
    )
    np.testing.assert_array_equal(np.argsort(-verdict.log_odds), np.argsort(-cosines))
    assert (verdict.correlation == NOT_COMPARED).all()


def test_a_query_without_edges_is_like_nothing() -> None:
    nothing = np.zeros((7, RELIEF_HARMONICS, RELIEF_NUMBERS), np.float32)
    verdict = verify(nothing, np.ones(3, np.float32), kept(maps(3)), JUDGE)
    np.testing.assert_allclose(verdict.correlation, 0, atol=1e-6)
    np.testing.assert_allclose(verdict.log_odds, JUDGE.log_odds(1.0, 0.0), atol=1e-4)


# --- rivals ---------------------------------------------------------------------------------------------------------


def siblings(share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Maps of two coins that differ in one place of their rings: all else is shared."""
    rng = np.random.default_rng(seed)
    common, *numerals = rng.normal(size=(3, 64, HALF))
    numeral = np.zeros((64, 1))
    numeral[20:28] = share

    def harmonics(rings: np.ndarray) -> np.ndarray:
        waves = np.fft.rfft(rings, axis=0)[1 : RELIEF_HARMONICS + 1]
        numbers = np.concatenate([waves.real, waves.imag], 1)
        return np.asarray(numbers / np.linalg.norm(numbers), np.float32)

    one, other = (harmonics(common * (1 - numeral) + numeral * own) for own in numerals)
    return one, other


def test_of_two_siblings_the_one_with_the_right_numeral_has_the_advantage() -> None:
    one, other = siblings(1.0)
    query = turned(one + 0.8 * maps(1, seed=3)[0], 70)
    angles = np.full(2, 70.0, np.float32)
    first, second = advantages(trials(query)[:2], kept(np.stack([one, other])), angles)
    assert first == pytest.approx(-second, abs=1e-6) and first > 0.1


def test_advantages_do_not_depend_on_the_order_of_rivals() -> None:
    rivals = kept(maps(5))
    query, angles = np.repeat(maps(1, seed=7), 5, 0), np.linspace(0, 300, 5).astype(np.float32)
    order = np.array([3, 1, 4, 0, 2])
    np.testing.assert_allclose(
        advantages(query, rivals[order], angles[order]), advantages(query, rivals, angles)[order], atol=1e-6
    )


def test_copies_of_one_picture_have_no_advantage_over_each_other() -> None:
    one = kept(np.repeat(maps(1), 3, 0))
    np.testing.assert_allclose(advantages(np.repeat(maps(1, seed=2), 3, 0), one, np.zeros(3, np.float32)), 0, atol=1e-6)


def test_verify_counts_advantages() -> None:
    one, other = siblings(1.0)
    catalog = kept(np.stack([one, other]))
    query = trials(one + 0.8 * maps(1, seed=3)[0])
    with_rivals = verify(query, np.ones(2, np.float32), catalog, JUDGE)
    without = JUDGE.log_odds(1.0, with_rivals.correlation)
    assert with_rivals.log_odds[0] > without[0] and with_rivals.log_odds[1] < without[1]


# --- probability ----------------------------------------------------------------------------------------------------


def test_probability_grows_with_both_similarities() -> None:
    low, by_cosine, by_correlation, both = probability(
        JUDGE.log_odds(np.array([0.4, 0.9, 0.4, 0.9]), np.array([0.2, 0.2, 0.8, 0.8]))
    )
    assert low < min(by_cosine, by_correlation) and max(by_cosine, by_correlation) < both
    assert low >= 0 and both <= 1


def test_a_view_without_a_map_is_judged_by_its_embedding() -> None:
    with_map, without = probability(JUDGE.log_odds(0.75, np.array([0.0, NOT_COMPARED])))
    assert without == pytest.approx(0.5) and with_map < 0.1


def test_judge_is_written_and_read() -> None:
    assert Judge.from_json(JUDGE.to_json()) == JUDGE
