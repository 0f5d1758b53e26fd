"""Tables, read in a process of its own: a spreadsheet of a few kB may unfold to more than a machine has."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import BaseModel

from mintmark._tables.bounded import TooLargeError, run
from web.problems import Problem


class TableRow(BaseModel):
    """A row, as `POST /api/entries?once=true` takes it.

    `row`: the number of its last line. `fields`: of the entry, perhaps with `entry`, its id. `photos`: the name of a
    file by the side that it shows; one that ends in `.*` has any ending, and may be missing. `problem`: why the row
    cannot be used.
    """

    row: int
    fields: dict[str, Any]
    photos: dict[str, str]
    problem: str


class TableRows(BaseModel):
    """The rows of a table. `notes`: what to tell people about its file."""

    rows: tuple[TableRow, ...]
    notes: tuple[str, ...]


class TableReader:
    """Reads one table at a time; more wait."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "tables")

    async def read(self, data: bytes) -> bytes:
        """The rows of a table's file, as the JSON of a TableRows.

        Raises:
            Problem: 422, it is no table that can be read; 413, it has too many rows.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, _read, data)

    def close(self) -> None:
        """Wait for what is under way."""
        self._thread.shutdown()


def _read(data: bytes) -> bytes:
    try:
        status, answer = run("web.table_process", data)
    except TooLargeError:
        raise Problem(413, "too-large", "The table takes too much memory or time.") from None
    if status == 0:
        return answer
    said = json.loads(answer)
    if said["large"]:
        raise Problem(413, "too-large", said["problem"])
    raise Problem(422, "invalid-table", said["problem"])
