"""Photos whose labels leave open which side of the coin they show, as training pictures for the embedding.

    python -m training.sides MANIFEST.csv --out DATA/crops [--sheet sides.png]

Collections are often sorted by what a coin is worth, with both its sides and all its designs under one label. Photos of
a label whose reliefs correlate are held to show the same side of the same design: these are the classes, called by the
label and a number. Classes of few photos are left out. A manifest has the columns path, relative to it, and label.

Writes what `training.crops` writes, and with --sheet a picture with a row of photos for each class, the largest first.
Look at it: a row that mixes designs teaches that they are the same.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from ensemble.verification import DEEP, FIRST_HARMONICS, FIRST_TURNS, correlations, stored
from training.crops import crop, store
from training.finder import CoinFinder
from training.outlines import read_table

SAME = 0.5  # correlation of reliefs above which two photos of a label show the same side (LOG, 2026-11-30)
LEAST = 3  # photos of a class
ROWS, COLUMNS, THUMBNAIL = 40, 14, 72  # of the sheet; px


def alike(reliefs: np.ndarray) -> np.ndarray:
    """How well coins' reliefs lie on each other.

    Args:
        reliefs: [N, T, harmonics, numbers] float32, of all trials.

    Returns:
        [N, N] correlations, the mean of both directions; -1 for a pair that a quick look does not hold for likely in
        either direction, and of a coin with itself.
    """
    maps = np.stack([stored(trials[0]) for trials in reliefs])
    found = np.full((len(maps), len(maps)), -1.0, np.float32)
    for photo, trials in enumerate(tqdm(reliefs, desc="compare", unit="photo", leave=False)):
        quick, _, _ = correlations(trials[:1, :FIRST_HARMONICS], maps[:, :FIRST_HARMONICS], FIRST_TURNS)
        quick[photo] = -1.0
        likely = np.argsort(-quick)[: min(DEEP, len(maps) - 1)]
        found[photo, likely] = correlations(trials, maps[likely])[0]
    both = (found > -1) & (found.T > -1)
    return np.where(both, (found + found.T) / 2, np.maximum(found, found.T))


def groups(linked: np.ndarray) -> np.ndarray:
    """The number of the connected component that each of [N] belongs to, given who is linked [N, N]."""
    group = np.full(len(linked), -1)
    for first in range(len(linked)):
        number, waiting = first, [first] if group[first] < 0 else []
        while waiting:
            one = waiting.pop()
            if group[one] < 0:
                group[one] = number
                waiting += np.flatnonzero((linked[one] | linked[:, one]) & (group < 0)).tolist()
    return group


def sides(reliefs: np.ndarray, same: float = SAME, least: int = LEAST) -> np.ndarray:
    """Which photos of one label show the same side.

    Args:
        reliefs: [N, T, harmonics, numbers] float32, of all trials.
        same: correlation above which two do.
        least: photos of a side.

    Returns:
        [N] numbers of the sides from 0, the one with the most photos first; -1 for photos of no side.
    """
    _, group, sizes = np.unique(groups(alike(reliefs) > same), return_inverse=True, return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    return np.where(sizes[group] >= least, number[group], -1)


def sheet(pictures: Sequence[np.ndarray], classes: Sequence[str]) -> np.ndarray:
    """A picture [h, w, 3] uint8 with a row of coins for each class, those with the most photos first."""
    _, labels, sizes = np.unique(classes, return_inverse=True, return_counts=True)
    rows = []
    for label in np.argsort(-sizes, kind="stable")[:ROWS]:
        members = np.flatnonzero(labels == label)
        shown = members[np.linspace(0, len(members) - 1, min(COLUMNS, len(members))).astype(int)]
        row = np.full((THUMBNAIL, COLUMNS * THUMBNAIL, 3), 255, np.uint8)
        for column, photo in enumerate(shown):
            small = cv2.resize(pictures[photo], (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
            row[:, column * THUMBNAIL : (column + 1) * THUMBNAIL] = small
        rows.append(row)
    return np.vstack(rows)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sheet", type=Path, metavar="FILE.png")
    args = parser.parse_args()
    finder, seen = CoinFinder(), []
    for _, row in tqdm(read_table(args.manifest, ("path", "label")), desc="photos"):
        path = args.manifest.parent / row["path"]
        found = finder.look(path.read_bytes())
        if found is None:
            print(f"no coin found: {row['path']}")
        else:
            seen.append((row["label"], crop(path, found[0]), found[1]))
    pictures, classes = [], []
    for label in sorted({label for label, _, _ in seen}):
        of_label = [(picture, relief) for other, picture, relief in seen if other == label]
        for side, (picture, _) in zip(sides(np.stack([relief for _, relief in of_label])), of_label, strict=True):
            if side >= 0:
                pictures.append(picture)
                classes.append(f"{label}/{side}")
    if not pictures:
        parser.exit(1, f"no {LEAST} of {len(seen)} photos with a coin show the same side\n")
    store(pictures, classes, args.out)
    if args.sheet:
        cv2.imwrite(str(args.sheet), sheet(pictures, classes)[..., ::-1])
    print(f"{len(pictures)} of {len(seen)} photos with a coin in {len(set(classes))} classes")


if __name__ == "__main__":
    main()
