"""Relief maps in a collection of their own, `<collection>_reliefs`, by views and by the models that made them.

The collection of views cannot take them: Milvus adds no fields to a collection that is there. A map belongs to a view,
whichever models embed it, and stays as it is for good.
"""

import base64
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from catalog.entry import StoredView
from catalog.milvus.connection import PAGE, Connection
from catalog.milvus.relief_cache import ReliefCache
from catalog.milvus.rows import NO_VECTOR, among, quoted, row_id, view_id_at
from catalog.milvus.schema import RELIEFS, UNUSED_VECTOR, prepare_reliefs
from catalog.milvus.standing import Lacking, standing
from ensemble.contract import RELIEF_HARMONICS, RELIEF_NUMBERS
from ensemble.errors import CatalogError

SHAPE = (RELIEF_HARMONICS, RELIEF_NUMBERS)
SIZE = RELIEF_HARMONICS * RELIEF_NUMBERS  # bytes of a map
_AT_ONCE = 5000  # maps that one request stores, of 3,400 bytes each; Milvus takes 64 MiB
_SETTLED = 3600.0  # s, after which a map without a view is one that was left over, and not one whose view is coming
_log = logging.getLogger("mintmark.catalog")


@dataclass(frozen=True)
class NewMap:
    """A relief map to store: of a view of an entry, [RELIEF_HARMONICS, RELIEF_NUMBERS] int8."""

    view: str
    entry: str
    relief: np.ndarray


class Reliefs:
    """The relief maps of one model.

    A server that may not make the collection goes on without: all views are without a map until another server has.

    Args:
        connection: to the collection of views.
        mapper: the model; '' for a catalog that keeps no maps.

    Raises:
        CatalogError: the collection is there and holds something else.
    """

    def __init__(self, connection: Connection, mapper: str) -> None:
        self._connection = connection.beside(connection.collection + RELIEFS)
        self._views = connection
        self._mapper = mapper
        self._own = f"mapper == {quoted(mapper)}"
        self._cache = ReliefCache()
        self._unmapped = Lacking(connection, self._mapped)
        self._ready = False
        if mapper:
            self._try_to_prepare()

    @property
    def kept(self) -> bool:
        """Whether the catalog keeps maps."""
        return bool(self._mapper)

    def _try_to_prepare(self) -> None:
        try:
            self._prepare()
        except CatalogError as error:
            if self._connection.call("has_collection", self._connection.collection):
                raise
            _log.warning("relief maps cannot be kept, views are judged by their embedding alone: %s", error)

    def _prepare(self) -> None:
        if not self._ready:
            prepare_reliefs(self._connection)
            self._ready = True

    def _there(self) -> bool:
        """Whether the collection is there and can be read."""
        if not self._ready and self._connection.call("has_collection", self._connection.collection):
            self._ready = UNUSED_VECTOR in self._connection.call("list_indexes", self._connection.collection)
        return self._ready

    def put(self, maps: Sequence[NewMap]) -> None:
        """Store maps. If that fails, some may be stored."""
        if maps:
            self._prepare()
        for start in range(0, len(maps), _AT_ONCE):
            self._connection.put(
                [
                    {
                        "id": row_id(one.view, self._mapper),
                        "view": one.view,
                        "entry": one.entry,
                        "mapper": self._mapper,
                        "map": base64.b64encode(np.ascontiguousarray(one.relief, np.int8).tobytes()).decode(),
                        UNUSED_VECTOR: NO_VECTOR,
                    }
                    for one in maps[start : start + _AT_ONCE]
                ]
            )

    def put_if_there(self, reliefs: Iterable[tuple[str, np.ndarray]]) -> None:
        """See `Catalog.put_reliefs`. Entries may be removed meanwhile, so it looks again afterwards."""
        pending = dict(reliefs)
        if not self._mapper or not pending:
            return
        for view in self._mapped(list(pending)):
            del pending[view]
        rows = standing(self._views, list(pending), ["entry"])
        self.put([NewMap(row["view"], row["entry"], pending[row["view"]]) for row in rows])
        left = {row["view"] for row in standing(self._views, [row["view"] for row in rows], [])}
        self._drop([row["view"] for row in rows if row["view"] not in left])

    def _drop(self, views: Sequence[str]) -> None:
        if views:
            self._connection.delete(among("id", [row_id(view, self._mapper) for view in views]))

    def of(self, views: Sequence[str]) -> dict[str, np.ndarray]:
        """The maps of some views, [RELIEF_HARMONICS, RELIEF_NUMBERS] int8 each. Views without one are left out."""
        return {view: np.frombuffer(data, np.int8).reshape(SHAPE) for view, data in self._read(views).items()}

    def remembered(self, views: Iterable[str]) -> dict[str, bytes]:
        """The same for a search, as bytes. Maps that searches have used before come from this process's memory."""
        wanted = set(views)
        found = self._cache.get(wanted)
        read = self._read(sorted(wanted.difference(found)))
        self._cache.put(read)
        return {**found, **read}

    def _read(self, views: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for part in self._parts(views):
            found |= {row["view"]: _data(row["map"]) for row in self._connection.rows(part, ["id", "view", "map"])}
        return found

    def _mapped(self, views: Sequence[str]) -> set[str]:
        """Those of some views that have a map."""
        parts = self._parts(views)
        return {row["view"] for part in parts for row in self._connection.rows(part, ["id", "view"])}

    def _parts(self, views: Sequence[str]) -> list[str]:
        """Expressions for the rows of views, each for one request."""
        if not self._mapper or not views or not self._there():
            return []
        ids = [row_id(view, self._mapper) for view in views]
        return [among("id", ids[start : start + PAGE]) for start in range(0, len(ids), PAGE)]

    def unmapped(self, limit: int) -> list[StoredView]:
        """See `Catalog.unmapped`."""
        return self._unmapped.first(limit) if self._mapper else []

    def move(self, view: str, entry_id: str) -> None:
        """Let a view's maps belong to another entry."""
        if self._there():
            rows = self._connection.rows(f"view == {quoted(view)}", ["*"])
            self._connection.put([{**row, "entry": entry_id, UNUSED_VECTOR: NO_VECTOR} for row in rows])

    def remove_view(self, view: str) -> None:
        """Delete all maps of a view, which is gone."""
        if self._there():
            self._connection.delete(f"view == {quoted(view)}")

    def remove(self, entry_id: str) -> None:
        """Delete all maps of an entry, whose views are gone."""
        if self._there():
            self._connection.delete(f"entry == {quoted(entry_id)}")

    def count(self) -> int:
        """How many views have a map."""
        return self._connection.count(self._own) if self._mapper and self._there() else 0

    def forget_others(self) -> None:
        """Drop the maps of all other models, and those that were left over when a server ended halfway."""
        if not self._there():
            return
        for rows in self._connection.scan(f"mapper != {quoted(self._mapper)}", ["view"]):
            self._connection.delete(among("id", [row["id"] for row in rows]))
        settled = view_id_at(time.time() - _SETTLED)
        for rows in self._connection.scan(f"{self._own} and view < {quoted(settled)}", ["view"]):
            there = {row["view"] for row in standing(self._views, [row["view"] for row in rows], [])}
            self._drop([row["view"] for row in rows if row["view"] not in there])


def _data(text: str) -> bytes:
    data = base64.b64decode(text)
    if len(data) != SIZE:
        raise CatalogError(f"a relief map has {len(data)} bytes, not {SIZE}: restore the catalog from an export")
    return data
