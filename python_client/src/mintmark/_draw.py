"""A recognition drawn on its photo: the coin's outline and the matches' names and scores."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mintmark._ascii import ascii_text
from mintmark._errors import MintmarkError
from mintmark._types import Ellipse, Entry, Recognition

Picture = npt.NDArray[np.uint8]

_MIN_SIDE = 480  # px: smaller photos are enlarged, or nothing could be read on them
_LINES = 5  # matches written on the photo at most
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHITE, _BLACK, _GREEN, _AMBER = (255, 255, 255), (0, 0, 0), (80, 220, 60), (40, 170, 255)
_LINE_STEP = 36  # px from line to line at font scale 1
_SHIFT = 4  # cv2 takes coordinates in 1/16 px


def load(path: str) -> Picture:
    """The photo, BGR uint8 [h, w, 3], EXIF rotation applied."""
    picture = cv2.imdecode(np.frombuffer(Path(path).read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise MintmarkError(f"cannot draw on {path}: OpenCV does not read it")
    return np.asarray(picture, dtype=np.uint8)


def save(path: Path, picture: Picture) -> None:
    """Write the picture in the format of the path's suffix."""
    try:
        _, data = cv2.imencode(path.suffix, picture)
    except cv2.error as error:
        raise MintmarkError(f"cannot draw to {path}: no picture format has the suffix {path.suffix!r}") from error
    path.write_bytes(data.tobytes())


def draw(photo: Picture, recognition: Recognition) -> Picture:
    """A copy of the photo, BGR uint8 [h, w, 3], with outline and matches; photos under 480 px come back larger."""
    factor = max(1, -(-_MIN_SIDE // min(photo.shape[:2])))
    size = (photo.shape[1] * factor, photo.shape[0] * factor)
    canvas = np.array(cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC) if factor > 1 else photo, dtype=np.uint8)
    colour = _GREEN if recognition.known else _AMBER
    outline = enlarged(recognition.ellipse, factor) if recognition.ellipse else None
    panel = _panel(canvas, _captions(recognition), at_top=outline is not None and outline.cy > canvas.shape[0] / 2)
    strip = canvas[panel.top : panel.top + panel.height]
    strip[:] = (strip * 0.3).astype(np.uint8)
    if outline is not None:  # over the strip: in a close-up the coin reaches under it
        draw_outline(canvas, outline, colour)
    _write(canvas, panel, colour)
    return canvas


def enlarged(ellipse: Ellipse, factor: float) -> Ellipse:
    """The ellipse in a picture scaled by `factor`."""
    # Pixel centres lie on whole numbers, so the photo's corner lies at -0.5.
    cx, cy = ((value + 0.5) * factor - 0.5 for value in (ellipse.cx, ellipse.cy))
    return Ellipse(cx, cy, ellipse.a * factor, ellipse.b * factor, ellipse.angle)


def draw_outline(canvas: Picture, outline: Ellipse, colour: tuple[int, int, int]) -> None:
    """Draw an outline, BGR, into the picture, in place."""
    thickness = max(2, round(min(canvas.shape[:2]) / 200))
    centre, axes = (
        (round(x * 2**_SHIFT), round(y * 2**_SHIFT)) for x, y in ((outline.cx, outline.cy), (outline.a, outline.b))
    )
    for width, ink in ((thickness * 2, _BLACK), (thickness, colour)):  # dark edges stand out on a bright coin
        cv2.ellipse(canvas, centre, axes, outline.angle, 0, 360, ink, width, cv2.LINE_AA, _SHIFT)


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


def _write(canvas: Picture, panel: _Panel, colour: tuple[int, int, int]) -> None:
    thickness = max(1, round(2 * panel.scale))
    for row, line in enumerate(panel.lines):
        baseline = panel.top + panel.margin + _LINE_STEP * panel.scale * (row + 0.75)
        origin = (round(panel.margin), round(baseline))
        for width, ink in ((3 * thickness, _BLACK), (thickness, colour if row == 0 else _WHITE)):
            cv2.putText(canvas, line, origin, _FONT, panel.scale, ink, width, cv2.LINE_AA)


def _text_width(text: str, scale: float) -> float:
    return float(cv2.getTextSize(text, _FONT, scale, max(1, round(2 * scale)))[0][0])
