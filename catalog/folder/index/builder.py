"""Builds the index of a catalog and saves it beside the database."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from tqdm import tqdm

from catalog.folder.index.built import BuiltIndex, candidates
from catalog.folder.index.saved import Stamp, save
from catalog.folder.index.spec import IndexSpec
from catalog.folder.sqlite.connection import Connection
from catalog.folder.sqlite.feed import CHUNK, NOTHING, Feed
from catalog.folder.sqlite.generations import Generations
from ensemble.contract import EMBEDDING_SIZE

BUSY = 3  # exit status if another process is building
LOCK = "index.lock"
MOST_TRAINING = 1_000_000  # vectors; Faiss uses about 256 for each centroid
ADDED_AT_A_TIME = 50_000
RECALL_QUERIES, RECALL_K = 200, 10
RECALL_NOISE = 0.35  # length of the noise added to a unit vector: a cosine near 0.94, as between photos of a coin


class TooFewViewsError(RuntimeError):
    """The catalog is too small for an index of this kind."""


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Take the folder's lock if it is free; yields whether this process holds it."""
    with (folder / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def build(folder: Path, fingerprint: str, spec: IndexSpec) -> Stamp:
    """Build an index of what the database holds now, measure its recall and save it.

    Raises:
        TooFewViewsError: an index of this kind cannot be trained yet.
        CatalogError: the database cannot be read.
        OSError: the index cannot be written.
    """
    started = time.monotonic()
    connection = Connection(folder)
    try:
        views, vectors, stamp = _read(connection, fingerprint, spec)
    finally:
        connection.close()
    if len(views) < spec.least_views():
        raise TooFewViewsError(f"{spec.text} needs {spec.least_views()} views, the catalog has {len(views)}")
    index = _filled(spec, views, vectors)
    seconds = time.monotonic() - started
    measured = {"seconds": round(seconds, 1), **_recall(BuiltIndex(index, spec), views, vectors)}
    return save(folder, index, replace(stamp, measured=measured))


def _read(connection: Connection, fingerprint: str, spec: IndexSpec) -> tuple[np.ndarray, np.ndarray, Stamp]:
    """Searchable views [N], their embeddings [N, EMBEDDING_SIZE], and a stamp of their state."""
    generations = Generations(connection, fingerprint)
    feed = Feed(connection, generations)
    with feed.since(*NOTHING) as changes:
        count = generations.count(counts=True)
        views, vectors, filled = np.empty(count, np.int64), np.empty((count, EMBEDDING_SIZE), np.float32), 0
        for part, embeddings in tqdm(changes.added, desc="read", unit="chunk", total=-(-count // CHUNK), disable=None):
            views[filled : filled + len(part)], vectors[filled : filled + len(part)] = part, embeddings
            filled += len(part)
        stamp = Stamp(
            identity=feed.identity(),
            fingerprint=fingerprint,
            generations=changes.generations,
            spec=spec.text,
            sequence=changes.sequence,
            nonce=feed.nonce(changes.sequence),
            views=count,
        )
    return views, vectors, stamp


def _filled(spec: IndexSpec, views: np.ndarray, vectors: np.ndarray) -> Any:
    index = spec.empty(len(views))
    if not index.is_trained:
        chosen = np.random.default_rng(0).permutation(len(views))[: _training_size(spec, len(views))]
        index.train(vectors[np.sort(chosen)])
    for start in tqdm(range(0, len(views), ADDED_AT_A_TIME), desc=spec.text, unit="chunk", disable=None):
        part = slice(start, start + ADDED_AT_A_TIME)
        index.add_with_ids(vectors[part], views[part])
    return index


def _training_size(spec: IndexSpec, views: int) -> int:
    lists = getattr(spec.empty(views), "nlist", 0)
    return min(MOST_TRAINING, max(64 * lists, 64 * 256))


def _recall(built: BuiltIndex, views: np.ndarray, vectors: np.ndarray) -> dict[str, float]:
    """Recall against exact search, for queries a little different from the stored views."""
    rng = np.random.default_rng(1)
    some = vectors[rng.integers(0, len(vectors), RECALL_QUERIES)]
    queries = some + rng.normal(0, RECALL_NOISE / EMBEDDING_SIZE**0.5, some.shape).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    k = min(RECALL_K, len(views))
    _, rows = faiss.knn(queries, vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
    exact = views[rows]
    # A search asks a lossy index for more and scores the answers again, so their order does not matter.
    _, found = built.search(queries, min(len(views), candidates(k) if built.lossy else k), None)
    shares = {
        n: [np.isin(e[:n], f if built.lossy else f[:n]).mean() for e, f in zip(exact, found, strict=True)]
        for n in (1, k)
    }
    return {f"recall@{n}": round(float(np.mean(share)), 4) for n, share in shares.items()}
