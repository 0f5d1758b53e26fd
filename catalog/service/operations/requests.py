"""A request: read, and carried out."""

from collections.abc import Callable
from typing import Any

from catalog.entry import json_object
from catalog.service.operations import entries, transfer, upkeep
from catalog.service.operations.context import Context, Request
from ensemble.errors import EntryError

OPERATIONS: dict[str, Callable[[Context, Request], dict[str, Any]]] = {
    "list": entries.list_entries,
    "show": entries.show,
    "known": entries.known,
    "check_filters": entries.check_filters,
    "update": entries.update,
    "remove": entries.remove,
    "export": transfer.export,
    "import": transfer.import_views,
    "reembed": upkeep.reembed,
    "switch": upkeep.switch,
    "forget": upkeep.forget,
    "calibrate": upkeep.calibrate,
    "status": upkeep.status,
}
_CHANGES = ("update", "remove", "import", "reembed", "switch", "forget", "calibrate")


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
    return request["operation"] in _CHANGES


def perform(context: Context, request: Request) -> dict[str, Any]:
    """Carry out a parsed request.

    Raises:
        EntryError: an argument is missing or out of range.
        EntryNotFoundError: no entry has the id.
        CatalogError: the store fails.
    """
    return OPERATIONS[request["operation"]](context, request)
