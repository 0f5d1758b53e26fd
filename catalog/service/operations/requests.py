"""A request: read, and carried out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from catalog.entry import json_object
from catalog.events import By
from catalog.service.operations import alike, entries, past, photos, transfer, upkeep
from catalog.service.operations.context import Context, Request
from ensemble.errors import EntryError

OPERATIONS: dict[str, Callable[[Context, Request], dict[str, Any]]] = {
    "list": entries.list_entries,
    "show": entries.show,
    "picture": photos.picture,
    "known": entries.known,
    "check_filters": entries.check_filters,
    "similar": alike.similar,
    "update": entries.update,
    "remove": entries.remove,
    "change_view": photos.change_view,
    "remove_view": photos.remove_view,
    "history": past.history,
    "undo": past.undo,
    "export": transfer.export,
    "import": transfer.import_views,
    "reembed": upkeep.reembed,
    "switch": upkeep.switch,
    "forget": upkeep.forget,
    "calibrate": upkeep.calibrate,
    "status": upkeep.status,
    "rights": upkeep.rights,
}
_READING = ("list", "show", "picture", "known", "check_filters", "similar", "history", "export", "status", "rights")


def parse(text: str) -> dict[str, Any]:
    """Read a request.

    Raises:
        EntryError: it is not a JSON object, or its operation is unknown.
    """
    request = json_object(text, "the catalog request")
    operation = request.get("operation")
    if not isinstance(operation, str) or operation not in OPERATIONS:
        raise EntryError(f"the catalog request needs an 'operation': one of {', '.join(OPERATIONS)}")
    return request


def changes(request: Request) -> bool:
    """Whether a parsed request changes the catalog. That needs another token than reading."""
    return request["operation"] not in _READING


def perform(context: Context, request: Request, who: str = "", may_change: bool = False) -> dict[str, Any]:
    """Carry out a parsed request; `who` asks for it, by the name of the token, and may change the catalog or not.

    Raises:
        EntryError: an argument is missing or out of range.
        EntryNotFoundError: no entry has the id.
        CatalogError: the store fails.
    """
    return OPERATIONS[request["operation"]](replace(context, by=By(who), may_change=may_change), request)
