"""What an entry can say: a page makes its forms and filters of it."""

from enum import Enum

from fastapi import APIRouter
from pydantic import BaseModel

from ensemble.entry import ENTRY_FIELDS, MAX_TEXT, MAX_WHOLE, SIDES, Field
from web.access import Reader

router = APIRouter(tags=["entries"])


class Kind(str, Enum):
    """What a field holds."""

    TEXT = "text"
    WHOLE = "whole number"


class FieldState(BaseModel):
    """A field of an entry. `doc`: what it says. `most`: characters of a text; the largest number, and its negative.

    `filter`: lists and searches can be narrowed by it. `sort`: lists can be ordered by it.
    """

    name: str
    kind: Kind
    doc: str
    most: int
    required: bool
    filter: bool
    sort: bool


class Fields(BaseModel):
    """The fields of an entry, the required ones first. `sides`: what a photo can show; filters know it as `side`."""

    fields: tuple[FieldState, ...]
    sides: tuple[str, ...]


def _state(one: Field) -> FieldState:
    kind, most = (Kind.WHOLE, MAX_WHOLE) if one.type is int else (Kind.TEXT, MAX_TEXT)
    return FieldState(
        name=one.name, kind=kind, doc=one.doc, most=most, required=one.required, filter=one.filter, sort=True
    )


_FIELDS = Fields(fields=tuple(map(_state, ENTRY_FIELDS)), sides=SIDES)


@router.get("/fields")
async def say_fields(access: Reader) -> Fields:
    """Say which fields an entry has."""
    return _FIELDS
