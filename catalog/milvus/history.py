"""The events in a collection of their own, `<collection>_history`: Milvus adds no fields to a collection that is there.

Ids fall as time goes on: Milvus gives pages of the lowest ids, and the newest events are asked for.
"""

import base64
import json
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from catalog.events import KEPT, By, Event, Kind
from catalog.milvus.connection import PAGE, Connection, Row
from catalog.milvus.rows import NO_VECTOR, ViewIds, checked_id, parts_of, quoted
from catalog.milvus.schema import HISTORY, PICTURE_PARTS, UNUSED_VECTOR, prepare_history
from ensemble.errors import CatalogError

_ALL = "keeps >= 0"
_KEEPING = "keeps == 1"
_LAST_ID = (1 << 112) - 1
_PRUNED_EVERY = 100  # removals
_log = logging.getLogger("mintmark.catalog")


class History:
    """The events of a catalog. A server that may not make the collection goes on without.

    Args:
        connection: to the collection of views.

    Raises:
        CatalogError: the collection is there and holds something else.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection.beside(connection.collection + HISTORY)
        self._ids = ViewIds()
        self._removals = 0
        self._ready = False
        try:
            prepare_history(self._connection)
            self._ready = True
        except CatalogError as error:
            if self._connection.call("has_collection", self._connection.collection):
                raise
            _log.warning("no history is kept, and nothing can be undone: %s", error)

    def record(
        self, kind: Kind, entry: str, said: Mapping[str, Any], by: By, other: str = "", kept: bytes = b""
    ) -> None:
        """Record an event; `kept` are the records of views that are removed by it."""
        if not self._ready:
            return
        records = parts_of(kept)
        if len(records) > PICTURE_PARTS:
            _log.warning("entry %s is too large to be kept: its removal cannot be undone", entry)
            records = []
        self._connection.put([self._row(kind, entry, said, by, other, records)])
        if records:
            self._removals += 1
            if self._removals % _PRUNED_EVERY == 0:
                self._prune()

    def record_each(self, kind: Kind, said: Mapping[str, Mapping[str, Any]], by: By) -> None:
        """Record an event of each of many entries, by their ids, in few requests."""
        if not self._ready:
            return
        rows = [self._row(kind, entry, of_it, by) for entry, of_it in said.items()]
        for start in range(0, len(rows), PAGE):
            self._connection.put(rows[start : start + PAGE])

    def _row(
        self, kind: Kind, entry: str, said: Mapping[str, Any], by: By, other: str = "", records: Sequence[str] = ()
    ) -> Row:
        document = {"at": time.time(), "who": by.who, "kind": kind.value, "undoes": by.undoes, "said": said}
        return {
            "id": f"{_LAST_ID - int(self._ids.next(), 16):028x}",
            "entry": entry,
            "other": other,
            "keeps": int(bool(records)),
            "said": parts_of(json.dumps(document, ensure_ascii=False).encode()),
            "records": list(records),
            UNUSED_VECTOR: NO_VECTOR,
        }

    def _prune(self) -> None:
        """Drop the records of all but the last KEPT removals."""
        newest = self._connection.page(_KEEPING, [], "", KEPT)
        if len(newest) < KEPT:
            return
        for rows in self._connection.scan(_KEEPING, ["*"], newest[-1]["id"], size=10):
            self._connection.put([{**row, "keeps": 0, "records": [], UNUSED_VECTOR: NO_VECTOR} for row in rows])

    def page(self, entry_id: str, before: str, limit: int) -> list[Event]:
        """Events of an entry, or of all with '', newest first, from before an event's number on."""
        if not self._ready:
            return []
        named = quoted(entry_id)
        its = f"entry == {named} or other == {named}" if entry_id else _ALL
        rows = self._connection.page(its, ["entry", "other", "said"], checked_id(before), limit)
        return [_event(row) for row in rows]

    def kept(self, number: str) -> bytes:
        """The records of the views that an event removed; b'' if they are not kept any more."""
        if not self._ready:
            return b""
        rows = self._connection.rows(f"id == {quoted(checked_id(number))}", ["id", "records"])
        return _joined(rows[0]["records"]) if rows else b""


def _event(row: Row) -> Event:
    said = json.loads(_joined(row["said"]))
    return Event(
        row["id"], said["at"], said["who"], Kind(said["kind"]), row["entry"], row["other"], said["said"], said["undoes"]
    )


def _joined(parts: Sequence[str] | None) -> bytes:
    return base64.b64decode("".join(parts or ()))
