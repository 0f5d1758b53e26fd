"""Relief maps in the database, by the models that made them."""

from collections.abc import Iterator, Sequence

import numpy as np

from catalog.entry import StoredView
from catalog.folder.sqlite.connection import Connection
from ensemble.contract import RELIEF_HARMONICS, RELIEF_NUMBERS
from ensemble.errors import CatalogError

CHUNK = 5_000  # maps that are read at a time
MAPPER = "SELECT number FROM mappers WHERE fingerprint = ?"  # the model's number, in SQL
_SHAPE = (RELIEF_HARMONICS, RELIEF_NUMBERS)
Maps = tuple[np.ndarray, np.ndarray]  # views [N] int64 and their maps [N, RELIEF_HARMONICS, RELIEF_NUMBERS] int8


class Reliefs:
    """The relief maps of one model. The caller wraps methods that write in a transaction.

    Args:
        connection: to the database.
        fingerprint: of the model; '' for a catalog that keeps no maps.
    """

    def __init__(self, connection: Connection, fingerprint: str) -> None:
        self._connection = connection
        self._fingerprint = fingerprint
        self._looked = 0  # views up to this number have a map, or no picture to make one from

    def put(self, view: int, relief: np.ndarray) -> bool:
        """Keep a view's map, [RELIEF_HARMONICS, RELIEF_NUMBERS] int8; whether it is new. An existing one stays.

        So does nothing happen if the view was removed meanwhile.
        """
        if not self._fingerprint:
            return False
        self._connection.run("INSERT OR IGNORE INTO mappers (fingerprint) VALUES (?)", (self._fingerprint,))
        return bool(
            self._connection.run(
                "INSERT OR IGNORE INTO reliefs (view, mapper, map) "
                "SELECT views.number, mappers.number, ? FROM views JOIN mappers ON fingerprint = ? "
                "WHERE views.number = ?",
                (np.ascontiguousarray(relief, np.int8).tobytes(), self._fingerprint, view),
            ).rowcount
        )

    def among(self, first: int, last: int) -> Iterator[Maps]:
        """The maps of the views from `first` to `last`, in chunks."""
        query = f"SELECT view, map FROM reliefs WHERE view BETWEEN ? AND ? AND mapper = ({MAPPER}) ORDER BY view"
        for rows in self._connection.chunks(query, (first, last, self._fingerprint), CHUNK):
            views = np.fromiter((row[0] for row in rows), np.int64, len(rows))
            data = b"".join(row[1] for row in rows)
            if len(data) != _SHAPE[0] * _SHAPE[1] * len(rows):
                raise CatalogError("relief maps have another length: restore the catalog from a backup or an export")
            yield views, np.frombuffer(data, np.int8).reshape(-1, *_SHAPE)

    def of(self, views: Sequence[int]) -> dict[int, np.ndarray]:
        """The maps of a few views. Views without one are left out."""
        query = f"SELECT view, map FROM reliefs WHERE view IN ({','.join(map(str, views))}) AND mapper = ({MAPPER})"
        rows = self._connection.rows(query, (self._fingerprint,))
        # A damaged one is left out: `python -m catalog check` finds it.
        whole = [(view, blob) for view, blob in rows if len(blob) == _SHAPE[0] * _SHAPE[1]]
        return {view: np.frombuffer(blob, np.int8).reshape(_SHAPE) for view, blob in whole}

    def lacking(self, limit: int) -> list[StoredView]:
        """Views with a picture and without a map; none for a catalog that keeps no maps."""
        if not self._fingerprint:
            return []
        views = self._lacking_after(self._looked, limit) or self._lacking_after(0, limit)
        if views:
            self._looked = int(views[0].id) - 1
        return views

    def _lacking_after(self, after: int, limit: int) -> list[StoredView]:
        rows = self._connection.rows(
            "SELECT views.number, entries.id, side, jpeg FROM views JOIN pictures ON pictures.view = views.number "
            "JOIN entries ON entries.number = views.entry WHERE views.number > ? AND NOT EXISTS "
            f"(SELECT 1 FROM reliefs WHERE reliefs.view = views.number AND mapper = ({MAPPER})) "
            "ORDER BY views.number LIMIT ?",
            (after, self._fingerprint, limit),
        )
        return [StoredView(str(number), entry_id, side, jpeg, None) for number, entry_id, side, jpeg in rows]

    def count(self) -> int:
        """How many views have a map."""
        query = f"SELECT COUNT(*) FROM reliefs WHERE mapper = ({MAPPER})"
        return int(self._connection.value(query, (self._fingerprint,)))

    def forget_others(self) -> None:
        """Drop the maps of all other models."""
        others = "SELECT number FROM mappers WHERE fingerprint != ?"
        self._connection.run(f"DELETE FROM reliefs WHERE mapper IN ({others})", (self._fingerprint,))
        self._connection.run("DELETE FROM mappers WHERE fingerprint != ?", (self._fingerprint,))
