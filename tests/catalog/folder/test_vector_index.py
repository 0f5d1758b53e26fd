"""Every vector index gives the answers of brute force, whatever was removed and added again before.

The GPU's index has two parts. Mintmark's part, ids and removal, is tested over flat indexes of the CPU: one obeys an ID
selector and one does not, like Faiss's two GPU builds. The whole is tested if there is a GPU.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog import open_catalog
from catalog.folder.index.exact import FlatIndex, VectorIndex
from catalog.folder.index.gpu import GpuIndexError
from catalog.folder.index.tombstones import TombstoneIndex
from catalog.folder.store import FolderCatalog
from ensemble.contract import EMBEDDING_SIZE
from tests.catalog.folder.vector_indexes import MAKERS, NO_GPU, REASON, OnDevice, check, flat_index
from tests.catalog.samples import ATOL, OWN, Exact, enroll, ids, unit_vectors

pytestmark = pytest.mark.slow

Vectors = Callable[..., np.ndarray]


@pytest.fixture(
    params=[pytest.param(n, marks=pytest.mark.skipif(n == "gpu" and NO_GPU, reason=REASON)) for n in MAKERS]
)
def make(request: pytest.FixtureRequest) -> Callable[[], VectorIndex]:
    """Maker of empty indexes of one kind."""
    return MAKERS[request.param]


@pytest.mark.parametrize("share", [0.9, 0.5, 0.02, 0.0])
@pytest.mark.parametrize("k", [1, 7, 250])
def test_only_what_is_allowed_is_found(make: Callable[[], VectorIndex], k: int, share: float) -> None:
    rng = np.random.default_rng(3)
    index, stored, queries = make(), dict(zip(range(5, 905, 3), unit_vectors(300), strict=True)), unit_vectors(4, 1)
    index.add_with_ids(np.stack(list(stored.values())), np.array(list(stored)))
    for gone in (5, 8, 50, 902):
        index.remove(np.array([gone]))
        del stored[gone]
    allowed = rng.random(700) < share  # ids from 700 on are not allowed
    kept = np.array([key for key in stored if key < 700 and allowed[key]], np.int64)
    scores, found = index.search(queries, k, allowed)
    assert scores.shape == found.shape == (4, k)
    for row, names, values in zip(queries, found, scores, strict=True):
        there = names >= 0
        assert set(names[there].tolist()) <= set(kept.tolist()) and np.count_nonzero(there) == min(k, len(kept))
        best = np.sort([row @ stored[key] for key in kept])[::-1][:k]
        np.testing.assert_allclose(values[there], best, atol=ATOL)
    check(index, stored, queries, min(k, len(stored)))  # the next search without a selection is free of it


@pytest.mark.parametrize("k", [1, 7, 300])
def test_search_is_brute_force(make: Callable[[], VectorIndex], vectors: Vectors, k: int) -> None:
    index, stored = make(), vectors(300)
    index.add_with_ids(stored, np.arange(300) + 10**12)  # ids of their own, beyond 32 bits
    check(index, dict(enumerate(stored, 10**12)), vectors(9, seed=1), k)


def test_any_order_of_changes(make: Callable[[], VectorIndex], vectors: Vectors) -> None:
    rng = np.random.default_rng(5)
    index, fresh = make(), iter(range(10**6))
    stored: dict[int, np.ndarray] = {}
    queries = vectors(3, seed=2)
    for step in range(120):
        added = vectors(int(rng.integers(1, 40)), seed=100 + step)
        ids = np.array([next(fresh) for _ in added])
        index.add_with_ids(added, ids)
        stored |= dict(zip(ids.tolist(), added, strict=True))
        removed = rng.choice(list(stored), size=int(rng.integers(0, len(stored))), replace=False)
        index.remove(removed)
        stored = {key: row for key, row in stored.items() if key not in set(removed.tolist())}
        check(index, stored, queries, int(rng.integers(1, len(stored) + 1)))


def test_ids_may_come_back(make: Callable[[], VectorIndex], vectors: Vectors) -> None:
    index, (old, new, other) = make(), vectors(3)
    index.add_with_ids(np.stack([old, other]), np.array([4, 5]))
    index.remove(np.array([4]))
    index.add_with_ids(new[None], np.array([4]))
    check(index, {5: other, 4: new}, np.stack([old, new]), 2)


def test_ids_that_nobody_has_are_passed_over(make: Callable[[], VectorIndex], vectors: Vectors) -> None:
    index, stored = make(), vectors(2)
    index.remove(np.array([1, 2, 3]))
    index.add_with_ids(stored, np.array([1, 2]))
    index.remove(np.array([3, 2, 2]))
    index.remove(np.array([2]))
    check(index, {1: stored[0]}, stored, 1)


def test_one_removal_after_the_other(make: Callable[[], VectorIndex], vectors: Vectors) -> None:
    index, stored = make(), dict(enumerate(vectors(30)))
    index.add_with_ids(np.stack(list(stored.values())), np.arange(30))
    for gone in range(0, 28, 2):
        index.remove(np.array([gone]))
        del stored[gone]
        check(index, stored, vectors(3, seed=1), len(stored))


def test_ties_are_all_found(make: Callable[[], VectorIndex], vectors: Vectors) -> None:
    index, (row, far) = make(), vectors(2)
    index.add_with_ids(np.stack([row, row, far, row, row]), np.array([1, 2, 3, 4, 5]))
    index.remove(np.array([2]))
    scores, ids = index.search(row[None], 3)
    assert set(ids[0].tolist()) == {1, 4, 5}
    np.testing.assert_allclose(scores, 1.0, atol=ATOL)


def test_emptied_and_filled_again(make: Callable[[], VectorIndex], vectors: Vectors) -> None:
    index, stored = make(), vectors(6)
    for names in (np.arange(6), np.arange(6) + 6):
        index.add_with_ids(stored, names)
        check(index, dict(zip(names.tolist(), stored, strict=True)), stored, 6)
        index.remove(names)
        assert index.ntotal == 0
    index.add_with_ids(stored, np.arange(6) + 20)
    index.reset()
    assert index.ntotal == 0
    index.add_with_ids(stored[:1], np.array([99]))
    check(index, {99: stored[0]}, stored, 1)


def test_queries_that_are_not_finite_match_nothing(make: Callable[[], VectorIndex], vectors: Vectors) -> None:
    index, stored = make(), vectors(5)
    index.add_with_ids(stored, np.arange(5) + 1)
    index.remove(np.array([3]))
    _, ids = index.search(np.stack([np.full(EMBEDDING_SIZE, np.nan, np.float32), stored[1]]), 2)
    assert not {3} & set(ids.reshape(-1).tolist())
    assert ids[1, 0] == 2


def test_queries_of_any_layout(make: Callable[[], VectorIndex], vectors: Vectors) -> None:
    index, stored = make(), vectors(8)
    index.add_with_ids(stored, np.arange(8))
    check(index, dict(enumerate(stored)), np.asfortranarray(stored), 3)
    check(index, dict(enumerate(stored)), np.repeat(stored, 2, axis=1)[:, ::2], 3)


# --- following a database ------------------------------------------------------------------------------------------


def test_a_catalog_follows_and_restarts(make: Callable[[], VectorIndex], tmp_path: Path) -> None:
    rows = unit_vectors(12)
    writer = FolderCatalog(tmp_path, OWN)
    reader = FolderCatalog(tmp_path, OWN, make())
    assert reader.search(rows[:2], 5) == [[], []]
    enrolled = [enroll(writer, row) for row in rows]
    assert [ids(matches) for matches in reader.search(rows, 1)] == [[i] for i in enrolled]
    for number in (0, 3, 4, 11):
        writer.remove(enrolled[number])
    kept = [i for n, i in enumerate(enrolled) if n not in (0, 3, 4, 11)]
    (before,) = reader.search(rows[3:4], 1000)  # k beyond what is there
    assert sorted(ids(before)) == sorted(kept)
    reader.close()
    again = FolderCatalog(tmp_path, OWN, make())
    (after,) = again.search(rows[3:4], 1000)
    assert ids(after) == ids(before)
    np.testing.assert_allclose([m.cosine for m in after], [m.cosine for m in before], atol=ATOL)
    assert ids(writer.search(rows[3:4], 1000)[0]) == ids(before)
    again.close()
    writer.close()


def test_a_catalog_filters(make: Callable[[], VectorIndex], tmp_path: Path) -> None:
    rows, exact = unit_vectors(60), Exact()
    catalog = FolderCatalog(tmp_path, OWN, make())
    for number, row in enumerate(rows):
        fields: dict[str, Any] = {"country": ("KR", "JP", "FR")[number % 3], "metadata": {"n": number % 7}}
        exact.add(catalog.show(enroll(catalog, row, **fields)), "obverse", row)
    for gone in list(exact.entries)[::4]:
        catalog.search(rows[:1], 1, {"country": "KR"})
        catalog.remove(gone)
        exact.remove(gone)
    for filters in ({}, {"country": "KR"}, {"country": "JP", "metadata.n": "3"}, {"country": "XX"}):
        for k in (1, 5, 100):
            exact.hold(catalog.search(rows[:4], k, filters), rows[:4], k, filters)
    catalog.close()


class OutOfMemory(TombstoneIndex):
    """Fails once, after half of a change has been made."""

    def __init__(self) -> None:
        super().__init__(flat_index())
        self.failures = 0

    def add_with_ids(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        if self.failures:
            self.failures -= 1
            raise MemoryError("out of device memory")
        super().add_with_ids(vectors, ids)


def test_a_change_that_failed_half_way_is_made_up_for(tmp_path: Path) -> None:
    rows, index = unit_vectors(4), OutOfMemory()
    writer, reader = FolderCatalog(tmp_path, OWN), FolderCatalog(tmp_path, OWN, index)
    enrolled = [enroll(writer, row) for row in rows[:3]]
    assert len(reader.search(rows[:1], 9)[0]) == 3
    writer.remove(enrolled[0])
    enrolled.append(enroll(writer, rows[3]))
    index.failures = 1
    with pytest.raises(MemoryError):
        reader.search(rows[:1], 9)
    assert set(ids(reader.search(rows[:1], 9)[0])) == set(enrolled[1:])
    for catalog in (reader, writer):
        catalog.close()


def test_following_starts_from_nothing(tmp_path: Path, vectors: Vectors) -> None:
    """An index is emptied first: what it held before belongs to no database."""
    index = FlatIndex()
    index.add_with_ids(vectors(3), np.arange(3))
    catalog = FolderCatalog(tmp_path, OWN, index)
    assert index.ntotal == 0
    assert catalog.search(vectors(1), 3) == [[]]
    catalog.close()


# --- devices -------------------------------------------------------------------------------------------------------


def test_the_cpu_index_takes_no_queries_on_a_device(vectors: Vectors) -> None:
    index = FlatIndex()
    index.add_with_ids(vectors(2), np.arange(2))
    with pytest.raises(TypeError, match="the CPU index takes queries in host memory"):
        index.search(OnDevice(vectors(1)), 1)


@pytest.mark.skipif(not NO_GPU, reason="there is a CUDA device")
def test_without_a_gpu_the_index_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(GpuIndexError, match=r"requirements/gpu\.txt|no CUDA device 0"):
        open_catalog(str(tmp_path), OWN, gpu=0)


@pytest.mark.skipif(NO_GPU, reason=REASON)
def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GpuIndexError, match="no CUDA device 99"):
        open_catalog(str(tmp_path), OWN, gpu=99)
