"""How recall holds as the catalog grows: thousands of rendered coins with one catalog picture each, and photos of some.

    python -m training.scale --out FOLDER --classes 20000 --queries 2000
    python -m training.scale --out FOLDER --table                          what is there so far, without rendering more

Every picture goes through the steps of a server on CPUs, in this process. What they make of it is kept in FOLDER, the
pictures are not; a call that was stopped goes on when it is made again. The weights must stay the same meanwhile.

In a catalog of N coins drawn at random, a photo's right coin is among the first k if fewer than k of the others come
before it. How many do is drawn for each photo and size from how many of all coins come before it, so one rendering
gives all sizes. Beyond the number of coins that are there, recall is extrapolated: in a catalog M times as large, M
times as many coins come before the right one, so its recall@k is about the recall@(k / M) here.
"""

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.lib.format import open_memmap
from tqdm import tqdm

from backends.cpu_steps import open_runner
from ensemble.artifacts import judge
from ensemble.chain import Chain
from ensemble.contract import EMBEDDING, EMBEDDING_SIZE, FOUND, RELIEF
from ensemble.cpu import Cpu
from ensemble.graph import FIND_COIN
from ensemble.verification import stored, verify
from training import mint
from training.render import CATALOG_SHOT, DIES, QUERY_SHOT

FIRST_SEED = 30_000_000  # of the designs: neither training nor another test has these
DRAWS = 20  # catalogs of each size
AMONG = (1, 50, 100, 200)
SIZES = (1_000, 10_000, 20_000)
BEYOND = (100_000, 1_000_000)
COMPARED = 300  # photos that are verified


@dataclass(frozen=True)
class Seen:
    """What the steps make of one class; arrays are zeros where no coin is found.

    Attributes:
        embeddings: [2, EMBEDDING_SIZE] of the catalog picture and of the photo.
        entry: relief map of the catalog picture as a catalog keeps it.
        trials: relief maps of the photo, of all trials.
    """

    embeddings: np.ndarray
    entry: np.ndarray
    trials: np.ndarray


