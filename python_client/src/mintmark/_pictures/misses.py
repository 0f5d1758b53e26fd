"""Misses drawn as a sheet: each query beside the picture that was put first and the right one."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mintmark._errors import MintmarkError
from mintmark._evaluation import Miss, Sights
from mintmark._pictures.canvas import Picture, ascii_text, draw_outline, enlarged, load
from mintmark._types import Ellipse

CELL, CAPTION, GAP = 200, 34, 6  # px: side of a photo, height of the two lines under it, space around it
COLUMNS = 3  # misses side by side
WIDEST = 25  # at most so many letters under a photo
_INK, _FAINT, _OUTLINE = (32, 32, 32), (120, 120, 120), (255, 0, 255)  # BGR; no coin is magenta
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_misses(root: Path, misses: Sequence[Miss], sights: Sights) -> Picture:
    """A tile for each miss, COLUMNS side by side, with the outlines that the server found."""
    blank = np.full((CELL + CAPTION + 2 * GAP, 3 * (CELL + GAP) + 4 * GAP, 3), 255, np.uint8)
    tiles = [_tile(blank, root, miss, sights) for miss in misses]
    tiles += [blank] * (-len(tiles) % COLUMNS or (0 if tiles else COLUMNS))
    return np.vstack([np.hstack(tiles[at : at + COLUMNS]) for at in range(0, len(tiles), COLUMNS)]).astype(np.uint8)


def _tile(blank: Picture, root: Path, miss: Miss, sights: Sights) -> Picture:
    """The query, the picture put first and the right one, each over its label and score."""
    tile = blank.copy()
    parts = (
        (miss.query, "query", None),
        (miss.first, "first", miss.score),
        (miss.right, "right", miss.right_score),
    )
    for column, (row, title, score) in enumerate(parts):
        left = 2 * GAP + column * (CELL + GAP)
        if row is not None:
            tile[GAP : GAP + CELL, left : left + CELL] = _cell(root / row.path, sights[row.path].ellipse)
            title += f" {row.label}"
        lines = ascii_text(title), "" if score is None else f"{score:.3f}" if row else "none"
        for line, text in enumerate(lines):
            place = (left, GAP + CELL + 14 + 15 * line)
            cv2.putText(tile, text[:WIDEST], place, _FONT, 0.42, _FAINT if line else _INK, 1, cv2.LINE_AA)
    return tile


def _cell(path: Path, ellipse: Ellipse | None) -> Picture:
    """[CELL, CELL, 3]: the photo with its outline, shrunk to fit; empty if OpenCV cannot read the photo."""
    cell = np.full((CELL, CELL, 3), 235, np.uint8)
    try:
        photo = load(str(path))
    except MintmarkError:
        return cell
    factor = CELL / max(photo.shape[:2])
    width, height = (max(1, round(side * factor)) for side in photo.shape[1::-1])
    small = np.array(cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if ellipse is not None:
        draw_outline(small, enlarged(ellipse, factor), _OUTLINE)
    cell[:height, :width] = small
    return cell
