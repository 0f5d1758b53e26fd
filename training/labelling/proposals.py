"""proposals.csv, which a person edits, and the masks that are made of the proposals that stay."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from training.mint import Ellipse
from training.outlines import (
    ELLIPSE_COLUMNS,
    OutlineError,
    ellipse_cells,
    fill,
    parse_ellipse,
    read_photo,
    read_table,
    write_rows,
)


@dataclass(frozen=True)
class Proposal:
    """One row of proposals.csv."""

    path: str  # of the photo, relative to the folder of all photos
    ellipse: Ellipse  # px of the photo
    quality: float  # share of the outline that has an edge, 0 … 1
    keep: bool  # edited by the person who reviews
    line: int = 0  # in the file, as editors count: the header is line 1


def read_proposals(path: Path) -> list[Proposal]:
    """All rows of proposals.csv; OutlineError if a cell is no number or `keep` is neither 0 nor 1."""
    proposals = []
    for line, row in read_table(path, (*ELLIPSE_COLUMNS, "quality", "keep")):
        if row["keep"].strip() not in ("0", "1"):
            raise OutlineError(f"{path}:{line}: keep is {row['keep']!r}; write 1 or 0")
        try:
            quality = float(row["quality"])
        except ValueError as error:
            raise OutlineError(f"{path}:{line}: {error}") from error
        kept = row["keep"].strip() == "1"
        proposals.append(Proposal(row["path"], parse_ellipse(path, line, row), quality, kept, line))
    return proposals


def write_labels(root: Path, proposals: Sequence[Proposal], out: Path) -> int:
    """Write masks/<path>.png (the photo's size, 255 on the kept coins' upper faces) and ellipses.csv; count the photos.

    A photo without kept proposals gets neither: an empty mask would say that it shows no coin.

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
