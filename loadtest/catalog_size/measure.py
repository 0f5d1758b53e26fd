"""The three measurements of a catalog: fill it, build an index, search."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from catalog import Enrolment, Entry, Makers, View
from catalog.folder.index.spec import parse_spec
from catalog.folder.store import FolderCatalog
from ensemble.contract import DEFAULT_K, EMBEDDING_SIZE

FINGERPRINT = "random"
MAKERS = Makers(FINGERPRINT)
COUNTRIES = 100  # a filter by country leaves one view in a hundred
NOISE = 0.33  # length of the difference between a view and its coin; two views of a coin have a cosine near 0.9
BATCH = 1_000  # entries
QUERIES = 200
RECALL_K = 10


def unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors [N, 64] at length 1, float32."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def photographed(coins: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another view of each coin, [N, 64]."""
    return unit(coins + rng.normal(0, NOISE / EMBEDDING_SIZE**0.5, coins.shape))


def coins_of(batch: int) -> tuple[np.ndarray, np.random.Generator]:
    """The coins [BATCH, 64] of one batch, and the generator that makes their views."""
    rng = np.random.default_rng(batch)
    return unit(rng.normal(size=(BATCH, EMBEDDING_SIZE))), rng


def fill(folder: Path, views: int) -> dict[str, float]:
    """Fill a catalog up to this many views; returns views added, seconds and bytes."""
    catalog = FolderCatalog(folder, MAKERS)
    entries = views // 2
    start, begun = catalog.status().entries, time.perf_counter()
    for first in tqdm(range(start, entries, BATCH), desc=f"fill {views}", unit="batch", disable=None):
        coins, rng = coins_of(first // BATCH)
        sides = [photographed(coins, rng) for _ in range(2)]
        batch = []
        for n in range(min(BATCH, entries - first)):
            number = first + n
            entry = Entry(f"coin {number}", f"country {number % COUNTRIES}", "EUR", "1", id=f"c{number}")
            batch += [(Enrolment("obverse", entry, entry.id), View(side[n], MAKERS, b"")) for side in sides]
        catalog.add(batch)
    seconds = time.perf_counter() - begun
    catalog.close()
    size = sum(file.stat().st_size for file in folder.glob("catalog.sqlite*"))
    return {"views": views, "added": 2 * (entries - start), "seconds": seconds, "bytes": size}


def build(folder: Path, kind: str) -> dict[str, float]:
    """Build an index as the server does, in a process of its own; returns seconds, CPU seconds and bytes."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "catalog", "build", str(folder), FINGERPRINT, kind], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    size = sum(file.stat().st_size for file in folder.glob(f"index-{FINGERPRINT}-*.faiss"))
    return {"seconds": time.perf_counter() - begun, "cpu_seconds": cpu, "bytes": size}


def shelve(folder: Path, kind: str) -> None:
    """Put a built index aside: the catalog keeps one at a time."""
    shelf = folder / kind
    shelf.mkdir(exist_ok=True)
    for file in folder.glob(f"index-{FINGERPRINT}*"):
        (shelf / file.name).unlink(missing_ok=True)
        os.link(file, shelf / file.name)


def unshelve(folder: Path, kind: str) -> None:
    """Put back an index that was put aside."""
    for file in folder.glob(f"index-{FINGERPRINT}*"):
        file.unlink()
    for file in (folder / kind).glob("index-*"):
        os.link(file, folder / file.name)


def search(folder: Path, kind: str, exact: Path) -> dict[str, Any]:
    """Open a catalog with its built index and search, one query at a time.

    Args:
        folder: the catalog's.
        kind: of index.
        exact: file of the answers of exact search; a search with kind Flat writes it where it is missing.
    """
    begun = time.perf_counter()
    catalog = FolderCatalog(folder, MAKERS, spec=parse_spec(kind))
    catalog.load()
    loaded = time.perf_counter() - begun
    views = catalog.status().views
    queries = _queries(views)
    for query in queries[:5]:
        catalog.search(query[None], DEFAULT_K)
    plain = [_timed(catalog, query, {}) for query in tqdm(queries, desc=f"{kind} {views}", disable=None)]
    filters = {"country": "country 7"}
    begun = time.perf_counter()
    catalog.search(queries[:1], DEFAULT_K, filters)
    first_filtered = time.perf_counter() - begun
    filtered = [_timed(catalog, query, filters) for query in queries[:50]]
    found = [[match.entry.id for match in row] for row in catalog.search(queries, RECALL_K)]
    if kind == "Flat" and not exact.exists():
        exact.write_text(json.dumps(found))
    true = json.loads(exact.read_text())
    catalog.close()
    return {
        "views": views,
        "kind": kind,
        "start_s": loaded,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "p50_ms": float(np.percentile(plain, 50)),
        "p95_ms": float(np.percentile(plain, 95)),
        "filtered_first_ms": first_filtered * 1e3,
        "filtered_p50_ms": float(np.percentile(filtered, 50)),
        "recall@1": float(np.mean([row[:1] == want[:1] for row, want in zip(found, true, strict=True)])),
        f"recall@{RECALL_K}": float(
            np.mean([len(set(row) & set(want)) / len(want) for row, want in zip(found, true, strict=True)])
        ),
    }


def _queries(views: int) -> np.ndarray:
    """Third views of coins from all over the catalog, [QUERIES, 64]."""
    entries = views // 2
    some = np.linspace(0, entries - 1, QUERIES).astype(int)
    coins = np.stack([coins_of(int(n) // BATCH)[0][n % BATCH] for n in some])
    return photographed(coins, np.random.default_rng(2**32))


def _timed(catalog: FolderCatalog, query: np.ndarray, filters: dict[str, str]) -> float:
    """Milliseconds of one search."""
    begun = time.perf_counter()
    catalog.search(query[None], DEFAULT_K, filters)
    return (time.perf_counter() - begun) * 1e3


def search_alone(folder: Path, kind: str) -> dict[str, Any]:
    """`search` in a process of its own, so that its memory is measured alone."""
    code = (
        "import json, sys; from pathlib import Path; from loadtest.catalog_size.measure import search; "
        "print(json.dumps(search(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))))"
    )
    command = [sys.executable, "-c", code, str(folder), kind, str(folder / "exact.json")]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result
