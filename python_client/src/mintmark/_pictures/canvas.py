"""What all pictures share: files in and out, a coin's outline."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mintmark._errors import MintmarkError
from mintmark._types import Ellipse

Picture = npt.NDArray[np.uint8]
"""BGR [h, w, 3]."""

Colour = tuple[int, int, int]
"""BGR."""

_BLACK = (0, 0, 0)
_SHIFT = 4  # cv2 takes coordinates in 1/16 px


def decoded(data: bytes) -> Picture:
    """A picture of the catalog. MintmarkError if OpenCV cannot read it."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise MintmarkError("cannot draw a picture of the catalog: OpenCV does not read it")
    return np.asarray(picture, dtype=np.uint8)


def save(path: Path, picture: Picture) -> None:
    """Write the picture in the format of the path's suffix. MintmarkError if no format has it."""
    try:
        _, data = cv2.imencode(path.suffix, picture)
    except cv2.error as error:
        raise MintmarkError(f"cannot draw to {path}: no picture format has the suffix {path.suffix!r}") from error
    path.write_bytes(data.tobytes())


def enlarged(ellipse: Ellipse, factor: float) -> Ellipse:
    """The ellipse in a picture scaled by `factor`."""
    # Pixel centres lie on whole numbers, so the photo's corner lies at -0.5.
    cx, cy = ((value + 0.5) * factor - 0.5 for value in (ellipse.cx, ellipse.cy))
    return Ellipse(cx, cy, ellipse.a * factor, ellipse.b * factor, ellipse.angle)


def draw_outline(canvas: Picture, outline: Ellipse, colour: Colour) -> None:
    """Draw an outline into the picture, in place."""
    thickness = max(2, round(min(canvas.shape[:2]) / 200))
    centre, axes = (
        (round(x * 2**_SHIFT), round(y * 2**_SHIFT)) for x, y in ((outline.cx, outline.cy), (outline.a, outline.b))
    )
    for width, ink in ((thickness * 2, _BLACK), (thickness, colour)):  # dark edges stand out on a bright coin
        cv2.ellipse(canvas, centre, axes, outline.angle, 0, 360, ink, width, cv2.LINE_AA, _SHIFT)
