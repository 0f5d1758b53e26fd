"""The events of the database: who changed which entry, and what is kept of removed views."""

import json
import time
from collections.abc import Mapping
from typing import Any

from catalog.events import KEPT, By, Event, Kind
from catalog.folder.sqlite.connection import Connection

_COLUMNS = "number, at, who, kind, entry, other, said, undoes"


class History:
    """Reads and writes events. The caller wraps methods that write in the transaction of the change."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(
        self, kind: Kind, entry: str, said: Mapping[str, Any], by: By, other: str = "", kept: bytes = b""
    ) -> None:
        """Record an event; `kept` are the records of views that are removed by it."""
        undoes = int(by.undoes) if by.undoes else None
        values = (time.time(), by.who, kind.value, entry, other, json.dumps(said, ensure_ascii=False), undoes)
        number = self._connection.run(
            "INSERT INTO events (at, who, kind, entry, other, said, undoes) VALUES (?, ?, ?, ?, ?, ?, ?)", values
        ).lastrowid
        if kept:
            self._connection.run("INSERT INTO kept (event, records) VALUES (?, ?)", (number, kept))
            oldest = "SELECT event FROM kept ORDER BY event DESC LIMIT 1 OFFSET ?"
            self._connection.run(f"DELETE FROM kept WHERE event <= ({oldest})", (KEPT,))

    def page(self, entry_id: str, before: int, limit: int) -> list[Event]:
        """Events of an entry, or of all with '', newest first, with numbers below `before`."""
        of_entry, values = ("AND (entry = ? OR other = ?)", (entry_id, entry_id)) if entry_id else ("", ())
        query = f"SELECT {_COLUMNS} FROM events WHERE number < ? {of_entry} ORDER BY number DESC LIMIT ?"
        rows = self._connection.rows(query, (before, *values, limit))
        return [_event(row) for row in rows]

    def kept(self, number: int) -> bytes:
        """The records of the views that an event removed; b'' if they are not kept any more."""
        return bytes(self._connection.value("SELECT records FROM kept WHERE event = ?", (number,)) or b"")


def _event(row: Any) -> Event:
    number, at, who, kind, entry, other, said, undoes = row
    undone = "" if undoes is None else str(undoes)
    return Event(str(number), at, who, Kind(kind), entry, other, json.loads(said), undone)
