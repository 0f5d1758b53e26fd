"""The answer of a search as tensors: padded, judged by the threshold, empty if no coin was found."""

import json

import numpy as np
import pytest

from catalog.folder.store import FolderCatalog
from catalog.service.answer import search_answer
from ensemble.contract import COIN_ID, EMBEDDING_SIZE, ENTRY, KNOWN, MARGIN, SCORE, SEARCH
from tests.catalog.samples import UNSAID, enroll

K = 4


@pytest.fixture
def enrolled(catalog: FolderCatalog) -> tuple[FolderCatalog, list[str]]:
    """Two entries, whose embeddings are the first two axes."""
    axes = np.eye(EMBEDDING_SIZE, dtype=np.float32)
    return catalog, [enroll(catalog, axes[i], name=f"동전 {i}", country=("KR", "JP")[i]) for i in range(2)]


def queries(*rows: tuple[float, float]) -> np.ndarray:
    """Unit vectors with the given cosines to the two entries."""
    vectors = np.zeros((len(rows), EMBEDDING_SIZE), np.float32)
    vectors[:, :2] = rows
    vectors[:, -1] = np.sqrt(np.maximum(0, 1 - (vectors[:, :2] ** 2).sum(axis=1)))
    return vectors


def all_found(count: int) -> np.ndarray:
    return np.ones((count, 1), np.float32)


def test_the_best_first_and_filled_up_to_k(enrolled: tuple[FolderCatalog, list[str]]) -> None:
    catalog, ids = enrolled
    answer = search_answer(catalog, queries((0.25, 0.75), (0.5, -0.5)), all_found(2), K, {}, 0.7)
    assert answer[COIN_ID].tolist() == [
        [ids[1].encode(), ids[0].encode(), b"", b""],
        [ids[0].encode(), ids[1].encode(), b"", b""],
    ]
    np.testing.assert_allclose(answer[SCORE], [[0.75, 0.25, -1, -1], [0.5, -0.5, -1, -1]], atol=1e-6)
    assert answer[ENTRY][0, 2:].tolist() == [b"", b""]
    entries = [json.loads(text) for text in answer[ENTRY][0, :2]]
    assert entries[0] == {
        **UNSAID,
        **{"name": "동전 1", "country": "JP", "currency": "KRW", "denomination": "10"},
        **{"metadata": {}, "id": ids[1], "side": "obverse"},
    }
    assert entries[1]["id"] == ids[0]


def test_the_outputs_are_those_of_the_contract(enrolled: tuple[FolderCatalog, list[str]]) -> None:
    answer = search_answer(enrolled[0], queries((1, 0), (0, 1), (0, 0)), all_found(3), K, {}, 0.5)
    assert tuple(answer) == SEARCH.outputs
    assert {t.name: a.shape for t, a in answer.items()} == {
        "coin_id": (3, K),
        "score": (3, K),
        "entry": (3, K),
        "known": (3, 1),
        "margin": (3, 1),
    }
    assert (answer[SCORE].dtype, answer[KNOWN].dtype, answer[COIN_ID].dtype) == (np.float32, np.bool_, np.object_)
    assert answer[MARGIN].dtype == np.float32
    assert all(isinstance(text, bytes) for text in (*answer[COIN_ID].flat, *answer[ENTRY].flat))


@pytest.mark.parametrize(("threshold", "known"), [(0.49, True), (0.5, True), (0.51, False), (-1.0, True), (1.1, False)])
def test_known_from_the_threshold(enrolled: tuple[FolderCatalog, list[str]], threshold: float, known: bool) -> None:
    answer = search_answer(enrolled[0], queries((0.5, 0.25)), all_found(1), K, {}, threshold)
    assert answer[KNOWN].tolist() == [[known]]
    assert answer[COIN_ID][0, 0] != b""  # an unknown coin has its nearest entries nevertheless


