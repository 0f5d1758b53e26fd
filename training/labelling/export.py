"""Kept proposals as training data: a mask for each photo, and ellipses.csv."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from training.labelling.proposals import Proposal
from training.outlines import ELLIPSE_COLUMNS, OutlineError, ellipse_cells, fill, read_photo, write_rows


def write_labels(root: Path, proposals: Sequence[Proposal], out: Path) -> int:
    """Write masks/<path>.png (the photo's size, 255 on the kept coins' upper faces) and ellipses.csv; how many photos.

    Photos of which nothing is kept get neither: an empty mask would say that they show no coin.

    Raises:
        OutlineError: a photo cannot be read, or lies outside of `root`.
    """
    kept: dict[str, list[Proposal]] = {}
    for proposal in proposals:
        if proposal.keep:
            kept.setdefault(proposal.path, []).append(proposal)
    for path, coins in tqdm(kept.items(), desc="masks", unit="photo"):
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise OutlineError(f"{path} must be a path inside of the folder of photos")
        mask = np.zeros(read_photo(root / path).shape[:2], np.uint8)
        for coin in coins:
            fill(mask, coin.ellipse)
        target = out / "masks" / f"{path}.png"  # the whole name is kept: a.jpg and a.png are two photos
        target.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(target), mask)
    rows = [[path, *ellipse_cells(coin.ellipse), 1] for path, coins in kept.items() for coin in coins]
    write_rows(out / "ellipses.csv", (*ELLIPSE_COLUMNS, "quality"), rows)
    return len(kept)
