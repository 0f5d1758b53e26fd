"""An entry drawn as a sheet: its fields, and the stored pictures of its photos."""

from collections.abc import Sequence

import cv2
import numpy as np

from mintmark._contract import OPTIONAL
from mintmark._pictures.canvas import Colour, Picture
from mintmark._pictures.text import cut, write
from mintmark._types import Entry, View

CELL, CAPTION, GAP = 256, 44, 24  # px: side of a picture, height of the lines under it, space around it
HEAD = 104  # px: height of the entry's lines
COLUMNS = 4  # at most so many pictures side by side
_LEAST = 2  # columns; the entry's lines need some width
_GROUND, _CARD, _INK, _FAINT, _STALE = (248, 248, 248), (255, 255, 255), (40, 40, 40), (120, 120, 120), (0, 110, 220)


def draw_views(entry: Entry, views: Sequence[View]) -> Picture:
    """The entry's fields, and below them each view: its picture, its side and its id."""
    columns = min(COLUMNS, max(_LEAST, len(views)))
    rows = -(-len(views) // columns)
    width = GAP + columns * (CELL + GAP)
    sheet = np.full((HEAD + rows * (CELL + CAPTION + GAP), width, 3), _GROUND, np.uint8)
    _write_head(sheet, entry)
    for number, view in enumerate(views):
        row, column = divmod(number, columns)
        _draw_view(sheet, GAP + column * (CELL + GAP), HEAD + row * (CELL + CAPTION + GAP), view)
    return sheet


def _write_head(sheet: Picture, entry: Entry) -> None:
    facts = [entry.country, f"{entry.denomination} {entry.currency}"]
    facts += [str(value) for name in OPTIONAL if (value := getattr(entry, name)) is not None]
    facts += [f"{key}: {value}" for key, value in entry.metadata.items()]
    space = sheet.shape[1] - 2 * GAP
    _write(sheet, entry.name, (GAP, 38), space, 26, _INK)
    _write(sheet, " | ".join(facts), (GAP, 64), space, 14, _INK)
    _write(sheet, entry.id, (GAP, 84), space, 11, _FAINT)


def _draw_view(sheet: Picture, left: int, top: int, view: View) -> None:
    cv2.rectangle(sheet, (left - 8, top - 8), (left + CELL + 7, top + CELL + CAPTION), _CARD, cv2.FILLED)
    picture = cv2.imdecode(np.frombuffer(view.picture, np.uint8), cv2.IMREAD_COLOR) if view.picture else None
    if picture is None:
        _write(sheet, "no picture", (left + 82, top + CELL // 2), CELL, 14, _FAINT)
    else:
        sheet[top : top + CELL, left : left + CELL] = cv2.resize(picture, (CELL, CELL), interpolation=cv2.INTER_AREA)
    _write(sheet, view.side, (left, top + CELL + 18), CELL - 56, 15, _INK)
    if view.stale:
        _write(sheet, "stale", (left + CELL - 46, top + CELL + 18), 46, 14, _STALE)
    _write(sheet, view.id, (left, top + CELL + 36), CELL, 11, _FAINT)


def _write(sheet: Picture, text: str, place: tuple[int, int], space: int, size: float, ink: Colour) -> None:
    """Write one line, cut to `space` px."""
    write(sheet, cut(text, size, space), place, size, ink)
