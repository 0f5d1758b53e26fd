"""Text in pictures: Latin, Greek and Cyrillic as outlines that the package holds, the same with any OpenCV.

Letters of other scripts come from a font of the system if Pillow is installed, see `_pictures/system_font.py`; a letter
that neither has is a question mark on a dark ground.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mintmark._pictures import system_font
from mintmark._pictures.canvas import Colour, Picture

Mask = npt.NDArray[np.uint8]

_LETTERS = Path(__file__).with_name("letters.npz")  # written by build/make_font.py
_FINE = 4  # samples of a pixel in each direction
_MISSING = "\ufffd"
_CUT = "…"


class _Font(NamedTuple):
    """All letters; lengths are fractions of the size of the text, y down from the base line."""

    places: dict[str, int]
    advances: npt.NDArray[np.float64]
    points: npt.NDArray[np.float64]  # [n, 2]
    first_line: npt.NDArray[np.int32]  # of each letter
    first_point: npt.NDArray[np.int32]  # of each line

    def lines(self, place: int) -> list[npt.NDArray[np.float64]]:
        """The closed lines [n, 2] of a letter, the largest first: what lies within a line comes after it."""
        ends = self.first_point[self.first_line[place] : self.first_line[place + 1] + 1]
        return sorted(map(self._line, ends[:-1], ends[1:]), key=lambda line: -abs(_area(line)))

    def _line(self, start: int, end: int) -> npt.NDArray[np.float64]:
        return self.points[start:end]


@cache
def _font() -> _Font:
    with np.load(_LETTERS) as held:
        em = float(held["em"])
        return _Font(
            places={chr(code): place for place, code in enumerate(held["codes"])},
            advances=held["advances"] / em,
            points=held["points"] * (1 / em, -1 / em),
            first_line=held["first_line"],
            first_point=held["first_point"],
        )


def _area(line: npt.NDArray[np.float64]) -> float:
    """Of a closed line, with a sign that says which way round it runs."""
    x, y = line.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def text_width(text: str, size: float) -> float:
    """How wide a line of text is, px. `size`: px of an em, about the height of a line."""
    return sum(_advance(letter, size) for letter in _shown(text))


def cut(text: str, size: float, space: float) -> str:
    """The text, or as much of it as fits into `space` px with an ellipsis behind it."""
    letters = list(_shown(text))
    ends = np.cumsum([_advance(letter, size) for letter in letters])
    if not letters or ends[-1] <= space:
        return text
    kept = "".join(letters[: int(np.searchsorted(ends, space - _advance(_CUT, size), side="right"))]).rstrip()
    return kept + _CUT if kept else ""


def write(canvas: Picture, text: str, place: tuple[float, float], size: float, colour: Colour) -> None:
    """Write one line into the picture, in place, from the left end of its base line; what lies outside is cut off."""
    left = place[0]
    for letter in _shown(text):
        mask = _mask(letter, size)
        if mask is not None:
            _blend(canvas, mask.ink, round(left) + mask.left, round(place[1]) + mask.top, colour)
        left += _advance(letter, size)


class _Mask(NamedTuple):
    ink: Mask
    left: int  # of the mask beside the letter's place, px
    top: int


def _shown(text: str) -> Iterator[str]:
    """Letters that can be drawn: composed, without what has no width, and with a sign for each that is missing."""
    for letter in unicodedata.normalize("NFC", text):
        if letter in _font().places or system_font.has(letter):
            yield letter
        elif (base := unicodedata.normalize("NFKD", letter)[0]) in _font().places:
            yield base
        elif not unicodedata.combining(letter):
            yield " " if letter.isspace() else _MISSING


def _advance(letter: str, size: float) -> float:
    place = _font().places.get(letter)
    return float(_font().advances[place]) * size if place is not None else system_font.advance(letter, size)


@cache
def _mask(letter: str, size: float) -> _Mask | None:
    """How much ink each pixel of a letter has, 0 to 255; None of a letter without any."""
    place = _font().places.get(letter)
    if place is None:
        return _Mask(*system_font.ink(letter, size))
    lines = _font().lines(place)
    if not lines:
        return None
    every = np.concatenate(lines) * size
    left, top = np.floor(every.min(0)).astype(int) - 1
    right, bottom = np.ceil(every.max(0)).astype(int) + 1
    fine = np.zeros(((bottom - top) * _FINE, (right - left) * _FINE), np.uint8)
    outward = np.sign(_area(lines[0]))
    for line in lines:
        corners = np.rint((line * size - (left, top)) * _FINE * 16 - 8).astype(np.int32)
        cv2.fillPoly(fine, [corners], (255.0 if np.sign(_area(line)) == outward else 0.0,), cv2.LINE_8, 4)
    ink = np.asarray(cv2.resize(fine, (right - left, bottom - top), interpolation=cv2.INTER_AREA), np.uint8)
    return _Mask(ink, int(left), int(top))


def _blend(canvas: Picture, ink: Mask, left: int, top: int, colour: Colour) -> None:
    x, y = max(left, 0), max(top, 0)
    part = canvas[y : top + ink.shape[0], x : left + ink.shape[1]] if top + ink.shape[0] > 0 else canvas[:0]
    if part.size and left + ink.shape[1] > 0:
        share = ink[y - top :, x - left :][: part.shape[0], : part.shape[1], None] / 255.0
        part[:] = np.rint(part * (1 - share) + np.array(colour) * share)
