"""What a run has done so far, beside its table: a run that goes on need not read the same photos again.

The catalog is the truth. The journal says which photo a row had when it was acknowledged; the run that goes on asks the
catalog whether it is still there. A line that a kill cut short is ignored, and so is the journal of another table.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mintmark._requests import read_file


@dataclass(frozen=True)
class Line:
    """One row that is done: the photo's SHA-256, or that it failed."""

    photo: str
    failed: bool


class Journal:
    """Lines of JSON, written as rows are done. `table`: the source's file, which must not change between runs."""

    def __init__(self, path: Path, table: str) -> None:
        self.path = path
        self._table = hashlib.sha256(read_file(table)).hexdigest()

    def read(self) -> dict[int, Line]:
        """The rows that are done, by number; none if there is no journal of this table."""
        try:
            lines = [_parsed(line) for line in read_file(self.path).decode(errors="replace").splitlines()]
        except OSError:
            return {}
        if not lines or lines[0].get("table") != self._table:
            return {}
        return {
            line["row"]: Line(str(line.get("photo", "")), line.get("failed") is True)
            for line in lines[1:]
            if isinstance(line.get("row"), int)
        }

    def start(self, resume: bool) -> None:
        """Open it for writing: at the end, or anew. OSError if it cannot be written."""
        self._file = self.path.open("a" if resume else "w", encoding="utf-8")
        # After a kill the last line may be cut short: what follows starts a new one.
        self._write({} if resume else {"table": self._table}, before="\n" if resume else "")

    def add(self, row: int, line: Line) -> None:
        """Say that a row is done."""
        self._write({"row": row, **asdict(line)})

    def _write(self, line: dict[str, Any], before: str = "") -> None:
        self._file.write(f"{before}{json.dumps(line)}\n")
        self._file.flush()

    def close(self, finished: bool) -> None:
        """Close it; a run that is finished needs it no more."""
        self._file.close()
        if finished:
            self.path.unlink(missing_ok=True)


def _parsed(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
