"""A recognition drawn on its photo: the coin's outline, and the names and scores of the matches."""

from dataclasses import dataclass

import cv2
import numpy as np

from mintmark._pictures.canvas import Colour, Picture, ascii_text, draw_outline, enlarged
from mintmark._types import Entry, Recognition

_MIN_SIDE = 480  # px; smaller photos are enlarged so that the text can be read
_LINES = 5  # at most so many matches are written on the photo
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHITE, _BLACK, _GREEN, _AMBER = (255, 255, 255), (0, 0, 0), (80, 220, 60), (40, 170, 255)
_LINE_STEP = 36  # px from line to line at font scale 1


def draw_recognition(photo: Picture, recognition: Recognition) -> Picture:
    """A copy of the photo with outline and matches. Photos with a side below 480 px come back larger."""
    factor = max(1, -(-_MIN_SIDE // min(photo.shape[:2])))
    size = (photo.shape[1] * factor, photo.shape[0] * factor)
    canvas = np.array(cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC) if factor > 1 else photo, dtype=np.uint8)
    colour = _GREEN if recognition.known else _AMBER
    outline = enlarged(recognition.ellipse, factor) if recognition.ellipse else None
    panel = _panel(canvas, _captions(recognition), at_top=outline is not None and outline.cy > canvas.shape[0] / 2)
    strip = canvas[panel.top : panel.top + panel.height]
    strip[:] = (strip * 0.3).astype(np.uint8)
    if outline is not None:  # drawn over the strip: in a close-up the coin reaches under it
        draw_outline(canvas, outline, colour)
    _write(canvas, panel, colour)
    return canvas


def _captions(recognition: Recognition) -> list[str]:
    if not recognition.found:
        return ["no coin found"]
    head = (
        [] if recognition.known else ["not in the catalog; nearest:" if recognition.matches else "not in the catalog"]
    )
    names = [f"{match.score:.2f}  {_title(match.entry)}" for match in recognition.matches[:_LINES]]
    return head + [ascii_text(name) for name in names]


def _title(entry: Entry) -> str:
    year = f" {entry.year}" if entry.year is not None else ""
    return f"{entry.name}, {entry.country}{year}"


@dataclass(frozen=True)
class _Panel:
    """Lines of text on a strip along the photo's top or bottom edge; lengths in px, `scale` is the font's."""

    lines: list[str]
    scale: float
    margin: float
    top: int
    height: int


def _panel(canvas: Picture, lines: list[str], at_top: bool) -> _Panel:
    height, width = canvas.shape[:2]
    scale = min(height, width) / 800
    margin = 20 * scale
    widest = max(_text_width(line, scale) for line in lines)
    scale *= min(1.0, (width - 2 * margin) / widest)
    strip = min(height, round(_LINE_STEP * scale * len(lines) + 2 * margin))
    return _Panel(lines, scale, margin, 0 if at_top else height - strip, strip)


def _write(canvas: Picture, panel: _Panel, colour: Colour) -> None:
    thickness = max(1, round(2 * panel.scale))
    for row, line in enumerate(panel.lines):
        baseline = panel.top + panel.margin + _LINE_STEP * panel.scale * (row + 0.75)
        origin = (round(panel.margin), round(baseline))
        for width, ink in ((3 * thickness, _BLACK), (thickness, colour if row == 0 else _WHITE)):
            cv2.putText(canvas, line, origin, _FONT, panel.scale, ink, width, cv2.LINE_AA)


def _text_width(text: str, scale: float) -> float:
    return float(cv2.getTextSize(text, _FONT, scale, max(1, round(2 * scale)))[0][0])
