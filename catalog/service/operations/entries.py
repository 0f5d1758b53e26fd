"""Operations on single entries, and on what a search compares."""

from dataclasses import asdict
from typing import Any

from catalog.entry import checked_photo
from catalog.listing import Listing
from catalog.service.nearest import nearest_values
from catalog.service.operations import fields
from catalog.service.operations.context import Context, Request
from ensemble.errors import EntryError, EntryNotFoundError
from ensemble.parameters import Filters, search_filters

MAX_PAGE = 1000
MAX_KNOWN = 100  # ids, and photos, of one request: each answers with an entry, perhaps of 16 kB
MAX_SHARED = 5  # entries that share a photo, of one answer


def list_entries(context: Context, request: Request) -> dict[str, Any]:
    """A page of the entries that a list shows, in its order, and where the next one begins."""
    after, limit = fields.text(request, "after", ""), fields.number(request, "limit", 100, MAX_PAGE)
    listing = Listing(
        fields.text(request, "text", ""),
        _filters(request, {}),
        fields.text(request, "sort", ""),
        fields.switch(request, "descending"),
    )
    page = context.catalog.page(after, limit, listing)
    return {"entries": [asdict(entry) for entry in page.entries], "next": page.next}


def show(context: Context, request: Request) -> dict[str, Any]:
    """One entry with its views and their pictures."""
    entry = context.catalog.show(fields.text(request, "id"))
    views = [
        {
            "id": view.id,
            "side": view.side,
            "stale": view.embedding is None,
            "verifiable": view.relief is not None,
            "picture": fields.encoded(view.picture),
        }
        for view in context.catalog.views(entry.id)
    ]
    return {"entry": asdict(entry), "views": views}


def known(context: Context, request: Request) -> dict[str, Any]:
    """The entries of some ids, and those that have some photos; who enrolls a table again asks for them.

    Of the entries that share a photo, those of the ids come first, and at most MAX_SHARED are named.
    """
    entries, photos = (
        fields.texts(request, "ids", MAX_KNOWN),
        [checked_photo(photo) for photo in fields.texts(request, "photos", MAX_KNOWN)],
    )
    found = []
    for entry_id in entries:
        try:
            found.append(asdict(context.catalog.show(entry_id)))
        except EntryNotFoundError:
            continue
    having = {}
    for photo, views in context.catalog.photos(photos).items():
        first = sorted(views, key=lambda view: view[0].id not in entries)[:MAX_SHARED]
        having[photo] = [{"entry": asdict(entry), "side": side} for entry, side in first]
    return {"entries": found, "photos": having}


def check_filters(context: Context, request: Request) -> dict[str, Any]:
    """How many views pass each filter alone; for one that none passes, the nearest values that there are."""
    checked = []
    for name, value in _filters(request).items():
        views = context.catalog.count({name: value})
        nearest = [] if views else nearest_values(context.catalog.values(name), value)
        checked.append({"filter": name, "value": value, "views": views, "nearest": nearest})
    return {"filters": checked}


def _filters(request: Request, default: object = None) -> Filters:
    given = request.get("filters", default)
    if not isinstance(given, dict):
        raise EntryError(f"{request['operation']} needs 'filters', an object with the values of filters by their names")
    return search_filters(given)


def update(context: Context, request: Request) -> dict[str, Any]:
    """Change fields of an entry."""
    changes = request.get("changes")
    if not isinstance(changes, dict) or not changes:
        raise EntryError("update needs 'changes', an object with the fields to change")
    return {"entry": asdict(context.catalog.update(fields.text(request, "id"), changes, context.by))}


def remove(context: Context, request: Request) -> dict[str, Any]:
    """Remove an entry and its views."""
    context.catalog.remove(fields.text(request, "id"), context.by)
    return {"removed": request["id"]}
