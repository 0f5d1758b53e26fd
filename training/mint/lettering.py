"""Legends: text drawn straight, then bent onto a circle or laid on the field."""

from dataclasses import dataclass

import cv2
import numpy as np

from .relief import MAP_RADIUS, MAP_SIZE, ByteMap, polar

FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_TRIPLEX | cv2.FONT_ITALIC,
    cv2.FONT_HERSHEY_COMPLEX | cv2.FONT_ITALIC,
)
_CAP_HEIGHT = 44  # px, of capitals on the straight strip
_MARGIN = 10  # px, round the text on the strip


@dataclass(frozen=True)
class Face:
    """How a country writes."""

    font: int  # cv2 font
    weight: int  # px of stroke on a strip with capitals of 44 px
    glyph_seed: int | None  # seed of an invented script; None writes Latin letters


def _glyph(character: str, face: Face) -> ByteMap:
    """One sign of an invented script: strokes between the points of a small grid, the same for the same character."""
    rng = np.random.default_rng([face.glyph_seed or 0, ord(character)])
    cell = np.zeros((_CAP_HEIGHT + 2 * _MARGIN, 44), np.uint8)
    if character == " ":
        return cell[:, :22]
    x, y = np.array([6, 20, 34]), np.linspace(_MARGIN + 3, _MARGIN + _CAP_HEIGHT - 3, 4).astype(int)
    for _ in range(int(rng.integers(2, 5))):
        (i, k), (j, m) = rng.integers(0, 3, 2), rng.integers(0, 4, 2)
        if rng.random() < 0.3:
            cv2.ellipse(cell, (int(x[1]), int(y[j])), (11, 8), 0, 0, 360, (255,), face.weight, cv2.LINE_AA)
        else:
            cv2.line(cell, (int(x[i]), int(y[j])), (int(x[k]), int(y[m])), (255,), face.weight, cv2.LINE_AA)
    return cell


def strip(text: str, face: Face) -> ByteMap:
    """The text on a straight strip, _CAP_HEIGHT + 2 * _MARGIN px high."""
    if face.glyph_seed is not None and not text.isdigit():
        return np.concatenate([_glyph(character, face) for character in text], 1)
    scale = cv2.getFontScaleFromHeight(face.font & 7, _CAP_HEIGHT, face.weight)
    (width, _), _ = cv2.getTextSize(text, face.font, scale, face.weight)
    picture = np.zeros((_CAP_HEIGHT + 2 * _MARGIN, width + 2 * _MARGIN), np.uint8)
    origin = (_MARGIN, _MARGIN + _CAP_HEIGHT)
    cv2.putText(picture, text, origin, face.font, scale, (255,), face.weight, cv2.LINE_AA)
    return picture


def on_arc(text: str, face: Face, radius: float, height: float, middle: float, span: float, inward: bool) -> ByteMap:
    """Coverage of text along a circle.

    `radius` of the letters' middle and `height` of capitals in radii, `middle` of the text in radians (0 right,
    clockwise), `span`: most radians it may take. `inward`: feet of the letters point outward (the lower legend).
    """
    picture = strip(text, face)
    rows, columns = picture.shape
    per_radius = _CAP_HEIGHT / height
    angle = min(columns / per_radius / radius, span)
    rho, theta = polar()
    turn = np.mod(theta - np.float32(middle - np.pi), np.float32(2 * np.pi)) - np.float32(np.pi)
    sign = np.float32(-1 if inward else 1)
    u = sign * turn * np.float32(columns / angle) + np.float32(columns / 2)
    v = sign * (np.float32(radius) - rho) * np.float32(per_radius) + np.float32(rows / 2)
    return cv2.remap(picture, u, v, cv2.INTER_LINEAR)


def on_field(text: str, face: Face, x: float, y: float, height: float, width: float, angle: float = 0.0) -> ByteMap:
    """Coverage of straight text centred at x, y (radii), squeezed where it is wider than `width`; angle in radians."""
    picture = strip(text, face)
    rows, columns = picture.shape
    tall = height / _CAP_HEIGHT * MAP_RADIUS
    wide = min(tall, width * MAP_RADIUS / columns)
    c, s = np.cos(angle), np.sin(angle)
    matrix = np.array([[c * wide, -s * tall], [s * wide, c * tall]])
    centre = np.array([x, y]) * MAP_RADIUS + (MAP_SIZE - 1) / 2
    shift = centre - matrix @ ((columns - 1) / 2, (rows - 1) / 2)
    size = (MAP_SIZE, MAP_SIZE)
    return cv2.warpAffine(picture, np.column_stack([matrix, shift]), size, flags=cv2.INTER_LINEAR)
