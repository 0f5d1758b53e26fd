"""The queries that a search got most wrong, as a list and as a picture for the eye."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mintmark._ascii import ascii_text
from mintmark._draw import Picture, draw_outline, enlarged, load
from mintmark._errors import MintmarkError
from mintmark._evaluation import INDEXED, Row, Sights, stack
from mintmark._types import Ellipse

CELL, CAPTION, GAP = 200, 34, 6  # px: side of a photo, height of the two lines under it, space around it
COLUMNS = 3  # misses side by side
WIDEST = 25  # letters under a photo
_INK, _FAINT, _OUTLINE = (32, 32, 32), (120, 120, 120), (255, 0, 255)  # BGR; no coin is magenta
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Miss:
    """A query whose first picture is of another label."""

    query: Row
    first: Row | None  # what was put first; None where the query shows no coin
    right: Row | None  # the best picture of the query's own label; None where there is none
    score: float  # cosine of the first picture
    right_score: float

    @property
    def behind(self) -> float:
        """How far the right picture is behind; most where it, or the coin, is missing."""
        return self.score - self.right_score


def misses(rows: Sequence[Row], sights: Sights) -> list[Miss]:
    """All queries that are not found at once, the worst first."""
    indexed = [row for row in rows if row.role in INDEXED and sights[row.path].embedding is not None]
    if not indexed:
        return []
    pictures = stack(indexed, sights)
    labels = np.array([row.label for row in indexed], dtype=np.str_)
    wrong = []
    for row in rows:
        if row.role != "query":
            continue
        own = np.flatnonzero(labels == row.label)
        embedding = sights[row.path].embedding
        if embedding is None:
            wrong.append(Miss(row, None, indexed[own[0]] if len(own) else None, 1.0, -1.0))
            continue
        scores: npt.NDArray[np.float32] = pictures @ embedding
        first = int(scores.argmax())
        if len(own) == 0:
            wrong.append(Miss(row, indexed[first], None, float(scores[first]), -1.0))
            continue
        right = int(own[scores[own].argmax()])
        if labels[first] != row.label:
            wrong.append(Miss(row, indexed[first], indexed[right], float(scores[first]), float(scores[right])))
    return sorted(wrong, key=lambda miss: miss.behind, reverse=True)


def draw_misses(root: Path, wrong: Sequence[Miss], sights: Sights) -> Picture:
    """BGR uint8 [h, w, 3]: of every miss the query, what was put first and what was right, with the outlines found."""
    blank = np.full((CELL + CAPTION + 2 * GAP, 3 * (CELL + GAP) + 4 * GAP, 3), 255, np.uint8)
    tiles = []
    for miss in wrong:
        tile = blank.copy()
        parts = (
            (miss.query, "query", None),
            (miss.first, "first", miss.score),
            (miss.right, "right", miss.right_score),
        )
        for column, (row, title, score) in enumerate(parts):
            left = 2 * GAP + column * (CELL + GAP)
            if row is not None:
                ellipse = sights[row.path].ellipse
                tile[GAP : GAP + CELL, left : left + CELL] = _cell(root / row.path, ellipse)
                title += f" {row.label}"
            lines = ascii_text(title), "" if score is None else f"{score:.3f}" if row else "none"
            for line, text in enumerate(lines):
                place = (left, GAP + CELL + 14 + 15 * line)
                cv2.putText(tile, text[:WIDEST], place, _FONT, 0.42, _FAINT if line else _INK, 1, cv2.LINE_AA)
        tiles.append(tile)
    tiles += [blank] * (-len(tiles) % COLUMNS or (0 if tiles else COLUMNS))
    return np.vstack([np.hstack(tiles[at : at + COLUMNS]) for at in range(0, len(tiles), COLUMNS)]).astype(np.uint8)


def _cell(path: Path, ellipse: Ellipse | None) -> Picture:
    """The photo with its outline, shrunk into [CELL, CELL, 3]; empty where OpenCV does not read it."""
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
