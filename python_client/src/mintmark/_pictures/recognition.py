"""A recognition drawn: the photo with the coin's outline, and beside it the matches with their catalog pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mintmark._contract import IMAGE_SIZE
from mintmark._pictures.alike import agreement, turned
from mintmark._pictures.canvas import Picture, decoded, draw_outline, enlarged
from mintmark._pictures.text import cut, write
from mintmark._types import Entry, Match, PairRecognition, Recognition, View

MATCHES = 3  # that are drawn
SIDES = 2  # pictures of each
LEAST_HEIGHT, MOST_HEIGHT = 640, 1080  # px of the photo as it is drawn
UNITS = 24  # of which the height of a picture has so many; lengths of the panel are in them
LIKELY = 0.9  # score from which a known coin is very likely
_GROUND, _INK, _FAINT, _GREEN, _AMBER = (255, 255, 255), (40, 40, 40), (120, 120, 120), (50, 150, 20), (20, 120, 220)


@dataclass(frozen=True)
class Alike:
    """The photo's coin as a circle, and the catalog picture that it matched: BGR [IMAGE_SIZE, IMAGE_SIZE, 3]."""

    coin: Picture
    match: Picture
    angle: float


@dataclass(frozen=True)
class _Row:
    """A match as it is drawn: catalog pictures, each with the angle by which it is turned, and what is said of it."""

    entry: Entry
    score: float
    sides: str
    pictures: list[tuple[View, float]]


def draw_recognition(
    photo: Picture, recognition: Recognition, views: Sequence[Sequence[View]], alike: Alike | None = None
) -> Picture:
    """The photo with nothing on the coin but its outline; beside it the verdict and the first MATCHES matches.

    `views`: of the entry of each match that is drawn. `alike`: what is shown closely under the matches.
    """
    height = min(max(photo.shape[0], LEAST_HEIGHT), MOST_HEIGHT)
    rows = [
        _Row(match.entry, match.score, match.side, _pictures([match], kept))
        for match, kept in zip(recognition.matches, views, strict=False)
    ]
    panel = _panel(height, recognition, rows)
    if alike is not None:
        _draw_alike(panel, alike)
    return np.asarray(np.hstack([_outlined(photo, [recognition], recognition.known, height), panel]), np.uint8)


def draw_pair(photos: Sequence[Picture], pair: PairRecognition, views: Sequence[Sequence[View]]) -> Picture:
    """Photos of both sides, each with its outline, or one photo with both; beside them as `draw_recognition`."""
    height = min(max(LEAST_HEIGHT, *(photo.shape[0] for photo in photos)), MOST_HEIGHT)
    rows = []
    for found, kept in zip(pair.matches, views, strict=False):
        seen = [match for match in found.matches if match]
        sides = " + ".join(dict.fromkeys(match.side for match in seen))
        rows.append(_Row(found.entry, found.score, sides, _pictures(seen, kept)))
    of_each = [pair.answers] if len(photos) == 1 else [(answer,) for answer in pair.answers]
    shown = [_outlined(photo, answers, pair.known, height) for photo, answers in zip(photos, of_each, strict=True)]
    return np.asarray(np.hstack([*shown, _panel(height, pair, rows)]), np.uint8)


def _outlined(photo: Picture, answers: Sequence[Recognition], known: bool, height: int) -> Picture:
    factor = height / photo.shape[0]
    how = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
    size = max(1, round(photo.shape[1] * factor)), height
    seen = np.array(cv2.resize(photo, size, interpolation=how), np.uint8)
    for answer in answers:
        if answer.ellipse is not None:
            draw_outline(seen, enlarged(answer.ellipse, factor), _GREEN if known else _AMBER)
    return seen


def _panel(height: int, answer: Recognition | PairRecognition, rows: Sequence[_Row]) -> Picture:
    unit = height / UNITS
    panel = np.full((height, round(18 * unit), 3), _GROUND, np.uint8)
    colour = _GREEN if answer.known else _AMBER
    write(panel, verdict(answer), (unit / 2, 1.4 * unit), unit, colour)
    beside = max((len(row.pictures) for row in rows), default=0)
    for number, row in enumerate(rows[:MATCHES]):
        _draw_row(panel, row, (2.3 + 5 * number) * unit, beside)
    return panel


def verdict(answer: Recognition | PairRecognition) -> str:
    """The answer in words."""
    if not any(one.found for one in (answer.answers if isinstance(answer, PairRecognition) else (answer,))):
        return "no coin found"
    if not answer.matches:
        return "not in the catalog"
    if not answer.known:
        return "not in the catalog; nearest:"
    return "very likely" if answer.matches[0].score >= LIKELY else "probably"


def _draw_row(panel: Picture, row: _Row, top: float, beside: int) -> None:
    """One match from a height of the panel on; its text lies right of as many pictures as any match has."""
    unit = panel.shape[0] / UNITS
    side = round(4.4 * unit)
    for place, (view, angle) in enumerate(row.pictures):
        left = round(unit / 2) + place * (side + round(unit / 4))
        coin = turned(decoded(view.picture), angle)
        panel[round(top) : round(top) + side, left : left + side] = _fitted(coin, side)
    entry = row.entry
    year = "" if entry.year is None else str(entry.year)
    lines = (
        (entry.name, 0.8, _INK),
        (" ".join(filter(None, (entry.country, year, entry.mint_mark))), 0.6, _INK),
        (f"{entry.denomination} {entry.currency}, {row.sides}", 0.6, _INK),
        (f"{row.score:.2f}   {entry.id}", 0.5, _FAINT),
    )
    start, base = 0.75 * unit + beside * (side + unit / 4), top + 1.1 * unit
    for text, size, ink in lines:
        write(panel, cut(text, size * unit, panel.shape[1] - start - unit / 4), (start, base), size * unit, ink)
        base += unit


def _pictures(matches: Sequence[Match], views: Sequence[View]) -> list[tuple[View, float]]:
    """Views that are drawn, with their angles: first those that matched, as they lie in the photo, then other sides."""
    angles = {match.view: match.angle or 0.0 for match in matches}
    kept = [view for view in views if view.picture]
    shown = [view for key in angles for view in kept if view.id == key]
    for view in kept:
        if view.side not in {other.side for other in shown}:
            shown.append(view)
    return [(view, angles.get(view.id, 0.0)) for view in shown[:SIDES]]


def _draw_alike(panel: Picture, alike: Alike) -> None:
    unit = panel.shape[0] / UNITS
    top = 17.7 * unit
    match = turned(alike.match, alike.angle)
    agree = agreement(alike.coin, match)
    side, step = round(5 * unit), round(5.6 * unit)
    captions = ("the photo", "the catalog", "what agrees")
    for place, (picture, text) in enumerate(zip((turned(alike.coin, 0.0), match, agree), captions, strict=True)):
        left = round(unit / 2) + place * step
        panel[round(top) : round(top) + side, left : left + side] = _fitted(picture, side)
        write(panel, text, (left, top + 5.7 * unit), 0.5 * unit, _FAINT)


def _fitted(picture: Picture, side: int) -> Picture:
    how = cv2.INTER_AREA if side < IMAGE_SIZE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (side, side), interpolation=how), np.uint8)