class Store:
    """The files of a folder.

    Args:
        folder: made if it is not there.
        classes: rows.
        queries: classes that have a photo, spread over all.

    Raises:
        ValueError: the folder holds another number of classes or queries.
    """

    def __init__(self, folder: Path, classes: int, queries: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.classes, self.asking = classes, np.linspace(0, classes - 1, queries).astype(int)
        entry, trials = np.zeros(RELIEF.dims[1:]), np.zeros(RELIEF.dims)
        self.done = self._file(folder / "done.npy", np.bool_, (classes,))
        self.embeddings = self._file(folder / "embeddings.npy", np.float32, (classes, 2, EMBEDDING_SIZE))
        self.entries = self._file(folder / "entries.npy", np.int8, (classes, *stored(entry).shape))
        self.trials = self._file(folder / "trials.npy", np.float16, (queries, *trials.shape))

    @staticmethod
    def _file(path: Path, kind: type[np.generic], shape: tuple[int, ...]) -> np.ndarray:
        if not path.exists():
            return open_memmap(path, mode="w+", dtype=kind, shape=shape)
        kept = open_memmap(path, mode="r+")
        if kept.shape != shape:
            raise ValueError(f"{path} is of {kept.shape[0]} rows, not of {shape[0]}: take another folder")
        return kept

    def keep(self, row: int, seen: Seen) -> None:
        """Keep what was made of a class."""
        self.embeddings[row], self.entries[row] = seen.embeddings, seen.entry
        [place] = np.nonzero(self.asking == row)
        self.trials[place] = seen.trials
        self.done[row] = True


@cache
def _chain() -> Chain:
    cv2.setNumThreads(1)
    return Chain(FIND_COIN, lambda model: open_runner(model, Cpu(1, 1)))


def _taken(photo: mint.Photo) -> tuple[np.ndarray, np.ndarray]:
    """Embedding and relief maps; zeros where no coin is found."""
    encoded = cv2.imencode(".jpg", photo.picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
    tensors = _chain().run(encoded, lambda: 1)
    if tensors[FOUND.name][0, 0] <= 0.5:
        return np.zeros(EMBEDDING_SIZE, np.float32), np.zeros(RELIEF.dims, np.float32)
    return tensors[EMBEDDING.name][0], tensors[RELIEF.name][0]


def see(row: int, photographed: bool) -> Seen:
    """Render a class and take its catalog picture, and a photo of another coin of it, through the steps."""
    seed = FIRST_SEED + row
    rng = np.random.default_rng([seed, 4])
    designs = [mint.make_design(seed, die) for die in range(DIES)]

    def coin(shot: mint.Shot, fresh: bool) -> tuple[np.ndarray, np.ndarray]:
        specimen = mint.strike(designs[int(rng.integers(DIES))], rng, mint_state=fresh)
        return _taken(mint.photograph([specimen], shot, rng))

    embedding, reliefs = coin(CATALOG_SHOT, True)
    photo = coin(QUERY_SHOT, False) if photographed else (np.zeros_like(embedding), np.zeros_like(reliefs))
    return Seen(np.stack([embedding, photo[0]]), stored(reliefs[0]), photo[1])


def fill(store: Store, workers: int) -> None:
    """Render what is not there yet."""
    rows = np.flatnonzero(~store.done)
    asking = np.isin(rows, store.asking)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        made = pool.map(see, rows.tolist(), asking.tolist(), chunksize=8)
        for row, seen in tqdm(zip(rows, made, strict=True), total=len(rows), desc="classes"):
            store.keep(int(row), seen)


@dataclass(frozen=True)
class Ranks:
    """How many entries come before the right one, by cosine.

    Attributes:
        before: [queries] of all others.
        others: how many these are.
    """

    before: np.ndarray
    others: int

    def recall(self, k: int, size: int, rng: np.random.Generator) -> float:
        """The share of photos whose right coin is among the first k of `size` entries drawn at random."""
        drawn = [rng.hypergeometric(self.before, self.others - self.before, size - 1) < k for _ in range(DRAWS)]
        return float(np.mean(drawn))

    def beyond(self, k: int, size: int) -> float:
        """The same, extrapolated to more entries than there are; nan where k is too few for that."""
        reach = k * (self.others + 1) / size
        return float((self.before < reach).mean()) if reach >= 1 else float("nan")


def ranks(embeddings: np.ndarray, photos: np.ndarray, right: np.ndarray) -> Ranks:
    """Count what comes before the right entry.

    Args:
        embeddings: [N, EMBEDDING_SIZE] of the catalog.
        photos: [Q, EMBEDDING_SIZE].
        right: [Q] rows of the catalog.
    """
    before = []
    for photo, row in zip(photos, right, strict=True):
        cosines = embeddings @ photo
        before.append(np.count_nonzero(cosines > cosines[row]))
    return Ranks(np.array(before), len(embeddings) - 1)


def verified(
    embeddings: np.ndarray,
    entries: np.ndarray,
    photos: np.ndarray,
    trials: np.ndarray,
    candidates: int,
) -> float:
    """The share of photos whose right entry is first after verification of so many candidates.

    Args:
        embeddings, entries: [N, …] of the catalog; its first entries are the right ones of the photos, in their order.
        photos, trials: [Q, …].
        candidates: that are compared.
    """
    likely, hits = judge(), []
    for row, (photo, reliefs) in enumerate(tqdm(zip(photos, trials, strict=True), total=len(photos), desc="compare")):
        cosines = embeddings @ photo
        first = np.argpartition(-cosines, min(candidates, len(cosines)) - 1)[:candidates]
        verdict = verify(reliefs.astype(np.float32), cosines[first], entries[first], likely)
        hits.append(first[verdict.log_odds.argmax()] == row)
    return float(np.mean(hits))


def lines(store: Store, candidates: Sequence[int]) -> Iterator[str]:
    """The table, as Markdown."""
    [rows] = np.nonzero(store.done & store.embeddings[:, 0].any(axis=1))
    asked = np.flatnonzero(np.isin(store.asking, rows) & store.embeddings[store.asking, 1].any(axis=1))
    right = np.searchsorted(rows, store.asking[asked])
    catalog, photos = store.embeddings[rows, 0], store.embeddings[store.asking[asked], 1]
    counted, rng = ranks(catalog, photos, right), np.random.default_rng(0)
    missed = store.done.sum() - len(rows), store.done[store.asking].sum() - len(asked)
    yield f"{len(rows)} coins, {len(asked)} photos; left out, without a coin: {missed[0]} pictures, {missed[1]} photos."
    yield ""
    columns = [f"{k} first" for k in AMONG] + [f"verified, of {count}" for count in candidates]
    yield "| entries | " + " | ".join(columns) + " |"
    yield "| --- " * (len(columns) + 1) + "|"
    for size in sorted({*(size for size in SIZES if size < len(rows)), len(rows)}):
        alone = [f"{counted.recall(k, size, rng):.3f}" for k in AMONG]
        # Of one catalog drawn for all: the right coins of the photos, and others.
        some = rng.permutation(len(asked))[: min(COMPARED, size)]
        others = rng.permutation(np.setdiff1d(np.arange(len(rows)), right[some]))[: size - len(some)]
        drawn = np.concatenate([right[some], others])
        entries, trials = store.entries[rows[drawn]], store.trials[asked[some]]
        shares = [verified(catalog[drawn], entries, photos[some], trials, count) for count in candidates]
        yield f"| {size:,} | " + " | ".join([*alone, *(f"{share:.3f}" for share in shares)]) + " |"
    for size in BEYOND:
        alone = ["" if np.isnan(share := counted.beyond(k, size)) else f"{share:.3f}" for k in AMONG]
        yield f"| {size:,}, extrapolated | " + " | ".join([*alone, *("" for _ in candidates)]) + " |"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--classes", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=2_000, help="classes that have a photo, too")
    parser.add_argument("--candidates", type=int, nargs="+", default=[100, 1000], help="that are verified")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="render nothing")
    args = parser.parse_args()
    store = Store(args.out, args.classes, args.queries)
    if not args.table:
        fill(store, args.workers)
    print("\n".join(lines(store, args.candidates)))


if __name__ == "__main__":
    main()
