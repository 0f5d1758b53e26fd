"""What the columns of a Numista collection export mean. People choose the columns, so each may be missing.

What the export says of the coin is taken; what it says of the owner's piece (price, grade, place) stays where it is.
"""

import re
from collections.abc import Collection, Mapping

from mintmark._enrolment.row import COLUMNS, ENTRY

_NUMBER = "n# number"  # how the header begins that holds Numista's number of the type of coin
_FIELDS = {
    "name": ("title",),
    "country": ("issuer", "country"),
    "currency": ("currency",),
    "denomination": ("face value",),
    "year": ("gregorian year", "year"),
    "mint_mark": ("mintmark", "mint letter"),
}
_METADATA = (
    "type",
    "ruling authority",
    "series",
    "shape",
    "composition",
    "weight",
    "diameter",
    "thickness",
    "references",
)


def is_numista(columns: Collection[str]) -> bool:
    """Whether a table's columns are those of such an export."""
    return any(name.casefold().startswith(_NUMBER) for name in columns)


def translated(cells: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Numista's number of a row, '' if it has none, and its cells by this project's columns."""
    given = {name.casefold(): text for name, text in cells.items()}
    found = re.search(r"\d+", next((text for name, text in given.items() if name.startswith(_NUMBER)), ""))
    number = found[0] if found else ""
    said = {name: text for name, text in cells.items() if name in COLUMNS}
    for field, names in _FIELDS.items():
        said[field] = next((given[name] for name in names if given.get(name)), said.get(field, ""))
    said |= {name: given[name] for name in _METADATA if given.get(name)}
    if number:
        said["numista"] = number
        parts = (number, said["year"], re.sub(r"[^A-Za-z0-9.]+", "", said["mint_mark"]))
        said[ENTRY] = said.get(ENTRY) or "-".join(["numista", *filter(None, parts)])[:64]
    return number, said
