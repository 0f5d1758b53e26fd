"""The seam between the model `decode` and what decodes its photos: all of a batch, each with a result of its own."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TypeAlias

import cv2

from backends.cores import Cores
from ensemble.photo import Photo, decode

Decoded: TypeAlias = Photo | Exception  # a PhotoError, where the photo is to blame
Decode: TypeAlias = Callable[[Sequence[bytes]], list[Decoded]]


def decoder_for(kind: str, device: int, cores: Cores | None) -> Decode:
    """What decodes photos on a model instance.

    Args:
        kind: of the instance, as Triton names it: 'CPU' or 'GPU'.
        device: number of the GPU.
        cores: of which one is held while a CPU decodes; None takes what the system gives.

    Raises:
        JpegBatchError: an instance on a GPU cannot decode there.
    """
    if kind == "GPU":
        from backends.jpeg_batch import JpegBatch  # what it imports is installed on GPU hosts only

        return JpegBatch(device).decode
    cv2.setNumThreads(1)  # each photo has one core
    return partial(decode_each, cores=cores)


def decode_each(photos: Sequence[bytes], cores: Cores | None = None) -> list[Decoded]:
    """Decode photo files one by one on the CPU; what is wrong with one is its result."""
    decoded = []
    for encoded in photos:
        with cores.taken(1) if cores else nullcontext():
            decoded.append(decode_or_error(encoded))
    return decoded


def decode_or_error(encoded: bytes) -> Decoded:
    """Decode one photo file on the CPU, or return why that failed."""
    try:
        return decode(encoded)
    except Exception as error:
        return error
