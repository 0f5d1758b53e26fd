"""The answer of a search as tensors: padded, judged by the threshold, empty if no coin was found."""

import json
from dataclasses import replace

import numpy as np
import pytest

from catalog import Enrolment
from catalog.folder.store import FolderCatalog
from catalog.interface import Waiting
from catalog.service.answer import search_answer
from catalog.service.notes import notes
from ensemble.contract import (
    ANGLE,
    COIN_ID,
    CORRELATION,
    COSINE,
    EMBEDDING_SIZE,
    ENTRY,
    KNOWN,
    MARGIN,
    SCORE,
    SEARCH,
    WARNINGS,
    Tensor,
)
from ensemble.parameters import Search
from tests.catalog.samples import JUDGE, UNSAID, coin, photo, relief_maps, trials

K = 4
MAPS = relief_maps(3)  # of the two entries, and of a coin that is not there
HALF = 0.75  # a cosine; JUDGE says 0.5 or so
Answer = dict[Tensor, np.ndarray]
Enrolled = tuple[FolderCatalog, list[str]]


@pytest.fixture
def enrolled(catalog: FolderCatalog) -> Enrolled:
    """Two entries, whose embeddings are the first two axes."""
    axes = np.eye(EMBEDDING_SIZE, dtype=np.float32)
    coins = [coin(name=f"동전 {i}", country=("KR", "JP")[i]) for i in range(2)]
    return catalog, [
        catalog.enroll(Enrolment("obverse", each), photo(axes[i], relief=MAPS[i])) for i, each in enumerate(coins)
    ]


def queries(*rows: tuple[float, float]) -> np.ndarray:
    """Unit vectors with the given cosines to the two entries."""
    vectors = np.zeros((len(rows), EMBEDDING_SIZE), np.float32)
    vectors[:, :2] = rows
    vectors[:, -1] = np.sqrt(np.maximum(0, 1 - (vectors[:, :2] ** 2).sum(axis=1)))
    return vectors


def answered(catalog: FolderCatalog, embeddings: np.ndarray, known: float = 0.5, **asked: object) -> Answer:
    """The answer by the embeddings alone; all photos show a coin."""
    found = np.ones((len(embeddings), 1), np.float32)
    return judged(catalog, embeddings, found, known, **asked)


def judged(
    catalog: FolderCatalog, embeddings: np.ndarray, found: np.ndarray, known: float = 0.5, **asked: object
) -> Answer:
    reliefs = np.stack([trials(MAPS[2])] * len(embeddings))
    search = Search(**{"k": K, "verify": False, **asked})  # type: ignore[arg-type]
    return search_answer(catalog, embeddings, reliefs, found, search, replace(JUDGE, known=known))


def alone(*cosines: float) -> list[float]:
    """The probabilities of cosines without a correlation, by the formula."""
    return [1 / (1 + np.exp(-(JUDGE.cosine_alone * cosine + JUDGE.offset_alone))) for cosine in cosines]


def test_the_best_first_and_filled_up_to_k(enrolled: Enrolled) -> None:
    catalog, ids = enrolled
    answer = answered(catalog, queries((0.25, 0.75), (0.5, -0.5)))
    assert answer[COIN_ID].tolist() == [
        [ids[1].encode(), ids[0].encode(), b"", b""],
        [ids[0].encode(), ids[1].encode(), b"", b""],
    ]
    np.testing.assert_allclose(answer[COSINE], [[0.75, 0.25, -1, -1], [0.5, -0.5, -1, -1]], atol=1e-6)
    expected = [[*alone(0.75, 0.25), -1, -1], [*alone(0.5, -0.5), -1, -1]]
    np.testing.assert_allclose(answer[SCORE], expected, atol=1e-6)
    assert (answer[CORRELATION] == -2).all() and not answer[ANGLE].any()
    assert answer[ENTRY][0, 2:].tolist() == [b"", b""]
    entries = [json.loads(text) for text in answer[ENTRY][0, :2]]
    assert entries[0] == {
        **UNSAID,
        **{"name": "동전 1", "country": "JP", "currency": "KRW", "denomination": "10"},
        **{"metadata": {}, "id": ids[1], "side": "obverse", "view": "2"},
    }
    assert entries[1]["id"] == ids[0]


