"""What a catalog in Milvus keeps for one model besides its rows: a threshold, and which embeddings count."""

import json
import time
from typing import Any

from catalog.milvus.connection import Connection
from catalog.milvus.rows import among, setting_row

LEASE = 1.0  # s


class Settings:
    """Settings of one model, read anew when they are older than LEASE.

    So searches need no request for them, and a search knows all settings that were changed before it began: who changes
    one waits until nobody can have an older one.

    Args:
        connection: to the collection.
        fingerprint: of the model.
    """

    def __init__(self, connection: Connection, fingerprint: str) -> None:
        self._connection = connection
        self._threshold = f"threshold-{fingerprint}"
        self._switched = f"switched-{fingerprint}"
        self._values: dict[str, Any] = {}
        self._read = float("-inf")  # when the reading began

    def threshold(self) -> float | None:
        """Calibrated threshold; None where there is none."""
        value = self._current().get(self._threshold)
        return None if value is None else float(value)

    def set_threshold(self, threshold: float) -> None:
        """Keep a threshold; returns when everyone has it."""
        self._set(self._threshold, threshold)

    def switched(self) -> int:
        """Number of the last batch of embeddings that counts; what was enrolled is in batch 0."""
        return int(self._current().get(self._switched, 0))

    def set_switched(self, batch: int) -> None:
        """Let the embeddings up to a batch count; returns when everyone searches them."""
        self._set(self._switched, batch)

    def refresh(self) -> None:
        """Read what is there now."""
        began = time.monotonic()
        rows = self._connection.rows(among("id", (self._threshold, self._switched)), ["id", "document"])
        self._values = {row["id"]: json.loads(row["document"]) for row in rows}
        self._read = began

    def _current(self) -> dict[str, Any]:
        if time.monotonic() - self._read > LEASE:
            self.refresh()
        return self._values

    def _set(self, key: str, value: float | int) -> None:
        self._connection.put([setting_row(key, value)])
        time.sleep(LEASE)
        self.refresh()
