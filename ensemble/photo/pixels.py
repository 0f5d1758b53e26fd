"""Decoded values of any depth become what a person sees: RGB of 8 bits, on white where they are transparent."""

import cv2
import numpy as np

_ROWS = 256  # at a time, so that little memory is taken
_DEPTHS = (255, 1_023, 4_095, 16_383, 65_535)  # largest values of 8, 10, 12, 14 and 16 bits
# By EXIF orientation, after the sides are swapped where it lies sideways; 1 is across, 0 down, -1 both.
_FLIPS = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}
SIDEWAYS = (5, 6, 7, 8)


def turned(picture: np.ndarray, turn: int) -> np.ndarray:
    """A stored picture, [h, w, 3], upright: by its orientation, 1 to 8, as EXIF counts."""
    if turn in SIDEWAYS:
        picture = cv2.transpose(picture)
    return cv2.flip(picture, _FLIPS[turn]) if turn in _FLIPS else picture


def rgb_of(values: np.ndarray) -> np.ndarray:
    """RGB of 8 bits.

    Args:
        values: [h, w] or [h, w, channels] of any type: grey, grey and alpha, RGB, or RGB and alpha. Whole numbers count
            in the fewest bits of 8, 10, 12, 14 or 16 that hold the largest of them: cameras write 12 bits into 16.
            Others count from 0 to 1, or to their largest.

    Returns:
        [h, w, 3] uint8.
    """
    if values.ndim == 2:
        values = values[:, :, None]
    channels = values.shape[2]
    if values.dtype == np.uint8 and channels in (1, 3):
        return values if channels == 3 else np.repeat(values, 3, axis=2)
    colours = values[:, :, : channels - (channels in (2, 4))]
    most, opaque = _most(colours), _most(values[:, :, -1])
    picture = np.empty((*values.shape[:2], 3), np.uint8)
    for start in range(0, len(values), _ROWS):
        rows = slice(start, start + _ROWS)
        shown = np.nan_to_num(colours[rows].astype(np.float32), nan=0.0, posinf=most, neginf=0.0) * (255.0 / most)
        if channels in (2, 4):
            alpha = np.clip(np.nan_to_num(values[rows, :, -1:].astype(np.float32)) / opaque, 0, 1)
            shown = 255 + (shown - 255) * alpha
        picture[rows] = np.clip(np.rint(shown), 0, 255)
    return picture


def _most(colours: np.ndarray) -> float:
    """What is white."""
    if colours.dtype == np.uint8:
        return 255.0
    if colours.dtype.kind in "iu":
        largest = float(colours.max(initial=0))
        return float(next((depth for depth in _DEPTHS if largest <= depth), largest))
    return max(1.0, float(np.max(colours, initial=0.0, where=np.isfinite(colours))))
