"""Ids and removal over an index that only grows: rows asked for, memory given back, queries by address."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from catalog.folder.index.tombstones import DEAD_SHARE, MOST_DEAD, MOST_ROWS, TombstoneIndex, obeys_selector
from catalog.folder.store import FolderCatalog
from ensemble.contract import EMBEDDING_SIZE, MAX_K
from tests.catalog.folder.vector_indexes import MAKERS, OnDevice, OwnKernels, check, flat_index
from tests.catalog.samples import OWN, unit_vectors

pytestmark = pytest.mark.slow

Vectors = Callable[..., np.ndarray]
Spoil = Callable[[np.ndarray], np.ndarray]


def test_selectors_are_found_out() -> None:
    for index, obeys in ((flat_index(), True), (OwnKernels(), False)):
        assert obeys_selector(index) is obeys
        assert index.ntotal == 0


def test_no_search_asks_for_more_rows_than_there_can_be(vectors: Vectors) -> None:
    flat = OwnKernels()
    index = TombstoneIndex(flat)
    stored = vectors(4 * MOST_DEAD)
    index.add_with_ids(stored, np.arange(len(stored)))
    flat.restarts = 0
    index.remove(np.arange(MOST_DEAD))
    assert flat.restarts == 0
    _, ids = index.search(stored[:2], MAX_K)
    assert flat.searches[-1] == MOST_ROWS and (ids >= MOST_DEAD).all()
    index.remove(np.array([MOST_DEAD]))  # one too many: the live rows start over
    assert (flat.restarts, flat.ntotal) == (1, len(stored) - MOST_DEAD - 1)
    _, ids = index.search(stored[:2], MAX_K)
    assert flat.searches[-1] == MAX_K and (ids > MOST_DEAD).all()


def test_more_than_the_kernels_select_is_searched_on_the_host() -> None:
    """A search for many entries, or among entries of many views, asks for more views than MAX_K."""
    flat = OwnKernels()
    index, stored = TombstoneIndex(flat), unit_vectors(2 * MOST_ROWS)
    index.add_with_ids(stored, np.arange(len(stored)))
    index.remove(np.arange(10))
    kept = dict(enumerate(stored[10:], 10))
    for k, on_device in ((MOST_ROWS - 10, True), (MOST_ROWS - 9, False), (MOST_ROWS + 500, False), (len(kept), False)):
        flat.searches.clear()
        check(index, kept, stored[:3], k)
        assert bool(flat.searches) is on_device


def test_dead_rows_give_their_memory_back(vectors: Vectors) -> None:
    flat = flat_index()
    index = TombstoneIndex(flat)
    stored = vectors(4000)
    index.add_with_ids(stored, np.arange(4000))
    half = int(DEAD_SHARE * 4000)
    index.remove(np.arange(half))
    assert (flat.ntotal, index.ntotal) == (4000, half)
    index.remove(np.array([half]))
    assert flat.ntotal == index.ntotal == half - 1
    check(index, dict(enumerate(stored[half + 1 :], half + 1)), vectors(2, seed=3), 50)


# --- queries that lie elsewhere ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tombstones by selector", "tombstones without selector"])
def test_queries_by_address(name: str, vectors: Vectors) -> None:
    index, stored, queries = MAKERS[name](), vectors(50), vectors(4, seed=1)
    index.add_with_ids(stored, np.arange(50))
    index.remove(np.arange(0, 50, 3))
    by_address = index.search(OnDevice(queries), 8)
    for given, expected in zip(by_address, index.search(queries, 8), strict=True):
        np.testing.assert_array_equal(given, expected)


@pytest.mark.parametrize("spoil", [lambda v: v.astype(np.float64), lambda v: np.repeat(v, 2, axis=0)[::2]])
def test_queries_on_a_device_of_another_type_or_with_gaps(spoil: Spoil, vectors: Vectors) -> None:
    index = MAKERS["tombstones by selector"]()
    index.add_with_ids(vectors(2), np.arange(2))
    with pytest.raises(ValueError, match="have to be float32 without gaps"):
        index.search(OnDevice(spoil(vectors(2))), 1)


@pytest.mark.parametrize("shape", [(EMBEDDING_SIZE,), (2, EMBEDDING_SIZE - 1), (1, 1, EMBEDDING_SIZE)])
def test_queries_of_another_shape(shape: tuple[int, ...], vectors: Vectors) -> None:
    index = MAKERS["tombstones by selector"]()
    index.add_with_ids(vectors(2), np.arange(2))
    with pytest.raises(ValueError, match=rf"queries have the shape .*; \[B, {EMBEDDING_SIZE}\] is needed"):
        index.search(np.zeros(shape, np.float32), 1)


def test_an_empty_following_index_takes_them(tmp_path: Path, vectors: Vectors) -> None:
    catalog = FolderCatalog(tmp_path, OWN, MAKERS["tombstones by selector"]())
    assert catalog.search(OnDevice(vectors(3)), 5) == [[], [], []]
    catalog.close()
