"""Triton model `decode`: photo files to canvases."""

from typing import Any

import numpy as np

from backends.adapter import Answer, answer_each, array
from ensemble.contract import CANVAS, ENCODED, EXTENT, SCALE
from ensemble.photo import decode


class TritonPythonModel:
    """Adapts `ensemble.photo.decode` to Triton."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Decode the photos of every request."""
        return answer_each(requests, self._answer)

    def _answer(self, request: Any) -> Answer:
        photos = [decode(encoded) for encoded in array(request, ENCODED).reshape(-1)]
        return {
            CANVAS: np.stack([photo.canvas for photo in photos]),
            EXTENT: np.stack([photo.extent for photo in photos]),
            SCALE: np.stack([photo.scale for photo in photos]),
        }
