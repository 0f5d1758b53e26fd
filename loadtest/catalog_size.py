"""Search time, memory and recall of the catalog of one machine by its size and kind of index.

    python -m loadtest.catalog_size fill      catalogs of random views: the slow part, and most of the disk
    python -m loadtest.catalog_size build     every kind of index for every size
    python -m loadtest.catalog_size search    start-up, memory, time and recall, each in a process of its own
    python -m loadtest.catalog_size report    docs/catalog_size.md and .png from what was measured

Each step goes on where an earlier run has stopped. The views are random unit vectors, two for an entry with a cosine
near 0.9 to each other, the queries a third one of the same coin. Among random vectors all others are equally far, which
real coins are not: it is the hardest case for what does not compare everything.
"""

import argparse
import inspect
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

from catalog import Enrolment, Entry, View
from catalog.folder.index.spec import parse_spec
from catalog.folder.store import FolderCatalog
from ensemble.contract import DEFAULT_K, EMBEDDING_SIZE
from loadtest.catalog_report import write_report

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)  # views
KINDS = ("Flat", "HNSW32", "IVF,PQ32")
FINGERPRINT = "random"
COUNTRIES = 100  # a filter by country leaves one view in so many
NOISE = 0.33  # length of what sets a view apart from its coin; two views of a coin have a cosine near 0.9
BATCH = 1_000  # entries
QUERIES = 200
RECALL_K = 10


def unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors [N, 64] at length 1, float32."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def photographed(coins: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One more view of each coin, [N, 64]."""
    return unit(coins + rng.normal(0, NOISE / EMBEDDING_SIZE**0.5, coins.shape))


def coins_of(batch: int) -> tuple[np.ndarray, np.random.Generator]:
    """The coins [BATCH, 64] of one batch, and where its views go on from."""
    rng = np.random.default_rng(batch)
    return unit(rng.normal(size=(BATCH, EMBEDDING_SIZE))), rng


def fill(folder: Path, views: int) -> dict[str, float]:
    """Fill a catalog up to this many views; seconds and bytes."""
    catalog = FolderCatalog(folder, FINGERPRINT)
    entries = views // 2
    start, begun = catalog.status().entries, time.perf_counter()
    for first in tqdm(range(start, entries, BATCH), desc=f"fill {views}", unit="batch", disable=None):
        coins, rng = coins_of(first // BATCH)
        sides = [photographed(coins, rng) for _ in range(2)]
        batch = []
        for n in range(min(BATCH, entries - first)):
            number = first + n
            entry = Entry(f"coin {number}", f"country {number % COUNTRIES}", "EUR", "1", id=f"c{number}")
            batch += [(Enrolment("obverse", entry, entry.id), View(side[n], FINGERPRINT, b"")) for side in sides]
        catalog.add(batch)
    seconds = time.perf_counter() - begun
    catalog.close()
    size = sum(file.stat().st_size for file in folder.glob("catalog.sqlite*"))
    return {"views": views, "added": 2 * (entries - start), "seconds": seconds, "bytes": size}


def build(folder: Path, kind: str) -> dict[str, float]:
    """Build an index as the server does, in a process of its own; seconds, CPU seconds and bytes."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "catalog", "build", str(folder), FINGERPRINT, kind], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    size = sum(file.stat().st_size for file in folder.glob(f"index-{FINGERPRINT}-*.faiss"))
    return {"seconds": time.perf_counter() - begun, "cpu_seconds": cpu, "bytes": size}


def shelve(folder: Path, kind: str) -> None:
    """Keep a built index aside: the catalog keeps one at a time."""
    shelf = folder / kind
    shelf.mkdir(exist_ok=True)
    for file in folder.glob(f"index-{FINGERPRINT}*"):
        (shelf / file.name).unlink(missing_ok=True)
        os.link(file, shelf / file.name)


def unshelve(folder: Path, kind: str) -> None:
    """Put back what was kept aside."""
    for file in folder.glob(f"index-{FINGERPRINT}*"):
        file.unlink()
    for file in (folder / kind).glob("index-*"):
        os.link(file, folder / file.name)


def search(folder: Path, kind: str, exact: Path) -> dict[str, Any]:
    """Open a catalog with its built index and search, one query at a time.

    Args:
        folder: the catalog's.
        kind: of index.
        exact: file of the answers of exact search, written where it is missing.
    """
    begun = time.perf_counter()
    catalog = FolderCatalog(folder, FINGERPRINT, spec=parse_spec(kind))
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
    """Third views of coins that are spread over the catalog, [QUERIES, 64]."""
    entries = views // 2
    some = np.linspace(0, entries - 1, QUERIES).astype(int)
    coins = np.stack([coins_of(int(n) // BATCH)[0][n % BATCH] for n in some])
    return photographed(coins, np.random.default_rng(2**32))


def _timed(catalog: FolderCatalog, query: np.ndarray, filters: dict[str, str]) -> float:
    """Milliseconds of one search."""
    begun = time.perf_counter()
    catalog.search(query[None], DEFAULT_K, filters)
    return (time.perf_counter() - begun) * 1e3


def in_process(folder: Path, kind: str) -> dict[str, Any]:
    """`search` in a process of its own, so that its memory is its own."""
    code = (
        "import json, sys; from pathlib import Path; from loadtest.catalog_size import search; "
        "print(json.dumps(search(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))))"
    )
    command = [sys.executable, "-c", code, str(folder), kind, str(folder / "exact.json")]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(step: str, folder: Path, views: int, kind: str) -> dict[str, Any]:
    """One step for one size, and one kind of index where the step has them."""
    if step == "fill":
        return fill(folder, views)
    if step == "build" and views < parse_spec(kind).least_views():
        return {}  # and the search is exact
    if step == "build":
        result = build(folder, kind)
        shelve(folder, kind)
        return result
    unshelve(folder, kind)
    return in_process(folder, kind)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.catalog_size",
        description=inspect.getdoc(sys.modules[__name__]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("step", choices=("fill", "build", "search", "report"))
    parser.add_argument("--work", type=Path, default=Path("data/catalog-size"), help="%(default)s")
    parser.add_argument("--most", type=int, default=SIZES[-1], help="views of the largest catalog (%(default)s)")
    parser.add_argument("--again", action="store_true", help="measure again what was measured")
    options = parser.parse_args(argv)
    results = options.work / "results.json"
    done: dict[str, Any] = json.loads(results.read_text()) if results.exists() else {}
    if options.step == "report":
        write_report(done, SIZES, KINDS)
        return 0
    for views in [size for size in SIZES if size <= options.most]:
        for kind in KINDS if options.step in ("build", "search") else ("",):
            key = f"{options.step} {views} {kind}".strip()
            if key in done and not options.again:
                continue
            folder = options.work / str(views)
            print(key, flush=True)
            done[key] = measure(options.step, folder, views, kind)
            results.write_text(json.dumps(done, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
