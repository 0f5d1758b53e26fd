"""What the audit log says of a change."""

from typing import Any

from catalog.service.operations.context import Request
from ensemble.audit import MOST_ENTRIES


def told(request: Request, reply: Request) -> dict[str, Any]:
    """Which operation it was, and the entries and views that it was about, as far as request and reply name them.

    Args:
        request: that was carried out.
        reply: to it.
    """
    said: dict[str, Any] = {"what": request["operation"]}
    undone = reply.get("undone", {})
    entries = [request.get("id"), request.get("entry"), undone.get("entry"), *_imported(request)]
    if named := list(dict.fromkeys(one for one in entries if isinstance(one, str) and one)):
        said["entries"] = named[:MOST_ENTRIES]
    if isinstance(view := request.get("view"), str):
        said["view"] = view
    numbers = {name: value for name, value in reply.items() if isinstance(value, int | float)}
    return {**said, **numbers}


def _imported(request: Request) -> list[object]:
    views = request.get("views")
    found = [view.get("entry") for view in views if isinstance(view, dict)] if isinstance(views, list) else []
    return [entry.get("id") for entry in found if isinstance(entry, dict)]
