"""The seam between the model `decode` and what decodes its photos: all of a batch, each with a result of its own."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import cv2

from ensemble.photo import Photo, decode

Decoded: TypeAlias = Photo | Exception  # a PhotoError, where the photo is to blame
Decode: TypeAlias = Callable[[Sequence[bytes]], list[Decoded]]


def decoder_for(kind: str, device: int) -> Decode:
    """What decodes photos on a model instance.

    Args:
        kind: of the instance, as Triton names it: 'CPU' or 'GPU'.
        device: number of the GPU.

    Raises:
        JpegBatchError: an instance on a GPU cannot decode there.
    """
    if kind == "GPU":
        from backends.jpeg_batch import JpegBatch  # what it imports is installed on GPU hosts only

        return JpegBatch(device).decode
    cv2.setNumThreads(1)  # each photo has one core
    return decode_each


def decode_each(photos: Sequence[bytes]) -> list[Decoded]:
    """Decode photo files one by one on the CPU; what is wrong with one is its result."""
    return [decode_or_error(encoded) for encoded in photos]


def decode_or_error(encoded: bytes) -> Decoded:
    """Decode one photo file on the CPU, or return why that failed."""
    try:
        return decode(encoded)
    except Exception as error:
        return error
