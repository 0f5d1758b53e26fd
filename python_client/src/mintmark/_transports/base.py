"""The interface between the client and whatever answers its requests."""

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
        """Ask `model` for `outputs`, and wait at most `timeout` seconds for the answer.

        Every tensor has a leading batch axis. BYTES tensors are object arrays of `bytes`. The result lacks the tensors
        that the server left out. Raises MintmarkError.
        """

    def ready(self, timeout: float) -> bool:
        """Whether the server says within `timeout` seconds that it is ready; False where nothing answers."""

    def close(self) -> None:
        """Close the connections."""


def bytes_tensor(value: bytes) -> npt.NDArray[np.object_]:
    """A batch of one BYTES element: an object array [1, 1]."""
    tensor = np.empty((1, 1), dtype=np.object_)
    # Assigned: np.array([[value]]) would lose trailing zero bytes. Triton's client takes no class derived from bytes.
    tensor[0, 0] = bytes(value)
    return tensor
