"""Every vector index gives the answers of brute force, whatever was removed and added again before.

The GPU's index has two parts. Mintmark's part, ids and removal, is tested over flat indexes of the CPU: one obeys an ID
selector and one does not, like Faiss's two GPU builds. The whole is tested if there is a GPU.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from catalog import open_catalog
from catalog.folder.index.exact import FlatIndex, VectorIndex
from catalog.folder.index.gpu import GpuFlatIndex, GpuIndexError
from catalog.folder.index.tombstones import DEAD_SHARE, MOST_DEAD, MOST_ROWS, TombstoneIndex, obeys_selector
from catalog.folder.store import FolderCatalog
from ensemble.contract import EMBEDDING_SIZE, MAX_K
from tests.catalog.samples import ATOL, MODEL, Exact, enroll, ids, unit_vectors

pytestmark = pytest.mark.slow

Vectors = Callable[..., np.ndarray]
Spoil = Callable[[np.ndarray], np.ndarray]
NO_GPU = not hasattr(faiss, "GpuIndexFlatIP") or not faiss.get_num_gpus()


class OnDevice:
    """The part of a CuPy array that is used. Faiss finds out by itself that the address is the host's."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape = array, array.shape
        gaps = None if array.flags.c_contiguous else array.strides
        self.__cuda_array_interface__ = array.__array_interface__ | {"strides": gaps}


class OwnKernels:
    """A flat index that behaves as Faiss's on a GPU: it adds, searches, ignores selectors, and has a largest k."""

    def __init__(self) -> None:
        self._flat: Any = faiss.IndexFlatIP(EMBEDDING_SIZE)
        self.searches: list[int] = []  # k of each
        self.restarts = 0

    @property
    def ntotal(self) -> int:
        return int(self._flat.ntotal)

    def add(self, vectors: np.ndarray) -> None:
        self._flat.add(vectors)

    def reconstruct_n(self, first: int, count: int) -> np.ndarray:
        return self._flat.reconstruct_n(first, count)

    def search_c(self, n: int, queries: Any, k: int, scores: Any, rows: Any, params: Any) -> None:
        assert 1 <= k <= MOST_ROWS
        self.searches.append(k)
        self._flat.search_c(n, queries, k, scores, rows, None)

    def reset(self) -> None:
        self.restarts += 1
        self._flat.reset()


def flat_index() -> Any:
    """A flat index of Faiss, whose types lack what SWIG adds."""
    return faiss.IndexFlatIP(EMBEDDING_SIZE)


MAKERS: dict[str, Callable[[], VectorIndex]] = {
    "flat": FlatIndex,
    "tombstones by selector": lambda: TombstoneIndex(flat_index()),
    "tombstones without selector": lambda: TombstoneIndex(OwnKernels()),
    "gpu": lambda: GpuFlatIndex(0),
}
REASON = "no CUDA device, or Faiss without GPU code"


@pytest.fixture(
    params=[pytest.param(n, marks=pytest.mark.skipif(n == "gpu" and NO_GPU, reason=REASON)) for n in MAKERS]
)
def make(request: pytest.FixtureRequest) -> Callable[[], VectorIndex]:
    """Maker of empty indexes of one kind."""
    return MAKERS[request.param]


def check(index: VectorIndex, stored: dict[int, np.ndarray], queries: np.ndarray, k: int) -> None:
    """Compare an answer with brute force; equal scores may come in any order."""
    assert index.ntotal == len(stored)
    scores, ids = index.search(queries, k)
    assert (scores.shape, ids.shape, scores.dtype, ids.dtype) == ((len(queries), k),) * 2 + (np.float32, np.int64)
    keys = list(stored)
    cosines = queries.astype(float) @ np.stack([stored[key] for key in keys]).T.astype(float)
    np.testing.assert_allclose(scores, -np.sort(-cosines, axis=1)[:, :k], atol=ATOL)
    for row, found in enumerate(ids.tolist()):
        assert len(set(found)) == k
        np.testing.assert_allclose(scores[row], [cosines[row, keys.index(n)] for n in found], atol=ATOL)


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
    writer = FolderCatalog(tmp_path, MODEL)
    reader = FolderCatalog(tmp_path, MODEL, make())
    assert reader.search(rows[:2], 5) == [[], []]
    enrolled = [enroll(writer, row) for row in rows]
    assert [ids(matches) for matches in reader.search(rows, 1)] == [[i] for i in enrolled]
    for number in (0, 3, 4, 11):
        writer.remove(enrolled[number])
    kept = [i for n, i in enumerate(enrolled) if n not in (0, 3, 4, 11)]
    (before,) = reader.search(rows[3:4], 1000)  # k beyond what is there
    assert sorted(ids(before)) == sorted(kept)
    reader.close()
    again = FolderCatalog(tmp_path, MODEL, make())
    (after,) = again.search(rows[3:4], 1000)
    assert ids(after) == ids(before)
    np.testing.assert_allclose([m.score for m in after], [m.score for m in before], atol=ATOL)
    assert ids(writer.search(rows[3:4], 1000)[0]) == ids(before)
    again.close()
    writer.close()


def test_a_catalog_filters(make: Callable[[], VectorIndex], tmp_path: Path) -> None:
    rows, exact = unit_vectors(60), Exact()
    catalog = FolderCatalog(tmp_path, MODEL, make())
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
    writer, reader = FolderCatalog(tmp_path, MODEL), FolderCatalog(tmp_path, MODEL, index)
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


# --- tombstones ----------------------------------------------------------------------------------------------------


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


def test_the_cpu_index_takes_no_queries_on_a_device(vectors: Vectors) -> None:
    index = FlatIndex()
    index.add_with_ids(vectors(2), np.arange(2))
    with pytest.raises(TypeError, match="the CPU index takes queries in host memory"):
        index.search(OnDevice(vectors(1)), 1)


def test_an_empty_following_index_takes_them(tmp_path: Path, vectors: Vectors) -> None:
    catalog = FolderCatalog(tmp_path, MODEL, MAKERS["tombstones by selector"]())
    assert catalog.search(OnDevice(vectors(3)), 5) == [[], [], []]
    catalog.close()


# --- devices -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not NO_GPU, reason="there is a CUDA device")
def test_without_a_gpu_the_index_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(GpuIndexError, match=r"requirements/gpu\.txt|no CUDA device 0"):
        open_catalog(str(tmp_path), MODEL, gpu=0)


@pytest.mark.skipif(NO_GPU, reason=REASON)
def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GpuIndexError, match="no CUDA device 99"):
        open_catalog(str(tmp_path), MODEL, gpu=99)


def test_following_starts_from_nothing(tmp_path: Path, vectors: Vectors) -> None:
    """What an index held before belongs to no database."""
    index = FlatIndex()
    index.add_with_ids(vectors(3), np.arange(3))
    catalog = FolderCatalog(tmp_path, MODEL, index)
    assert index.ntotal == 0
    assert catalog.search(vectors(1), 3) == [[]]
    catalog.close()
