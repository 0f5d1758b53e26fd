"""Misses drawn as a sheet: each query beside the picture that was put first and the right one."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mintmark._errors import MintmarkError
from mintmark._evaluation import Candidate, Miss, Sight, Sights
from mintmark._pictures.alike import agreement, turned
from mintmark._pictures.canvas import Picture, draw_outline, enlarged
from mintmark._pictures.loading import load
from mintmark._pictures.text import cut, write
from mintmark._types import Ellipse

CELL, CAPTION, GAP = 150, 34, 6  # px: side of a photo, height of the two lines under it, space around it
COLUMNS = 2  # misses side by side
_INK, _FAINT, _OUTLINE = (32, 32, 32), (120, 120, 120), (255, 0, 255)  # BGR; no coin is magenta
_SIZE = 11.0  # px, of the text
_TITLES = ("query", "", "first", "", "right", "")


def draw_misses(root: Path, misses: Sequence[Miss], sights: Sights) -> Picture:
    """A tile for each miss, COLUMNS side by side.

    The query with the outline that the server found and rectified; the picture put first and the right one, the same
    way up, each with what agrees with the query (see `alike`).
    """
    blank = np.full((CELL + CAPTION + 2 * GAP, len(_TITLES) * (CELL + GAP) + 4 * GAP, 3), 255, np.uint8)
    tiles = [_tile(blank, root, miss, sights) for miss in misses]
    tiles += [blank] * (-len(tiles) % COLUMNS or (0 if tiles else COLUMNS))
    return np.vstack([np.hstack(tiles[at : at + COLUMNS]) for at in range(0, len(tiles), COLUMNS)]).astype(np.uint8)


def _tile(blank: Picture, root: Path, miss: Miss, sights: Sights) -> Picture:
    tile = blank.copy()
    sight = sights[miss.query.path]
    cells: list[Picture | None] = [_cell(root / miss.query.path, sight.ellipse), _coin(sight)]
    captions = [(f"query {miss.query.label}", ""), ("", "")]
    for title, found in zip(_TITLES[2::2], (miss.first, miss.right), strict=True):
        cells += _beside(sight, found, sights)
        captions += [(f"{title} {found.row.label}", f"{found.score:.2f}") if found else (title, "none"), ("", "")]
    for column, (cell, lines) in enumerate(zip(cells, captions, strict=True)):
        left = 2 * GAP + column * (CELL + GAP)
        if cell is not None:
            tile[GAP : GAP + CELL, left : left + CELL] = cv2.resize(cell, (CELL, CELL), interpolation=cv2.INTER_AREA)
        for line, text in enumerate(lines):
            place = (left, GAP + CELL + 14 + 15 * line)
            write(tile, cut(text, _SIZE, 2 * CELL), place, _SIZE, _FAINT if line else _INK)
    return tile


def _coin(sight: Sight) -> Picture | None:
    return None if sight.coin is None else np.ascontiguousarray(sight.coin[:, :, ::-1])


def _beside(query: Sight, found: Candidate | None, sights: Sights) -> list[Picture | None]:
    """The candidate as the query lies, and what agrees."""
    coin, other = _coin(query), _coin(sights[found.row.path]) if found else None
    if coin is None or other is None or found is None:
        return [other, None]
    match = turned(other, found.angle)
    return [match, agreement(coin, match)]


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
