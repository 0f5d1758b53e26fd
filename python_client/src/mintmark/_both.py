"""A photo of both sides of a coin, one beside the other, taken apart into a photo of each."""

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from mintmark._errors import InvalidPhoto
from mintmark._pictures.loading import load
from mintmark._requests import fingerprint, half_fingerprints
from mintmark._types import Ellipse, FoundCoin, HalfPhoto, Recognition

BOTH = "both"  # instead of a side: the photo shows obverse and reverse

_ALIKE = 0.8  # the smaller coin's diameter over the larger one's, at least
_OVERLAP = 0.06  # of the smaller coin's diameter, by which outlines may reach into each other: they are not exact
_QUALITY = 95  # of the JPEG


def taken_apart(photo: bytes, coins: Sequence[FoundCoin]) -> tuple[HalfPhoto, HalfPhoto]:
    """The left and the right half of a photo, or the upper and the lower one, cut between its two coins.

    InvalidPhoto if it does not show two coins, of about the same size, that a straight cut parts.
    """
    if len(coins) != 2:
        raise InvalidPhoto(
            f"a photo of both sides shows two coins, one beside the other; in this one, {len(coins)} are found"
        )
    outlines = [coin.ellipse for coin in coins]
    small, large = sorted(2 * math.sqrt(outline.a * outline.b) for outline in outlines)
    if small < _ALIKE * large:
        raise InvalidPhoto(
            f"a photo of both sides shows two coins of about the same size; of this one, they are {small:.0f} and"
            f" {large:.0f} px across, a ratio of {small / large:.2f}, and {_ALIKE:.2f} is needed"
        )
    gaps = [_gap(outlines, axis) for axis in (0, 1)]
    axis = 0 if gaps[0][0] >= gaps[1][0] else 1
    gap, place = gaps[axis]
    if gap < -_OVERLAP * small:
        raise InvalidPhoto("the two coins of this photo overlap, or lie askew: no straight cut leaves both whole")
    picture = load(photo)
    one, other = (picture[:, :place], picture[:, place:]) if axis == 0 else (picture[:place], picture[place:])
    first, second = half_fingerprints(fingerprint(photo))
    corner = (place, 0) if axis == 0 else (0, place)
    return HalfPhoto(_jpeg(one), first, (0, 0)), HalfPhoto(_jpeg(other), second, corner)


def in_whole(answer: Recognition, half: HalfPhoto) -> Recognition:
    """An answer about a half, with its ellipse where it lies in the whole photo."""
    if answer.ellipse is None:
        return answer
    x, y = half.corner
    return replace(answer, ellipse=replace(answer.ellipse, cx=answer.ellipse.cx + x, cy=answer.ellipse.cy + y))


def _gap(outlines: Sequence[Ellipse], axis: int) -> tuple[float, int]:
    """How far apart two outlines are along an axis, and the first pixel after the middle of the gap."""
    one, other = sorted(_range(outline, axis) for outline in outlines)
    return other[0] - one[1], round((one[1] + other[0]) / 2 + 0.5)


def _range(outline: Ellipse, axis: int) -> tuple[float, float]:
    """From where to where an ellipse reaches along an axis, px."""
    turn = math.radians(outline.angle)
    along, across = (math.cos(turn), math.sin(turn)) if axis == 0 else (math.sin(turn), math.cos(turn))
    reach = math.hypot(outline.a * along, outline.b * across)
    middle = (outline.cx, outline.cy)[axis]
    return middle - reach, middle + reach


def _jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
