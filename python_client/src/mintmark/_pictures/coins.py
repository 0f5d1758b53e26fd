"""All coins of a photo, outlined and numbered."""

from collections.abc import Sequence

import cv2
import numpy as np

from mintmark._pictures.canvas import Colour, Picture, draw_outline, enlarged
from mintmark._pictures.text import text_width, write
from mintmark._types import FoundCoin

_LEAST_SIDE = 960  # px; smaller photos are enlarged so that the numbers can be read
_DIGIT = 0.73  # height of a digit, of the size of the text
_BLACK, _GREEN, _AMBER = (0, 0, 0), (80, 220, 60), (40, 170, 255)


def draw_coins(photo: Picture, coins: Sequence[FoundCoin]) -> Picture:
    """A copy of the photo with an outline and its number at each coin, green where it is known; small ones enlarged."""
    factor = max(1, -(-_LEAST_SIDE // max(photo.shape[:2])))
    size = (photo.shape[1] * factor, photo.shape[0] * factor)
    canvas = np.array(cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC) if factor > 1 else photo, dtype=np.uint8)
    for number, coin in enumerate(coins, 1):
        outline, colour = enlarged(coin.ellipse, factor), _GREEN if coin.known else _AMBER
        draw_outline(canvas, outline, colour)
        _write(canvas, str(number), (outline.cx, outline.cy), 0.8 * outline.b, colour)
    return canvas


def _write(canvas: Picture, text: str, centre: tuple[float, float], height: float, colour: Colour) -> None:
    """A number about a centre, at most so high and as wide, px, with a dark edge."""
    size = height / max(text_width(text, 1.0), _DIGIT)
    place = centre[0] - text_width(text, size) / 2, centre[1] + _DIGIT * size / 2
    edge = max(1, round(size / 20))
    for x, y in ((-edge, 0), (edge, 0), (0, -edge), (0, edge)):
        write(canvas, text, (place[0] + x, place[1] + y), size, _BLACK)
    write(canvas, text, place, size, colour)
