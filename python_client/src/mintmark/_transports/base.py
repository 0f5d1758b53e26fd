"""The seam between the client and whatever answers it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Tensors = dict[str, npt.NDArray[Any]]


class Transport(Protocol):
    """Carries one inference to a server and back. Implementations may be called from several threads at once."""

    def infer(
        self,
        model: str,
        inputs: Tensors,
        outputs: Sequence[str],
        parameters: Mapping[str, str | int | bool],
        timeout: float,
    ) -> Tensors:
        """Ask `model` for `outputs`, and wait for the answer for `timeout` seconds at most.

        Every tensor has a leading batch axis; BYTES tensors are object arrays of `bytes`. What the server left out is
        left out of the result too. Raises MintmarkError.
        """

    def close(self) -> None:
        """Let go of connections."""


def bytes_tensor(value: bytes) -> npt.NDArray[np.object_]:
    """One BYTES element as the object array [1, 1] that a batch of one takes."""
    tensor = np.empty((1, 1), dtype=np.object_)
    tensor[0, 0] = value  # assigned: np.array([[value]]) would lose trailing zero bytes
    return tensor
