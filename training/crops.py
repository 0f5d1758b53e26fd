"""Photos of your own coins as training pictures for the embedding, in the form that `training.render crops` writes.

    python -m training.dataset split FOLDER --out SPLIT
    python -m training.crops FOLDER --split SPLIT --out DATA/crops

The coin in every photo of the training set is found as the server finds it, with the weights in model_repository/.
Writes `photos.npy`, uint8 [count, 256, 256, 3], coins as circles of CROP_RADIUS px with their surroundings;
`photos_labels.npy`, int64 [count]; and `photos_classes.txt`, the classes in the order of their labels. Photos in which
no coin is found are named and left out.
"""

import argparse
import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ensemble.contract import IMAGE_SIZE
from training.dataset.split import SPLIT, TRAIN
from training.finder import CoinFinder
from training.mint import Ellipse
from training.outlines import read_photo, rectify
from training.render import CROP_RADIUS


def read_training_set(split: Path) -> list[tuple[str, str]]:
    """Path and class of the photos that may be trained on."""
    with split.open(newline="", encoding="utf-8") as file:
        return [(row["path"], row["label"]) for row in csv.DictReader(file) if row["set"] == TRAIN]


def write_crops(photos: Iterable[tuple[str, str]], root: Path, out: Path) -> list[str]:
    """Write the stores; returns the paths of photos without a coin.

    Raises:
        ValueError: no photo shows a coin.
    """
    finder, missed, pictures, classes = CoinFinder(), [], [], []
    for path, name in tqdm(list(photos), desc="photos"):
        ellipse = finder.find((root / path).read_bytes())
        if ellipse is None:
            missed.append(path)
            continue
        pictures.append(crop(root / path, ellipse))
        classes.append(name)
    if not pictures:
        raise ValueError(f"no coin was found in any of {len(missed)} photos under {root}")
    store(pictures, classes, out)
    return missed


def crop(photo: Path, ellipse: Ellipse) -> np.ndarray:
    """A coin as it is stored, [256, 256, 3] uint8 RGB.

    Raises:
        OutlineError: the photo cannot be read.
    """
    picture = np.ascontiguousarray(read_photo(photo)[..., ::-1])
    return rectify(picture, ellipse, IMAGE_SIZE, CROP_RADIUS)


def store(pictures: Sequence[np.ndarray], classes: Sequence[str], out: Path) -> None:
    """Write coins of `crop` and the names of their classes."""
    names, labels = np.unique(classes, return_inverse=True)
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "photos.npy", np.stack(pictures))
    np.save(out / "photos_labels.npy", labels.astype(np.int64))
    (out / "photos_classes.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the data set, with labels.csv")
    parser.add_argument("--split", type=Path, help="folder of split.csv (the data set's own)")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    photos = read_training_set((args.split or args.folder) / SPLIT)
    for path in write_crops(photos, args.folder, args.out):
        print(f"no coin found: {path}")


if __name__ == "__main__":
    main()
