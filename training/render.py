"""Render the training data once, so that training reads instead of rendering.

    python -m training.render crops --out DIR --classes 2000 --views 10 [--found-by-server]
    python -m training.render scenes --out DIR --count 6000

Crops: `<split>.npy`, uint8 [classes, views, 256, 256, 3], coins rectified to a circle of CROP_RADIUS px with their
surroundings; view 0 is a catalog picture. They are cut by their exact outlines, which training jitters. With
--found-by-server they are cut by the outlines that the server finds, at half a second a picture and core. A call that
was stopped goes on when it is made again.

Scenes: `<split>.npy`, uint8 [count, 256, 256, 3], and `<split>_masks.npy`, uint8 [count, 256, 256]. Of five rows two
are whole photos, two zoomed views, one a close-up.

Splits: train, and test of other designs.
"""

import argparse
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.lib.format import open_memmap
from tqdm import tqdm

from ensemble.contract import IMAGE_MEAN, IMAGE_SIZE
from training import mint
from training.outlines import overlap, rectify

if TYPE_CHECKING:
    from training.finder import CoinFinder

CROP_RADIUS = 100.0  # px of the coin in stored crops: leaves room to jitter its ellipse
FOUND_OVERLAP = 0.5  # IoU with the true outline from which the coin counts as found
VIEWS_PER_SPECIMEN = 2
DIES = 3  # of each class
SCENES_PER_TASK = 20  # scenes that share a pool of specimens
FIRST_SEED = {"train": 0, "test": 10_000_000}  # of the designs
CATALOG_SHOT = mint.Shot(288, 288, (0.36, 0.46), 4.0, studio=True, quality=mint.STUDIO)
QUERY_SHOT = mint.Shot(288, 288, (0.24, 0.46), 33.0, spread=0.7)


def render_crops(seed: int, views: int, found_by_server: bool = False) -> np.ndarray:
    """All views of one class, [views, 256, 256, 3], cut by their exact outlines or as the server would."""
    cv2.setNumThreads(1)
    rng, designs = np.random.default_rng([seed, 2]), [mint.make_design(seed, die) for die in range(DIES)]
    crops = []
    for view in range(views):
        if view == 0 or view % VIEWS_PER_SPECIMEN == 1:
            specimen = mint.strike(designs[int(rng.integers(DIES))], rng, mint_state=view == 0)
        shot = CATALOG_SHOT if view == 0 or rng.random() < 0.15 else QUERY_SHOT
        photo = mint.photograph([specimen], shot, rng)
        ellipse = _as_found(photo) if found_by_server else photo.ellipse
        crops.append(rectify(photo.picture, ellipse, IMAGE_SIZE, CROP_RADIUS))
    return np.stack(crops)


def _as_found(photo: mint.Photo) -> mint.Ellipse:
    """The outline that the server finds; the exact one where it misses the coin."""
    found = _finder().find(cv2.imencode(".png", photo.picture[..., ::-1])[1].tobytes())
    return found if found and overlap(found, photo.ellipse) > FOUND_OVERLAP else photo.ellipse


@cache
def _finder() -> "CoinFinder":
    from training.finder import CoinFinder  # OpenVINO takes seconds to load

    return CoinFinder()


def _whole(pool: list[mint.Specimen], rng: np.random.Generator) -> mint.Photo:
    """A photo of its own aspect with no coin, one, a few or many."""
    short, long = int(rng.integers(144, IMAGE_SIZE + 1)), IMAGE_SIZE
    height, width = (short, long) if rng.random() < 0.5 else (long, short)
    count = int(rng.choice((0, 1, rng.integers(2, 6), rng.integers(6, 30)), p=(0.06, 0.36, 0.28, 0.3)))
    coin = (0.05, 0.16) if count > 5 else (0.08, 0.49)
    shot = mint.Shot(height, width, coin, 40.0, spread=1.0)
    chosen = [pool[i] for i in rng.integers(0, len(pool), count)]
    return mint.photograph(chosen, shot, rng, things=int(rng.integers(0, 7)) if rng.random() < 0.5 else 0)


def _zoomed(pool: list[mint.Specimen], rng: np.random.Generator) -> mint.Photo:
    """A view in which the main coin takes about three quarters of the side."""
    shot = mint.Shot(IMAGE_SIZE, IMAGE_SIZE, (0.28, 0.48), 40.0, spread=1.0)
    count = 1 if rng.random() < 0.5 else int(rng.integers(2, 7))
    chosen = [pool[i] for i in rng.integers(0, len(pool), count)]
    return mint.photograph(chosen, shot, rng, things=int(rng.integers(0, 4)) if rng.random() < 0.3 else 0)


