"""A view with its entry as a record of JSON: what exports hold, and what is kept of a removed one."""

import base64
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from catalog.entry import Entry, Makers, StoredView
from catalog.events import said_of_view


def view_record(entry: Entry, view: StoredView) -> dict[str, Any]:
    """All that is known of a view. Pictures, embeddings and maps are base64; what is not there is None or ''."""
    return {
        "id": view.id,
        "entry": asdict(entry),
        "side": view.side,
        "photo": view.photo,
        "picture": base64.b64encode(view.picture).decode(),
        "embedding": None if view.embedding is None else base64.b64encode(view.embedding.tobytes()).decode(),
        "relief": None if view.relief is None else base64.b64encode(view.relief.tobytes()).decode(),
    }


def said_of_removed(entry: Entry, views: Iterable[StoredView], whole: bool) -> dict[str, Any]:
    """What the history says of views that are removed, `whole`: with their entry; see `Kind`."""
    said = [said_of_view(view.id, view.side, view.photo) for view in views]
    return {"whole": whole, "name": entry.name, "views": said}


def made_by(makers: Makers) -> dict[str, str]:
    """Whose embeddings and relief maps the records hold."""
    return {"model": makers.embedding, "relief_model": makers.relief}


def kept_records(makers: Makers, entry: Entry, views: Iterable[StoredView]) -> bytes:
    """What is kept of views that are removed: a JSON object, which can be imported."""
    records = [view_record(entry, view) for view in views]
    return json.dumps({**made_by(makers), "views": records}, ensure_ascii=False).encode()
