"""What both compute backends are to their `model.py`: a session that answers requests."""

from collections.abc import Sequence
from typing import Any, Protocol


class Session(Protocol):
    """One compute model, loaded and ready."""

    def run(self, feeds: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Answer several requests.

        Args:
            feeds: per request, its inputs by name, each [B, …]; B may differ between requests.

        Returns:
            Per request, its outputs by name, each [B, …]; arrays lie where the backend computes.
        """
