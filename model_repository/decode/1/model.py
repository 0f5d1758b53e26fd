"""Triton model `decode`: decodes photo files onto canvases."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from backends.adapter import Answer, answer_each, array, gpu_of, parameters
from backends.cpu_decoder import Decoded
from backends.decoders import decoder_for
from ensemble.access import check_read
from ensemble.contract import CANVAS, ENCODED, EXTENT, SCALE
from ensemble.errors import AccessError
from ensemble.limits import Limits


class TritonPythonModel:
    """Adapts the decoder of this instance's device to Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Start the decoder."""
        self.decode = decoder_for(gpu_of(args), Limits.of())

    def execute(self, requests: list[Any]) -> list[Any]:
        """Decode the photos of all requests together, and answer each request on its own."""
        photos = [_photos(request) for request in requests]
        decoded = iter(self.decode([encoded for batch in photos for encoded in batch if isinstance(encoded, bytes)]))
        results = [[each if isinstance(each, AccessError) else next(decoded) for each in batch] for batch in photos]
        return answer_each(results, self._answer)

    def _answer(self, decoded: Sequence[Decoded]) -> Answer:
        photos = []
        for result in decoded:
            if isinstance(result, Exception):
                raise result
            photos.append(result)
        return {
            CANVAS: np.stack([photo.canvas for photo in photos]),
            EXTENT: np.stack([photo.extent for photo in photos]),
            SCALE: np.stack([photo.scale for photo in photos]),
        }


def _photos(request: Any) -> list[bytes] | list[AccessError]:
    """The photos of a request; the error alone if it may not read: nothing of it is decoded."""
    try:
        check_read(parameters(request))
    except AccessError as error:
        return [error]
    return list(array(request, ENCODED).reshape(-1).tolist())
