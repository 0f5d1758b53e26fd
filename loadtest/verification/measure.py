"""The measurements: fill a catalog, open it, search it, make a map."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from backends.cpu_steps import open_runner
from catalog import Enrolment, Entry, Makers, Verification, View
from catalog.folder.store import FolderCatalog
from ensemble.artifacts import judge
from ensemble.contract import (
    COIN,
    DEFAULT_K,
    EMBEDDING_SIZE,
    RELIEF_HARMONICS,
    RELIEF_MAPPER,
    RELIEF_NUMBERS,
    RELIEF_TRIES,
)
from ensemble.cpu import Cpu
from server.launch import LIBRARIES

MAKERS = Makers("random", "random")
BATCH = 1_000  # views
QUERIES = 100
MIB = 1 << 20


def views_of(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings [BATCH, EMBEDDING_SIZE] and relief maps of one batch."""
    rng = np.random.default_rng(batch)
    vectors = rng.normal(size=(BATCH, EMBEDDING_SIZE)).astype(np.float32)
    maps = rng.integers(-127, 128, (BATCH, RELIEF_HARMONICS, RELIEF_NUMBERS), np.int8)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), maps


def fill(folder: Path, views: int) -> dict[str, float]:
    """Fill a catalog up to this many views; returns views added, seconds, and the database's size."""
    catalog = FolderCatalog(folder, MAKERS)
    start, begun = catalog.status().views, time.perf_counter()
    for first in tqdm(range(start, views, BATCH), desc=f"fill {views}", unit="batch", disable=None):
        vectors, maps = views_of(first // BATCH)
        batch = []
        for n in range(min(BATCH, views - first)):
            entry = Entry(f"coin {first + n}", "X", "EUR", "1", id=f"c{first + n}")
            batch.append((Enrolment("obverse", entry, entry.id), View(vectors[n], MAKERS, b"", maps[n])))
        catalog.add(batch)
    seconds = time.perf_counter() - begun
    catalog.close()
    size = sum(file.stat().st_size for file in folder.glob("catalog.sqlite*"))
    return {"added": views - start, "seconds": seconds, "database_mib": size / MIB}


def search_alone(folder: Path) -> dict[str, float]:
    """`search` in a process of its own, with the settings that a server's processes have."""
    command = [sys.executable, "-m", "loadtest.verification.measure", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ | LIBRARIES)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def search(folder: Path) -> dict[str, float]:
    """Open a catalog, twice, and search it with and without verification, one query at a time."""
    made = not any(folder.glob("relief-*.maps"))
    starts = [_start(folder) for _ in range(2)]
    catalog = FolderCatalog(folder, MAKERS)
    catalog.load()
    rng = np.random.default_rng(1)
    embeddings = rng.normal(size=(QUERIES, EMBEDDING_SIZE)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    trials = rng.normal(size=(1, RELIEF_TRIES, RELIEF_HARMONICS, RELIEF_NUMBERS)).astype(np.float32)
    trials /= np.linalg.norm(trials, axis=(2, 3), keepdims=True)
    verification = Verification(trials, judge())
    times: dict[str, list[float]] = {"plain": [], "verified": []}
    for query in tqdm(embeddings, desc=folder.name, disable=None):
        for name, how in (("plain", None), ("verified", verification)):
            begun = time.process_time()
            catalog.search(query[None], DEFAULT_K, verification=how)
            times[name].append(time.process_time() - begun)
    catalog.close()
    stored = sum(512 * file.stat().st_blocks for file in folder.glob("relief-*.maps"))
    return {
        **({"first_start_s": starts[0]} if made else {}),
        "start_s": starts[1],
        "maps_mib": stored / MIB,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **{f"{name}_ms": float(np.median(values)) * 1e3 for name, values in times.items()},
    }


def _start(folder: Path) -> float:
    """Seconds until a catalog can answer."""
    begun = time.perf_counter()
    catalog = FolderCatalog(folder, MAKERS)
    catalog.load()
    seconds = time.perf_counter() - begun
    catalog.close()
    return seconds


def time_of_a_map() -> float:
    """CPU milliseconds in which OpenVINO makes the relief maps of one photo, on one thread."""
    runner = open_runner(RELIEF_MAPPER, Cpu(1, 1))
    coin = {COIN.name: np.random.default_rng(0).normal(size=(1, *COIN.dims)).astype(np.float32)}
    times = []
    for _ in range(QUERIES):
        begun = time.process_time()
        runner(coin, 1)
        times.append(time.process_time() - begun)
    return float(np.median(times)) * 1e3


if __name__ == "__main__":
    print(json.dumps(search(Path(sys.argv[1]))))