def _close_up(pool: list[mint.Specimen], rng: np.random.Generator) -> mint.Photo:
    """One coin that fills its photo, as catalogs show it, down to a small photo on the letterbox."""
    side, studio = int(rng.integers(112, IMAGE_SIZE + 1)), rng.random() < 0.7
    shot = mint.Shot(side, side, (0.42, 0.51), 6.0, studio, spread=1.0, quality=mint.STUDIO if studio else mint.PHONE)
    return mint.photograph([pool[int(rng.integers(len(pool)))]], shot, rng)


def letterbox(photo: mint.Photo, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The photo and its mask on a square of the mean colour, at the top left or anywhere."""
    h, w = photo.all_coins.shape
    down, right = (0.0, 0.0) if rng.random() < 0.5 else rng.random(2)
    y, x = int(down * (IMAGE_SIZE - h)), int(right * (IMAGE_SIZE - w))
    picture = np.empty((IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    picture[:] = np.rint(np.array(IMAGE_MEAN) * 255)
    mask = np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    picture[y : y + h, x : x + w], mask[y : y + h, x : x + w] = photo.picture, photo.all_coins
    return picture, mask


def render_scenes(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """SCENES_PER_TASK scenes and their masks: whole, zoomed and close-up in turn."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng([seed, 3])
    designs = [mint.make_design(seed * SCENES_PER_TASK + k) for k in range(SCENES_PER_TASK)]
    pool = [mint.strike(design, rng) for design in designs]
    views = (_whole, _zoomed, _whole, _zoomed, _close_up)
    photos = [views[k % len(views)](pool, rng) for k in range(SCENES_PER_TASK)]
    pictures, masks = zip(*(letterbox(photo, rng) for photo in photos), strict=True)
    return np.stack(pictures), np.stack(masks)


def _parallel(function: Callable, seeds: Iterable[int], workers: int, title: str) -> Iterable:
    seeds = list(seeds)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield from tqdm(pool.map(function, seeds), total=len(seeds), desc=title)


def write_crops(out: Path, split: str, classes: int, views: int, workers: int, found_by_server: bool = False) -> None:
    """Render and store the crops of one split; goes on where an earlier call of the same shape was stopped."""
    path, shape = out / f"{split}.npy", (classes, views, IMAGE_SIZE, IMAGE_SIZE, 3)
    if path.exists() and np.load(path, mmap_mode="r").shape == shape:
        store = open_memmap(path, mode="r+")
        first = rendered_classes(store)
    else:
        store = open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        first = 0
    seeds = range(FIRST_SEED[split] + first, FIRST_SEED[split] + classes)
    render = partial(render_crops, views=views, found_by_server=found_by_server)
    for row, crops in enumerate(_parallel(render, seeds, workers, f"{split} crops"), first):
        store[row] = crops
    store.flush()


def rendered_classes(crops: np.ndarray) -> int:
    """How many classes of a store [classes, views, h, w, 3] are there so far; the rest of it is zeros."""
    middle = crops.shape[2] // 2
    empty = ~crops[:, -1, middle].any(axis=(1, 2))  # a row of pixels that is black throughout
    return int(np.argmax(empty)) if empty.any() else len(crops)


def write_scenes(out: Path, split: str, count: int, workers: int) -> None:
    """Render and store the scenes of one split; the count is rounded down to whole tasks."""
    tasks = count // SCENES_PER_TASK
    shape = (tasks * SCENES_PER_TASK, IMAGE_SIZE, IMAGE_SIZE)
    store = open_memmap(out / f"{split}.npy", mode="w+", dtype=np.uint8, shape=(*shape, 3))
    mask_store = open_memmap(out / f"{split}_masks.npy", mode="w+", dtype=np.uint8, shape=shape)
    first = FIRST_SEED[split] // SCENES_PER_TASK
    for task, (pictures, masks) in enumerate(
        _parallel(render_scenes, range(first, first + tasks), workers, f"{split} scenes")
    ):
        rows = slice(task * SCENES_PER_TASK, (task + 1) * SCENES_PER_TASK)
        store[rows], mask_store[rows] = pictures, masks
    store.flush()
    mask_store.flush()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("crops", "scenes"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--classes", type=int, default=2000, help="of crops for training; a tenth more for testing")
    parser.add_argument("--views", type=int, default=10, help="per class")
    parser.add_argument("--count", type=int, default=6000, help="of scenes for training; a twentieth more for testing")
    parser.add_argument(
        "--found-by-server", action="store_true", help="cut crops by the outlines that the server finds"
    )
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.what == "crops":
        write_crops(
            args.out, "test", max(args.classes // 10, 1), min(args.views, 4), args.workers, args.found_by_server
        )
        write_crops(args.out, "train", args.classes, args.views, args.workers, args.found_by_server)
    else:
        write_scenes(args.out, "test", max(args.count // 20, SCENES_PER_TASK), args.workers)
        write_scenes(args.out, "train", args.count, args.workers)


if __name__ == "__main__":
    main()
