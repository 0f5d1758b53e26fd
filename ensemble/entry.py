"""The fields of a catalog entry, once: client, tables, stores and data sets take them from here.

To add one: a line in `EntryFields` here, a step in `catalog/folder/sqlite/schema.py`, a line in the tables of
docs/catalog.md and python_client/README.md. `make configs` renders it into the client.
"""

from dataclasses import dataclass, field, fields
from types import NoneType
from typing import Any, get_args, get_type_hints

MAX_TEXT = 500  # characters of a text
MAX_WHOLE = 5000  # largest whole number, and -5000 the smallest
SIDES = ("obverse", "reverse", "edge")  # of a coin; what a photo shows is one of them

_DOC, _FILTER = "doc", "filter"


def _says(doc: str, *, filter: bool = False) -> dict[str, Any]:
    """A field's description, and whether a search can be narrowed by it."""
    return {_DOC: doc, _FILTER: filter}


@dataclass(frozen=True)
class EntryFields:
    """What people say of a coin, whichever side a photo shows. A field without a default is required."""

    name: str = field(metadata=_says("what people call the coin"))
    country: str = field(metadata=_says("where it was issued", filter=True))
    currency: str = field(metadata=_says("the currency of its value, such as 'euro'", filter=True))
    denomination: str = field(metadata=_says("its value in that currency, such as '2'", filter=True))
    year: int | None = field(default=None, metadata=_says("year of issue", filter=True))
    mint_mark: str | None = field(default=None, metadata=_says("mark of the mint, such as 'D'", filter=True))


@dataclass(frozen=True)
class ViewFields:
    """What people say of a photo of a coin."""

    side: str = field(
        metadata=_says(f"the side that the photo shows: {', '.join(SIDES[:-1])} or {SIDES[-1]}", filter=True)
    )


@dataclass(frozen=True)
class Field:
    """One field: its name everywhere, what it holds, and whether it has to be given.

    Attributes:
        name: of the attribute, the column, the request parameter and the option of the command line.
        type: of its values, `str` or `int`.
        required: it is never empty. A field that is not required may be None.
        filter: a search can be narrowed by it.
        doc: what it says of the coin.
    """

    name: str
    type: type
    required: bool
    filter: bool
    doc: str


def _fields_of(said: type) -> tuple[Field, ...]:
    found = []
    for one in fields(said):
        types = get_args(hint := get_type_hints(said)[one.name]) or (hint,)
        kind = next(each for each in types if each is not NoneType)
        found.append(Field(one.name, kind, NoneType not in types, one.metadata[_FILTER], one.metadata[_DOC]))
    return tuple(found)


ENTRY_FIELDS = _fields_of(EntryFields)
VIEW_FIELDS = _fields_of(ViewFields)
REQUIRED = tuple(one.name for one in ENTRY_FIELDS if one.required)
OPTIONAL = tuple(one.name for one in ENTRY_FIELDS if not one.required)
SIDE = VIEW_FIELDS[0].name
FIELDS = {
    one.name: one
    for one in sorted((*ENTRY_FIELDS, *VIEW_FIELDS), key=lambda one: not one.required)  # in the order of tables
}
FILTERS = tuple(name for name, one in FIELDS.items() if one.filter)  # request parameters that narrow a search