def test_what_was_not_found_matches_nothing(enrolled: tuple[FolderCatalog, list[str]]) -> None:
    catalog, ids = enrolled
    found = np.array([[0], [1], [0], [1]], np.float32)
    answer = search_answer(catalog, queries((1, 0), (1, 0), (0, 1), (0, 1)), found, 1, {}, 0.5)
    assert answer[COIN_ID].tolist() == [[b""], [ids[0].encode()], [b""], [ids[1].encode()]]
    np.testing.assert_allclose(answer[SCORE], [[-1], [1], [-1], [1]], atol=1e-6)
    assert [text != b"" for text in answer[ENTRY][:, 0]] == [False, True, False, True]
    assert answer[KNOWN].tolist() == [[False], [True], [False], [True]]


def test_nothing_found_at_all(enrolled: tuple[FolderCatalog, list[str]]) -> None:
    answer = search_answer(enrolled[0], queries((1, 0), (0, 1)), np.zeros((2, 1), np.float32), K, {}, -1.0)
    assert set(answer[COIN_ID].flat) == set(answer[ENTRY].flat) == {b""}
    assert (answer[SCORE] == -1).all() and not answer[KNOWN].any()


def test_an_empty_catalog(catalog: FolderCatalog) -> None:
    answer = search_answer(catalog, queries((1, 0)), all_found(1), K, {}, -1.0)
    assert answer[COIN_ID].tolist() == [[b""] * K]
    assert (answer[SCORE] == -1).all() and not answer[KNOWN].any()


def test_k_smaller_than_the_catalog(enrolled: tuple[FolderCatalog, list[str]]) -> None:
    answer = search_answer(enrolled[0], queries((0.25, 0.75)), all_found(1), 1, {}, 0.5)
    assert answer[COIN_ID].tolist() == [[enrolled[1][1].encode()]]


@pytest.mark.parametrize("k", [1, 2, K])
def test_the_margin_is_to_the_next_entry_however_many_are_asked_for(
    enrolled: tuple[FolderCatalog, list[str]], k: int
) -> None:
    answer = search_answer(enrolled[0], queries((0.25, 0.75), (0.5, 0.5), (1, 0)), all_found(3), k, {}, 0.7)
    np.testing.assert_allclose(answer[MARGIN], [[0.5], [0.0], [1.0]], atol=1e-6)
    assert answer[COIN_ID].shape == (3, k)


def test_the_margin_of_the_only_entry_and_of_none(enrolled: tuple[FolderCatalog, list[str]]) -> None:
    found = np.array([[1], [0]], np.float32)
    answer = search_answer(enrolled[0], queries((0.25, 0.75), (1, 0)), found, 1, {"country": "KR"}, 0.7)
    np.testing.assert_allclose(answer[MARGIN], [[1.25], [0.0]], atol=1e-6)  # a missing entry counts as -1
    nowhere = search_answer(enrolled[0], queries((0.25, 0.75)), all_found(1), 1, {"country": "FR"}, -1.0)
    assert (nowhere[MARGIN].tolist(), nowhere[KNOWN].tolist()) == ([[0]], [[False]])


def test_filters_reach_the_search(enrolled: tuple[FolderCatalog, list[str]]) -> None:
    catalog, ids = enrolled
    answer = search_answer(catalog, queries((0.25, 0.75)), all_found(1), K, {"country": "KR"}, 0.5)
    assert answer[COIN_ID].tolist() == [[ids[0].encode(), b"", b"", b""]]
    assert answer[KNOWN].tolist() == [[False]]


@pytest.mark.parametrize(("calibrated", "known"), [(0.6, False), (0.4, True)])
def test_a_calibrated_threshold_goes_before_that_of_the_weights(
    enrolled: tuple[FolderCatalog, list[str]], calibrated: float, known: bool
) -> None:
    enrolled[0].set_threshold(calibrated)
    answer = search_answer(enrolled[0], queries((0.5, 0.25)), all_found(1), K, {}, 1 - calibrated)
    assert answer[KNOWN].tolist() == [[known]]
