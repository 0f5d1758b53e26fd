"""Built indexes of every kind: what they find, that filters hold, and that answers are full."""

from functools import cache

import numpy as np
import pytest

from catalog.folder.index.builder import _filled
from catalog.folder.index.built import BuiltIndex, candidates
from catalog.folder.index.spec import parse_spec
from ensemble.contract import EMBEDDING_SIZE
from tests.catalog.samples import clustered, unit_vectors

pytestmark = pytest.mark.slow

KINDS = ("Flat", "SQ8", "HNSW16", "HNSW16:efSearch=4", "IVF,Flat", "IVF32,SQ8:nprobe=4", "IVF32,PQ2")
COUNT = 2_000
VECTORS = clustered(COUNT, 100)
IDS = np.random.default_rng(1).permutation(3 * COUNT)[:COUNT].astype(np.int64)  # in no order, with gaps
ROW = {int(number): row for row, number in enumerate(IDS)}
QUERIES = clustered(30, 100, seed=9)


@cache
def built(text: str) -> BuiltIndex:
    """Built once for all tests; nothing changes it."""
    spec = parse_spec(text)
    return BuiltIndex(_filled(spec, IDS, VECTORS), spec)


def exact(k: int, allowed: np.ndarray | None = None) -> np.ndarray:
    """The k nearest among what is allowed, [30, k]."""
    cosines = QUERIES @ VECTORS.T
    if allowed is not None:
        cosines[:, ~allowed[IDS]] = -2
    return IDS[np.argsort(-cosines, axis=1)[:, :k]]


def recall(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.mean([np.isin(e, f).mean() for e, f in zip(expected, found, strict=True)]))


def selection(share: float, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).random(3 * COUNT) < share


@pytest.mark.parametrize("text", KINDS)
def test_recall(text: str) -> None:
    index = built(text)
    assert sorted(index.ids.tolist()) == sorted(IDS.tolist())
    k = candidates(10) if index.lossy else 10
    scores, found = index.search(QUERIES, k, None)
    assert (scores.shape, found.shape) == ((30, k), (30, k))
    assert (np.diff(scores, axis=1) <= 1e-6).all()
    least = {"Flat": 1.0, "SQ8": 1.0, "HNSW16:efSearch=4": 0.5, "IVF32,PQ2": 0.6}.get(text, 0.9)
    assert recall(found, exact(10)) >= least


@pytest.mark.parametrize("text", KINDS)
@pytest.mark.parametrize("share", [1.0, 0.5, 0.2, 0.11, 0.01, 0.0])
@pytest.mark.parametrize("k", [1, 10, 100, 1500])
def test_only_what_is_allowed_and_all_that_is_asked_for(text: str, share: float, k: int) -> None:
    allowed = selection(share)
    there = int(np.count_nonzero(allowed[IDS]))
    # What is not in the index is never allowed, as the catalog asks.
    mask = np.zeros(3 * COUNT, bool)
    mask[IDS] = allowed[IDS]
    scores, found = built(text).search(QUERIES, k, mask)
    assert scores.shape == found.shape == (30, k)
    for row in found:
        hits = row[row >= 0]
        assert allowed[hits].all() and len(set(hits.tolist())) == len(hits)
        assert len(hits) == min(k, there), "fewer than there are"
        assert (row[len(hits) :] == -1).all()


@pytest.mark.parametrize("text", KINDS)
def test_few_allowed_are_compared_one_by_one(text: str) -> None:
    """Below a tenth, graph and lists are bypassed: nothing is missed, however thorough the setting is."""
    index = built(text)
    for seed in range(5):
        allowed = selection(0.02, seed)
        mask = np.zeros(3 * COUNT, bool)
        mask[IDS] = allowed[IDS]
        there = int(np.count_nonzero(mask))
        _, found = index.search(QUERIES, there if index.lossy else 5, mask)
        assert recall(found, exact(5, mask)) == 1.0


@pytest.mark.parametrize("text", KINDS)
def test_a_selection_may_be_shorter_than_the_ids(text: str) -> None:
    mask = np.zeros(50, bool)
    mask[IDS[IDS < 50]] = True
    _, found = built(text).search(QUERIES, 60, mask)
    assert (np.sort(found, axis=1)[:, -np.count_nonzero(mask) :] == np.flatnonzero(mask)).all()
    _, found = built(text).search(QUERIES, 3, np.zeros(0, bool))
    assert (found == -1).all()


@pytest.mark.parametrize("text", KINDS)
def test_more_than_there_are(text: str) -> None:
    _, found = built(text).search(QUERIES[:2], COUNT + 7, None)
    assert (np.sort(found[:, :COUNT], axis=1) == np.sort(IDS)).all() and (found[:, COUNT:] == -1).all()


@pytest.mark.parametrize("text", KINDS)
def test_a_query_that_is_not_finite_harms_no_other(text: str) -> None:
    queries = np.stack([QUERIES[0], np.full(EMBEDDING_SIZE, np.nan, np.float32), QUERIES[1]])
    index = built(text)
    _, found = index.search(queries, 20, None)
    _, alone = index.search(QUERIES[:2], 20, None)
    np.testing.assert_array_equal(found[[0, 2]], alone)


@pytest.mark.parametrize("text", [kind for kind in KINDS if not parse_spec(kind).lossy])
def test_scores_are_cosines(text: str) -> None:
    scores, found = built(text).search(QUERIES, 10, selection(0.5) if text == "Flat" else None)
    for query, row, values in zip(QUERIES, found, scores, strict=True):
        np.testing.assert_allclose(values, [query @ VECTORS[ROW[int(n)]] for n in row], atol=1e-5)


def test_the_thoroughness_is_that_of_the_setting() -> None:
    shallow, deep = (recall(built(text).search(QUERIES, 10, None)[1], exact(10)) for text in (KINDS[3], KINDS[2]))
    assert deep > shallow


def test_an_index_of_gpu_queries_is_refused() -> None:
    with pytest.raises(TypeError, match="takes queries in host memory"):
        built("Flat").search(memoryview(unit_vectors(1)), 1, None)  # type: ignore[arg-type]
