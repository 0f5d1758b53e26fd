"""Refusals of photos that would cost more than the limits allow."""

from ensemble.contract import MAX_MEGAPIXELS
from ensemble.errors import PhotoError
from ensemble.limits import Limits

LEAST_PIXEL_BYTES = 10  # of memory for a decoded pixel, see ensemble/photo/decoding.py


def check_size(width: int, height: int, limits: Limits) -> None:
    """Refuse a picture of too many pixels, or with too long a side. Raises PhotoError."""
    megapixels = width * height / 1e6
    if megapixels > MAX_MEGAPIXELS:
        size = f"{width} x {height} pixels, {megapixels:.1f} megapixels"
        raise PhotoError(f"the photo has {size}; the limit is {MAX_MEGAPIXELS:g}: send a smaller one")
    if max(width, height) > limits.side:
        raise PhotoError(f"the photo has {width} x {height} pixels; the limit of a side is {limits.side}")


def check_memory(needed: float, limits: Limits) -> None:
    """Refuse a picture that takes too much memory. Raises PhotoError."""
    if needed > limits.memory:
        raise PhotoError(
            f"decoding the photo takes {needed / 1e6:.0f} MB; the limit is {limits.memory / 1e6:.0f}: send a smaller"
            " one, or an ordinary JPEG"
        )


def check_count(count: int, most: int, what: str) -> None:
    """Refuse a photo of too many parts. Raises PhotoError."""
    if count > most:
        raise PhotoError(f"the photo has more than {most} {what}: send an ordinary JPEG")
