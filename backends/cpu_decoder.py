"""Decodes photos one by one on the CPU. Every photo has a result of its own: the decoded photo, or its error."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from ensemble.limits import DEFAULT, Limits
from ensemble.photo import Photo, decode

Decoded: TypeAlias = Photo | Exception  # a PhotoError where the photo is to blame
Decode: TypeAlias = Callable[[Sequence[bytes]], list[Decoded]]


def decode_each(photos: Sequence[bytes], limits: Limits = DEFAULT) -> list[Decoded]:
    """Decode photo files; a file that cannot be decoded has its error as result."""
    return [decode_or_error(encoded, limits) for encoded in photos]


def decode_or_error(encoded: bytes, limits: Limits = DEFAULT) -> Decoded:
    """Decode one photo file, or return why that failed."""
    try:
        return decode(encoded, limits)
    except Exception as error:
        return error