def test_it_says_which_photos_wait(enrolled: Enrolled) -> None:
    """In every row, until nothing waits any more; of the maps, only where the search compares them."""
    catalog, ids = enrolled
    rows = queries((1, 0), (0, 1))
    assert answered(catalog, rows, verify=True)[WARNINGS].tolist() == [[b""], [b""]]
    catalog.enroll(Enrolment("reverse", None, ids[0]), photo(rows[0]))
    alone = b"1 photo waits for `mintmark reembed`: it is judged by the embedding alone"
    assert answered(catalog, rows, verify=True)[WARNINGS].tolist() == [[alone], [alone]]
    assert answered(catalog, rows)[WARNINGS].tolist() == [[b""], [b""]]
    catalog.put_reliefs([(view.id, MAPS[2]) for view in catalog.unmapped(9)])
    assert answered(catalog, rows, verify=True)[WARNINGS].tolist() == [[b""], [b""]]


@pytest.mark.parametrize(
    ("stale", "without", "expected"),
    [
        (0, 0, []),
        (1, 0, ["1 photo waits for `mintmark reembed`: it is not searched"]),
        (60, 60, ["60 photos wait for `mintmark reembed`: they are not searched"]),
        (0, 60, ["60 photos wait for `mintmark reembed`: they are judged by the embedding alone"]),
        (
            2,
            5,
            [
                "2 photos wait for `mintmark reembed`: they are not searched",
                "3 photos wait for `mintmark reembed`: they are judged by the embedding alone",
            ],
        ),
    ],
)
def test_each_photo_that_waits_is_told_once(stale: int, without: int, expected: list[str]) -> None:
    assert list(notes(Waiting(stale, without), verify=True)) == expected
    assert list(notes(Waiting(stale, without), verify=False)) == expected[: bool(stale)]


def test_the_outputs_are_those_of_the_contract(enrolled: Enrolled) -> None:
    answer = answered(enrolled[0], queries((1, 0), (0, 1), (0, 0)), verify=True)
    assert set(answer) == set(SEARCH.outputs)
    assert {t.name: a.shape for t, a in answer.items()} == {
        **dict.fromkeys(("coin_id", "score", "entry", "cosine", "correlation", "angle"), (3, K)),
        **dict.fromkeys(("known", "margin", "warnings"), (3, 1)),
    }
    assert {answer[tensor].dtype for tensor in (SCORE, COSINE, CORRELATION, ANGLE, MARGIN)} == {np.dtype(np.float32)}
    assert (answer[KNOWN].dtype, answer[COIN_ID].dtype) == (np.bool_, np.object_)
    assert all(isinstance(text, bytes) for text in (*answer[COIN_ID].flat, *answer[ENTRY].flat))


def test_the_relief_decides(enrolled: Enrolled) -> None:
    """Each query is nearer to one entry and has the other's map, turned."""
    catalog, ids = enrolled
    embeddings, found = queries((0.7, 0.6), (0.6, 0.7)), np.ones((2, 1), np.float32)
    reliefs = np.stack([trials(MAPS[1], 90.0), trials(MAPS[0], 180.0)])
    answer = search_answer(catalog, embeddings, reliefs, found, Search(k=2), JUDGE)
    assert answer[COIN_ID].tolist() == [[ids[1].encode(), ids[0].encode()], [ids[0].encode(), ids[1].encode()]]
    np.testing.assert_allclose(answer[COSINE], [[0.6, 0.7], [0.6, 0.7]], atol=1e-6)
    np.testing.assert_allclose(answer[CORRELATION][:, 0], [1, 1], atol=1e-4)
    assert (np.abs(answer[CORRELATION][:, 1]) < 0.2).all()
    np.testing.assert_allclose(answer[ANGLE][:, 0], [90, 180], atol=1e-3)
    odds = JUDGE.cosine * answer[COSINE] + JUDGE.correlation * answer[CORRELATION] + JUDGE.offset
    # Advantages over the other entry add a little.
    np.testing.assert_allclose(answer[SCORE], 1 / (1 + np.exp(-odds)), atol=0.005)
    np.testing.assert_allclose(answer[MARGIN][:, 0], answer[SCORE][:, 0] - answer[SCORE][:, 1], atol=1e-6)
    assert answer[KNOWN].tolist() == [[True], [True]]
    by_cosine = search_answer(catalog, embeddings, reliefs, found, Search(k=1, verify=False), JUDGE)
    assert by_cosine[COIN_ID].tolist() == [[ids[0].encode()], [ids[1].encode()]]


def test_scores_are_probabilities(enrolled: Enrolled) -> None:
    rng = np.random.default_rng(0)
    answer = answered(enrolled[0], queries(*rng.uniform(-0.7, 0.7, (20, 2)).tolist()), verify=True)
    scores = answer[SCORE][:, :2]
    assert (scores >= 0).all() and (scores <= 1).all() and (scores[:, 0] >= scores[:, 1]).all()


