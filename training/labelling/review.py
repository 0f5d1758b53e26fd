"""Pages of photos with numbered outlines, for a person who edits the column `keep` of proposals.csv."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from training.labelling.proposals import Proposal
from training.outlines import Colour, draw, read_photo, scale_ellipse

KEPT: Colour = (60, 220, 60)
DROPPED: Colour = (40, 120, 255)
_TITLE = 26  # px, height of the line above each photo
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Layout:
    """Of a page."""

    columns: int = 3
    rows: int = 2
    side: int = 640  # px, longer side of a photo on the page


def fit_photo(picture: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """The picture with its longer side at `side` px, small ones enlarged, and the factor it was scaled by."""
    factor = side / max(picture.shape[:2])
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    size = [max(1, round(factor * length)) for length in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=method), factor


def label(picture: np.ndarray, text: str, x: float, y: float, colour: Colour) -> None:
    """Write a text with a dark edge, its lower left corner at x, y px."""
    place = (round(x), round(y))
    cv2.putText(picture, text, place, _FONT, 0.5, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(picture, text, place, _FONT, 0.5, colour, 1, cv2.LINE_AA)


def tile(picture: np.ndarray, title: str, side: int) -> np.ndarray:
    """A picture of at most `side` px under its title, on a square ground."""
    page = np.full((side + _TITLE, side, 3), 32, np.uint8)
    page[_TITLE : _TITLE + picture.shape[0], : picture.shape[1]] = picture
    label(page, title[-max(1, side // 9) :], 4, _TITLE - 8, (255, 255, 255))  # the end of a path says more
    return page


def mount(tiles: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Tiles of one size side by side, row by row."""
    columns = min(columns, len(tiles))
    gap = -len(tiles) % columns
    padded = [*tiles, *[np.full_like(tiles[0], 32)] * gap]
    return np.vstack([np.hstack(padded[start : start + columns]) for start in range(0, len(padded), columns)])


def draw_proposals(picture: np.ndarray, proposals: Sequence[Proposal], title: str, side: int) -> np.ndarray:
    """The photo with its outlines, kept ones green; at the centre of each its line in the file."""
    small, factor = fit_photo(picture, side)
    for proposal in proposals:
        ellipse = scale_ellipse(proposal.ellipse, factor)
        colour = KEPT if proposal.keep else DROPPED
        draw(small, ellipse, colour)
        label(small, str(proposal.line), ellipse.cx - 5 * len(str(proposal.line)), ellipse.cy + 5, colour)
    return tile(small, title, side)


def write_review(root: Path, proposals: Sequence[Proposal], out: Path, layout: Layout) -> list[Path]:
    """Write page-001.png and so on into `out`; the pages.

    Raises:
        OutlineError: a photo cannot be read.
    """
    by_photo: dict[str, list[Proposal]] = {}
    for proposal in proposals:
        by_photo.setdefault(proposal.path, []).append(proposal)
    out.mkdir(parents=True, exist_ok=True)
    photos, pages, tiles = list(by_photo), list[Path](), list[np.ndarray]()
    for path in tqdm(photos, desc="review", unit="photo"):
        tiles.append(draw_proposals(read_photo(root / path), by_photo[path], path, layout.side))
        if len(tiles) == layout.columns * layout.rows or path == photos[-1]:
            pages.append(out / f"page-{len(pages) + 1:03}.png")
            cv2.imwrite(str(pages[-1]), mount(tiles, layout.columns))
            tiles = []
    return pages
