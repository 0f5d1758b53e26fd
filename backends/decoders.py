"""Chooses what decodes photos on an instance of the model `decode`: the CPU one by one, or the GPU in batches."""

import cv2

from backends.cpu_decoder import Decode, decode_each
from backends.jpeg_batch import JpegBatch


def decoder_for(kind: str, device: int) -> Decode:
    """The decoder for a model instance.

    Args:
        kind: of the instance, as Triton names it: 'CPU' or 'GPU'.
        device: number of the GPU.

    Raises:
        JpegBatchError: the instance is on a GPU that cannot decode.
    """
    if kind == "GPU":
        return JpegBatch(device).decode
    cv2.setNumThreads(1)  # each photo has one core
    return decode_each
