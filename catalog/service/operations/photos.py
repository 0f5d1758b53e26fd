"""Operations on single photos of entries: their pictures, another side, another entry, gone."""

from typing import Any

from catalog.entry import checked_side
from catalog.service.operations import fields
from catalog.service.operations.context import Context, Request
from ensemble.errors import EntryError


def picture(context: Context, request: Request) -> dict[str, Any]:
    """The picture of one view of an entry, or of its first one that has one."""
    entry, view = fields.text(request, "id"), fields.text(request, "view", "")
    return {"picture": fields.encoded(context.catalog.picture(entry, view))}


def change_view(context: Context, request: Request) -> dict[str, Any]:
    """Let a view show another side, or belong to another entry, or both."""
    view = fields.text(request, "view")
    side, entry = fields.text(request, "side", ""), fields.text(request, "entry", "")
    if not side and not entry:
        raise EntryError("change_view needs 'side' or 'entry', the new one")
    context.catalog.change_view(
        view, checked_side(side) if side else "", context.catalog.show(entry) if entry else None, context.by
    )
    return {"changed": view}


def remove_view(context: Context, request: Request) -> dict[str, Any]:
    """Remove one view of an entry that has others."""
    view = fields.text(request, "view")
    context.catalog.remove_view(view, context.by)
    return {"removed": view}
