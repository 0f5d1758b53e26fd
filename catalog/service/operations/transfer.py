"""Views out of a catalog and into one, with all that is known of them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from catalog.entry import Enrolment, View, check_embedding
from catalog.record import made_by, view_record
from catalog.service.operations import fields
from catalog.service.operations.context import Context, Request
from catalog.service.operations.entries import MAX_PAGE
from catalog.service.operations.refusals import each_made, with_refused, wrong_embedding
from ensemble.contract import EMBEDDING_SIZE, RELIEF_HARMONICS, RELIEF_NUMBERS
from ensemble.errors import EntryError, EntryNotFoundError

MAX_PICTURE = 1 << 20  # bytes


def export(context: Context, request: Request) -> dict[str, Any]:
    """A page of views. What is stored and cannot be imported is left out and reported; the rest goes on."""
    page = context.catalog.export(fields.text(request, "after", ""), fields.number(request, "limit", 100, MAX_PAGE))
    pictures = request.get("pictures", True) is True
    views, refused = list[dict[str, Any]](), list[dict[str, Any]]()
    for entry, view in page.views:
        said = {"view": view.id, "entry": entry.id, "side": view.side}
        try:
            json.dumps(asdict(entry), allow_nan=False)
        except ValueError as error:
            refused.append({**said, "error": f"its fields are no JSON: {error}"})
            continue
        if view.embedding is not None and (wrong := wrong_embedding(view.embedding)):
            view = replace(view, embedding=None)
            refused.append({**said, "error": f"{wrong}; the view was exported without it"})
        views.append(view_record(entry, view if pictures else replace(view, picture=b"")))
    return with_refused({**made_by(context.makers), "views": views, "next": page.next}, refused)


@dataclass
class _Coming:
    """A view of an import: what came with it, and what is made of its picture."""

    number: int  # in the request
    enrolment: Enrolment
    picture: bytes
    embedding: np.ndarray | None
    relief: np.ndarray | None


def import_views(context: Context, request: Request) -> dict[str, Any]:
    """Add views. One that is refused is reported by its number in the request, its entry and side; the rest goes on."""
    given = request.get("views")
    if not isinstance(given, list) or not all(isinstance(view, dict) for view in given) or len(given) > MAX_PAGE:
        raise EntryError(f"import needs 'views', a list of at most {MAX_PAGE} objects")
    errors: dict[int, Exception] = {}
    coming = []
    for number, view in enumerate(given):
        try:
            coming.append(_coming(context, request, number, view))
        except EntryError as error:
            errors[number] = error
    unembedded = [view for view in coming if view.embedding is None]
    for view, made in zip(unembedded, each_made(context.embed, [view.picture for view in unembedded]), strict=True):
        if isinstance(made, EntryError):
            errors[view.number] = made
        else:
            view.embedding = made
    unmapped = [view for view in coming if view.relief is None and view.picture and view.number not in errors]
    for view, made in zip(unmapped, each_made(context.map_relief, [view.picture for view in unmapped]), strict=True):
        if isinstance(made, EntryError):
            errors[view.number] = made
        else:
            view.relief = made
    added = _add(context, [view for view in coming if view.number not in errors], errors)
    refused = [{**_named(given[number]), "view": number, "error": str(errors[number])} for number in sorted(errors)]
    return with_refused({"added": added}, refused)


def _coming(context: Context, request: Request, number: int, view: Request) -> _Coming:
    enrolment = _enrolment(view)
    picture = fields.decoded(view, "picture", MAX_PICTURE)
    embedding = _embedding(view) if request.get("model") == context.makers.embedding else None
    relief = _relief(view) if request.get("relief_model") == context.makers.relief else None
    if picture:
        context.check(picture)
    elif embedding is None:
        raise EntryError(f"view {number} has neither a picture nor an embedding of model {context.makers.embedding}")
    return _Coming(number, enrolment, picture, embedding, relief)


def _add(context: Context, coming: Sequence[_Coming], errors: dict[int, Exception]) -> int:
    """Store views, all at once if none is refused; returns how many are new. Errors go by the number of the view."""
    batch = []
    for view in coming:
        assert view.embedding is not None
        batch.append((view.enrolment, View(view.embedding, context.makers, view.picture, view.relief)))
    try:
        return context.catalog.add(batch, context.by)
    except (EntryError, EntryNotFoundError):
        added = 0
        for view, one in zip(coming, batch, strict=True):
            try:
                added += context.catalog.add([one], context.by)
            except (EntryError, EntryNotFoundError) as error:
                errors[view.number] = error
        return added


def _named(view: Request) -> dict[str, str]:
    """Entry and side of a view that a client sent, as far as it says them."""
    entry = view.get("entry")
    names = {"entry": entry.get("id") if isinstance(entry, dict) else None, "side": view.get("side")}
    return {name: value if isinstance(value, str) else "" for name, value in names.items()}


def _enrolment(view: Request) -> Enrolment:
    """The enrolment of an imported view: all fields of its entry, and the entry's own id."""
    entry = view.get("entry")
    if not isinstance(entry, dict) or not entry.get("id"):
        raise EntryError("a view to import needs 'entry', an object with its id and its fields")
    said = {name: value for name, value in entry.items() if name != "id"}
    own = {"side": view.get("side"), "photo": view.get("photo"), "entry": entry["id"]}
    return Enrolment.from_fields({**said, **own}, any_side=True)


def _embedding(view: Request) -> np.ndarray | None:
    data = fields.decoded(view, "embedding", 4 * EMBEDDING_SIZE)
    if not data:
        return None
    if len(data) != 4 * EMBEDDING_SIZE:
        raise EntryError(f"an embedding has {len(data)} bytes; it must be {EMBEDDING_SIZE} float32, little endian")
    vector = np.frombuffer(data, "<f4")
    check_embedding(vector)
    return vector


def _relief(view: Request) -> np.ndarray | None:
    size = RELIEF_HARMONICS * RELIEF_NUMBERS
    data = fields.decoded(view, "relief", size)
    if data and len(data) != size:
        raise EntryError(f"a relief map has {len(data)} bytes; it must be {size} int8")
    return np.frombuffer(data, np.int8).reshape(RELIEF_HARMONICS, RELIEF_NUMBERS) if data else None
