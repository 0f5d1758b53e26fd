"""The settings of the models, stored in the collection: their threshold, and which embeddings count."""

import json
import time
from typing import Any

from catalog.entry import Makers
from catalog.milvus.connection import Connection
from catalog.milvus.rows import among, setting_row

LEASE = 1.0  # s, for which a server may use settings that it has read


class Settings:
    """Settings of the models of a catalog, read again when they are older than LEASE.

    So a search needs no request for them. It still uses every setting that was changed before it began: a change only
    returns when no server can use the old value.

    Args:
        connection: to the collection.
        makers: the models.
    """

    def __init__(self, connection: Connection, makers: Makers) -> None:
        self._connection = connection
        # Release 0.1 kept thresholds of cosines under the embedding's model alone.
        self._threshold = f"threshold-{makers.embedding}-{makers.relief}"
        self._switched = f"switched-{makers.embedding}"
        self._values: dict[str, Any] = {}
        self._read = float("-inf")  # when the last reading began, on the monotonic clock

    def threshold(self) -> float | None:
        """Calibrated threshold; None if there is none."""
        value = self._current().get(self._threshold)
        return None if value is None else float(value)

    def set_threshold(self, threshold: float) -> None:
        """Keep a threshold; returns when every server uses it."""
        self._set(self._threshold, threshold)

    def switched(self) -> int:
        """Number of the last batch of embeddings that counts. Enrolments are in batch 0."""
        return int(self._current().get(self._switched, 0))

    def set_switched(self, batch: int) -> None:
        """Let the embeddings up to a batch count; returns when every server searches them."""
        self._set(self._switched, batch)

    def refresh(self) -> None:
        """Read the current settings."""
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
