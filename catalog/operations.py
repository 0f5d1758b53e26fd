"""The catalog's management operations as JSON in, JSON out."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from catalog.base import Catalog
from catalog.entry import EntryError, json_object

MAX_PAGE = 1000
CHANGES = ("remove",)  # operations that need the token


def parse(text: str) -> dict[str, Any]:
    """Read a request.

    Raises:
        EntryError: no JSON object, or its operation is unknown.
    """
    request = json_object(text, "the catalog request")
    operation = request.get("operation")
    if not isinstance(operation, str) or operation not in _OPERATIONS:
        raise EntryError(f"the catalog request needs an 'operation': one of {', '.join(_OPERATIONS)}")
    return request


def perform(catalog: Catalog, request: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a parsed request.

    Raises:
        EntryError: an argument is missing or out of range.
        EntryNotFoundError: no entry has the id.
    """
    return _OPERATIONS[request["operation"]](catalog, request)


def _list(catalog: Catalog, request: Mapping[str, Any]) -> dict[str, Any]:
    offset = _number(request, "offset", default=0, most=2**63 - 1)
    limit = _number(request, "limit", default=100, most=MAX_PAGE)
    page = catalog.page(offset, limit)
    return {"entries": [asdict(entry) for entry in page.entries], "total": page.total}


def _show(catalog: Catalog, request: Mapping[str, Any]) -> dict[str, Any]:
    return {"entry": asdict(catalog.show(_id(request)))}


def _remove(catalog: Catalog, request: Mapping[str, Any]) -> dict[str, Any]:
    catalog.remove(_id(request))
    return {"removed": _id(request)}


def _status(catalog: Catalog, request: Mapping[str, Any]) -> dict[str, Any]:
    return asdict(catalog.status())


_OPERATIONS: dict[str, Callable[[Catalog, Mapping[str, Any]], dict[str, Any]]] = {
    "list": _list,
    "show": _show,
    "remove": _remove,
    "status": _status,
}


def _id(request: Mapping[str, Any]) -> str:
    value = request.get("id")
    if not isinstance(value, str) or not value:
        raise EntryError(f"{request['operation']} needs the 'id' of an entry")
    return value


def _number(request: Mapping[str, Any], name: str, default: int, most: int) -> int:
    value = request.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise EntryError(f"{name} is {value!r}; it must be a whole number from 0 to {most}")
    return value
