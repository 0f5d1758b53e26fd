"""The tables that list labelled photos: a manifest, and the outlines of coins."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from mintmark._errors import InvalidRequest
from mintmark._tables import decimal, read_rows
from mintmark._types import Ellipse

CATALOG, DISTRACTOR, QUERY, UNKNOWN, NOTHING = "catalog", "distractor", "query", "unknown", "nothing"
ROLES = (CATALOG, DISTRACTOR, QUERY, UNKNOWN, NOTHING)
SCENE = "scene"  # many coins

_OUTLINE = tuple(field.name for field in fields(Ellipse))  # columns


@dataclass(frozen=True)
class Row:
    """One line of a manifest."""

    path: str
    label: str
    role: str


_COLUMNS = tuple(field.name for field in fields(Row))


def read_manifest(path: str, sets: Sequence[str] = ()) -> list[Row]:
    """The rows whose column `set` is among `sets`, or all rows if there are no `sets`; of any role.

    InvalidRequest if there are none.
    """
    rows = [row for _, row in read_rows(path, (*_COLUMNS, "set") if sets else _COLUMNS)]
    kept = [Row(row["path"], row["label"], row["role"]) for row in rows if not sets or row["set"] in sets]
    if not kept:
        raise InvalidRequest(f"{path} has no rows" + (f" of the set {', '.join(sets)}" if sets else ""))
    return kept


def read_outlines(path: str, among: Iterable[str], doubtful: bool = False) -> dict[str, list[Ellipse]]:
    """The outlines drawn on each photo of `among`, without those of quality 0; `doubtful`: these alone."""
    wanted = set(among)
    outlines: dict[str, list[Ellipse]] = {}
    for line, row in read_rows(path, ("path", *_OUTLINE), ("quality",)):
        if row["path"] not in wanted or (row.get("quality") == "0") != doubtful:
            continue
        try:
            ellipse = Ellipse(*(decimal(row[name]) for name in _OUTLINE))
        except ValueError as error:
            raise InvalidRequest(f"{path}:{line}: {error}") from error
        outlines.setdefault(row["path"], []).append(ellipse)
    return outlines