@pytest.mark.parametrize(("known_from", "known"), [(0.4, True), (0.5, True), (0.6, False), (0.0, True), (1.0, False)])
def test_known_from_the_judges_threshold(enrolled: Enrolled, known_from: float, known: bool) -> None:
    assert 0.5 < alone(HALF)[0] < 0.6
    answer = answered(enrolled[0], queries((HALF, 0.25)), known=known_from)
    assert answer[KNOWN].tolist() == [[known]]
    assert answer[COIN_ID][0, 0] != b""  # an unknown coin has its nearest entries nevertheless


def test_what_was_not_found_matches_nothing(enrolled: Enrolled) -> None:
    catalog, ids = enrolled
    found = np.array([[0], [1], [0], [1]], np.float32)
    answer = judged(catalog, queries((1, 0), (1, 0), (0, 1), (0, 1)), found, k=1, verify=True)
    assert answer[COIN_ID].tolist() == [[b""], [ids[0].encode()], [b""], [ids[1].encode()]]
    np.testing.assert_allclose(answer[COSINE], [[-1], [1], [-1], [1]], atol=1e-6)
    assert (answer[SCORE][[0, 2]] == -1).all() and (answer[SCORE][[1, 3]] > 0).all()
    assert [text != b"" for text in answer[ENTRY][:, 0]] == [False, True, False, True]
    assert (answer[CORRELATION][:, 0] > -2).tolist() == [False, True, False, True]


def test_nothing_found_at_all(enrolled: Enrolled) -> None:
    answer = judged(enrolled[0], queries((1, 0), (0, 1)), np.zeros((2, 1), np.float32), known=0.0)
    assert set(answer[COIN_ID].flat) == set(answer[ENTRY].flat) == {b""}
    assert (answer[SCORE] == -1).all() and not answer[KNOWN].any() and not answer[MARGIN].any()


@pytest.mark.parametrize("verify", [True, False])
def test_an_empty_catalog(catalog: FolderCatalog, verify: bool) -> None:
    answer = answered(catalog, queries((1, 0)), known=0.0, verify=verify)
    assert answer[COIN_ID].tolist() == [[b""] * K]
    assert (answer[SCORE] == -1).all() and not answer[KNOWN].any()


def test_k_smaller_than_the_catalog(enrolled: Enrolled) -> None:
    answer = answered(enrolled[0], queries((0.25, 0.75)), k=1)
    assert answer[COIN_ID].tolist() == [[enrolled[1][1].encode()]]


@pytest.mark.parametrize("k", [1, 2, K])
def test_the_margin_is_to_the_next_entry_however_many_are_asked_for(enrolled: Enrolled, k: int) -> None:
    answer = answered(enrolled[0], queries((0.25, 0.75), (0.5, 0.5), (1, 0)), k=k)
    (a, b, c, d) = alone(0.75, 0.25, 1.0, 0.0)
    np.testing.assert_allclose(answer[MARGIN], [[a - b], [0.0], [c - d]], atol=1e-6)
    assert answer[COIN_ID].shape == (3, k)


def test_the_margin_of_the_only_entry_and_of_none(enrolled: Enrolled) -> None:
    found = np.array([[1], [0]], np.float32)
    answer = judged(enrolled[0], queries((0.25, 0.75), (1, 0)), found, k=1, filters={"country": "KR"})
    np.testing.assert_allclose(answer[MARGIN], [alone(0.25), [0.0]], atol=1e-6)  # a missing entry counts as 0
    nowhere = answered(enrolled[0], queries((0.25, 0.75)), known=0.0, k=1, filters={"country": "FR"})
    assert (nowhere[MARGIN].tolist(), nowhere[KNOWN].tolist()) == ([[0]], [[False]])


def test_filters_reach_the_search(enrolled: Enrolled) -> None:
    catalog, ids = enrolled
    answer = answered(catalog, queries((0.25, 0.75)), filters={"country": "KR"})
    assert answer[COIN_ID].tolist() == [[ids[0].encode(), b"", b"", b""]]
    assert answer[KNOWN].tolist() == [[False]]


@pytest.mark.parametrize(("calibrated", "known"), [(0.6, False), (0.4, True)])
def test_a_calibrated_threshold_goes_before_that_of_the_weights(
    enrolled: Enrolled, calibrated: float, known: bool
) -> None:
    enrolled[0].set_threshold(calibrated)
    answer = answered(enrolled[0], queries((HALF, 0.25)), known=1 - calibrated)
    assert answer[KNOWN].tolist() == [[known]]
