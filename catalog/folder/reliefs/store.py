"""What keeps relief maps for searches, by the number of the view."""

from typing import Any, Protocol

import numpy as np

from ensemble.contract import RELIEF_HARMONICS, RELIEF_NUMBERS

SHAPE = (RELIEF_HARMONICS, RELIEF_NUMBERS)
SIZE = RELIEF_HARMONICS * RELIEF_NUMBERS  # bytes of a map


class ReliefStore(Protocol):
    """Maps of views. A view has one map for good, so writing one again changes nothing."""

    @property
    def xp(self) -> Any:
        """Module of the arrays that `rows` gives: numpy, or CuPy."""

    @property
    def sequence(self) -> int:
        """Number of the last change whose maps are here."""

    @property
    def identity(self) -> str:
        """Of the database whose maps are here; '' before the first `start_over`, and then it is empty."""

    def start_over(self, identity: str) -> None:
        """Drop everything: what comes is of the database with this identity. Raises OSError."""

    def put(self, views: np.ndarray, maps: np.ndarray) -> None:
        """Keep the maps of [N] views, [N, RELIEF_HARMONICS, RELIEF_NUMBERS] int8. Raises OSError."""

    def reached(self, sequence: int) -> None:
        """All maps up to this change are here. Raises OSError."""

    def rows(self, views: np.ndarray) -> Any:
        """The maps of [N] views, [N, RELIEF_HARMONICS, RELIEF_NUMBERS] int8; zeros for a view that has none.

        Raises:
            OSError: they cannot be read.
        """

    def close(self) -> None:
        """Close files."""
