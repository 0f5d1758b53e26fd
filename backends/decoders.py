"""Chooses what decodes photos on an instance of the model `decode`: the CPU one by one, or the GPU in batches."""

from functools import partial

import cv2

from backends.cpu_decoder import Decode, decode_each
from backends.jpeg_batch import JpegBatch
from ensemble.limits import DEFAULT, Limits


def decoder_for(gpu: int | None, limits: Limits = DEFAULT) -> Decode:
    """The decoder for a model instance.

    Args:
        gpu: number of the GPU that the instance is on; None for the CPU.
        limits: what decoding one photo may cost.

    Raises:
        JpegBatchError: the instance is on a GPU that cannot decode.
    """
    if gpu is not None:
        return JpegBatch(gpu, limits=limits).decode
    cv2.setNumThreads(1)  # each photo has one core
    return partial(decode_each, limits=limits)
