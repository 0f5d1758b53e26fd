"""Reads a table from stdin and writes its rows to stdout, as JSON: `python -m web.table_process`.

Exit status 1 where the table cannot be used; stdout then says why. The process bounds its own memory and time.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ensemble.entry import SIDE, SIDES
from mintmark import InvalidRequest, MintmarkError
from mintmark._both import BOTH
from mintmark._enrolment.numista import translated
from mintmark._enrolment.row import COLUMNS, ENTRY, METADATA, PATH, Statement
from mintmark._enrolment.table import is_of_numista
from mintmark._tables import Table, TableRow, parse_table
from mintmark._tables.bounded import bound

MOST_ROWS = 10_000
MOST_BYTES = 32_000_000  # of the answer

_NAME = "the table"  # nobody needs to see the file's own


class TooLargeError(Exception):
    """The table has more than anybody uploads row by row."""


@dataclass(frozen=True)
class _Read:
    """What a row says: of the entry, and of which photos."""

    said: Statement
    photos: dict[str, str]


def rows_of(table: Table) -> Iterator[dict[str, Any]]:
    """The rows of a table as a TableRow has them. InvalidRequest if it lacks a column."""
    numista = is_of_numista(table)
    for row in table.rows():
        try:
            read = _of_numista(row) if numista else _of(row, row.cells)
        except InvalidRequest as error:
            yield {"row": row.line, "fields": {}, "photos": {}, "problem": str(error)}
            continue
        said = read.said
        entry = {ENTRY: said.entry} if said.entry else {}
        metadata = {METADATA: dict(said.metadata)} if said.metadata else {}
        fields = {**entry, **said.fields, **metadata}
        yield {"row": row.line, "fields": fields, "photos": read.photos, "problem": ""}


def _of_numista(row: TableRow) -> _Read:
    """A row without a path has the photos that its number names."""
    number, cells = translated(row.cells)
    if cells.get(PATH):
        return _of(row, cells)
    if not number and not row.error:
        raise InvalidRequest("no number of Numista: fill a column path")
    sides = {side: f"{number}-{side}.*" for side in SIDES[:2]}
    return _Read(_of(row, {**cells, PATH: number, SIDE: SIDES[0]}).said, sides)


def _of(row: TableRow, cells: dict[str, str]) -> _Read:
    if row.error:
        raise InvalidRequest(row.error)
    said = Statement.of(cells)
    if said.side == BOTH:
        raise InvalidRequest("one photo of both sides: enroll it with `mintmark enroll --from`, or take it apart")
    if not cells.get(PATH):
        raise InvalidRequest(f"no {PATH}")
    if not said.entry:
        said.new()
    return _Read(said, {said.side: cells[PATH]})


def read(data: bytes) -> str:
    """The JSON of a TableRows.

    Raises:
        MintmarkError: the file is no table that can be read.
        TooLargeError: it has too many rows.
    """
    table = parse_table(_NAME, data, COLUMNS)
    rows: list[str] = []
    size = 0
    for row in rows_of(table):
        rows.append(json.dumps(row, ensure_ascii=False))
        size += len(rows[-1])
        if len(rows) > MOST_ROWS or size > MOST_BYTES:
            raise TooLargeError(f"The table has more than {MOST_ROWS} rows, or more than {MOST_BYTES} bytes of text.")
    return f'{{"rows": [{", ".join(rows)}], "notes": {json.dumps(list(table.notes), ensure_ascii=False)}}}'


def main() -> int:
    """Read and write; returns the exit status."""
    bound()
    try:
        said, status = read(sys.stdin.buffer.read()), 0
    except (MintmarkError, TooLargeError, MemoryError) as error:
        large = not isinstance(error, MintmarkError)
        said, status = json.dumps({"problem": str(error) or "The table takes too much memory.", "large": large}), 1
    sys.stdout.buffer.write(said.encode(errors="replace"))
    return status


if __name__ == "__main__":
    sys.exit(main())
