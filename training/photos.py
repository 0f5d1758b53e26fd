"""Outlined photos as training pictures for the segmentation, in the form that `training.render scenes` writes.

    python -m training.photos PHOTOS/ellipses.csv --out DATA/scenes [--under FOLDER] [--windows 60]

ellipses.csv (path, cx, cy, a, b, angle in degrees, px of the photo) outlines every coin of each photo it names;
`python -m training.labelling` makes such files. Writes `photos.npy`, uint8 [count, 256, 256, 3], and
`photos_masks.npy`: random square windows, from whole photos to a single coin; and `cutouts.npy`, uint8
[coins, 256, 256, 4], RGB and mask of single coins, for pasting onto other grounds. Every third photo, sorted by name,
is kept apart for testing: `photos_test.npy`, `photos_test_masks.npy`, and `photos_test.txt`, the names.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from ensemble.contract import IMAGE_MEAN, IMAGE_SIZE
from training.mint import Ellipse
from training.outlines import fill, read_outlines, read_photo, scale_ellipse

KEPT_OUT = 3  # every third photo is for testing
WORKING_SIDE = 1600  # px: photos are reduced to it, no coin needs more
COIN_SHARE = (0.05, 0.49)  # radius of the window's main coin over the window's side
CUTOUT_RADIUS = 112  # px
SMALLEST = 12.0  # px, least radius of a cutout
GAP = 1.5  # px, background that is taken from each of two touching coins, per 256 px of window

Outlines = dict[str, list[Ellipse]]


def split_photos(paths: list[str]) -> tuple[list[str], list[str]]:
    """Photos to train on and photos kept apart.

    Raises:
        ValueError: there is only one photo.
    """
    if len(paths) < 2:
        raise ValueError("one photo cannot be both trained on and tested on: outline another one")
    ordered = sorted(paths)
    return [p for n, p in enumerate(ordered) if n % KEPT_OUT], ordered[::KEPT_OUT]


def _load(path: Path, ellipses: list[Ellipse]) -> tuple[np.ndarray, list[Ellipse]]:
    """RGB picture of at most WORKING_SIDE px and its outlines."""
    picture = read_photo(path)
    scale = min(1.0, WORKING_SIDE / max(picture.shape[:2]))
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(picture[..., ::-1]), [scale_ellipse(e, scale) for e in ellipses]


def _window(picture: np.ndarray, ellipses: list[Ellipse], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A square window round a random coin, and the mask of all coins in it with a gap between those that touch."""
    main = ellipses[int(rng.integers(len(ellipses)))]
    share = np.exp(rng.uniform(*np.log(COIN_SHARE)))
    side = float(min(main.a / share, 1.1 * max(picture.shape[:2])))
    room = max(side / 2 - main.a, 0) * 0.9
    cx, cy = np.array([main.cx, main.cy]) + rng.uniform(-1, 1, 2) * room
    scale = IMAGE_SIZE / side
    matrix = np.array([[scale, 0, IMAGE_SIZE / 2 - scale * cx], [0, scale, IMAGE_SIZE / 2 - scale * cy]])
    if scale < 0.7:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.4 / scale)
    grey = tuple(255.0 * c for c in IMAGE_MEAN)
    size = (IMAGE_SIZE, IMAGE_SIZE)
    view = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderValue=grey)
    owners = np.zeros(size, np.uint8)  # how many coins reach each pixel, each widened by GAP
    mask = np.zeros(size, np.uint8)
    for e in ellipses:
        x, y = matrix @ (e.cx, e.cy, 1)
        a, b = scale * e.a, scale * e.b
        wide = np.zeros_like(mask)
        fill(wide, Ellipse(x, y, a + GAP, b + GAP, e.angle))
        owners += wide > 0
        fill(mask, Ellipse(x, y, a, b, e.angle))
    return view, np.where((mask > 0) & (owners < 2), 255, 0).astype(np.uint8)


def _cutout(picture: np.ndarray, e: Ellipse) -> np.ndarray:
    """One coin with its surroundings and its mask, uint8 [256, 256, 4]."""
    scale = CUTOUT_RADIUS / e.a
    middle = (IMAGE_SIZE - 1) / 2
    matrix = np.array([[scale, 0, middle - scale * e.cx], [0, scale, middle - scale * e.cy]])
    if scale < 0.7:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.4 / scale)
    view = cv2.warpAffine(
        picture, matrix, (IMAGE_SIZE, IMAGE_SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    mask = np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    fill(mask, Ellipse(middle, middle, scale * e.a, scale * e.b, e.angle))
    return np.dstack([view, mask])


def write_photos(outlines: Outlines, root: Path, out: Path, windows: int) -> None:
    """Write all stores, with fewer windows of the photos that are kept apart."""
    out.mkdir(parents=True, exist_ok=True)
    train, test = split_photos(list(outlines))
    cutouts: list[np.ndarray] = []
    for name, paths, count in (("photos", train, windows), ("photos_test", test, max(windows // 4, 1))):
        views, masks = [], []
        for number, path in enumerate(tqdm(paths, desc=name)):
            rng = np.random.default_rng([number, 7])
            picture, ellipses = _load(root / path, outlines[path])
            for view, mask in (_window(picture, ellipses, rng) for _ in range(count)):
                views.append(view)
                masks.append(mask)
            if paths is train:
                cutouts += [_cutout(picture, e) for e in ellipses if e.b > SMALLEST]
        np.save(out / f"{name}.npy", np.stack(views))
        np.save(out / f"{name}_masks.npy", np.stack(masks))
    np.save(out / "cutouts.npy", np.reshape(cutouts, (-1, IMAGE_SIZE, IMAGE_SIZE, 4)).astype(np.uint8))
    (out / "photos_test.txt").write_text("".join(f"{path}\n" for path in test))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ellipses", type=Path, help="ellipses.csv; the photos lie beside it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--under", default="", help="take only photos whose path begins with this")
    parser.add_argument("--windows", type=int, default=60, help="per photo")
    args = parser.parse_args()
    outlines = read_outlines(args.ellipses, args.under)
    if not outlines:
        parser.error(f"{args.ellipses} names no photo under {args.under!r}")
    write_photos(outlines, args.ellipses.parent, args.out, args.windows)


if __name__ == "__main__":
    main()
