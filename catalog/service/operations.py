"""The operations that manage a catalog: JSON in, JSON out."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from catalog.entry import Enrolment, Makers, StoredView, View, check_embedding, checked_photo, json_object
from catalog.interface import Catalog
from catalog.service.nearest import nearest_values
from catalog.service.picture import check_picture
from ensemble.contract import EMBEDDING_SIZE, RELIEF_HARMONICS, RELIEF_NUMBERS
from ensemble.errors import EntryError, EntryNotFoundError
from ensemble.parameters import search_filters
from ensemble.verification import Judge

MAX_PAGE = 1000
MAX_REEMBEDDED = 256  # views of one request, so that other requests get their turn
MAX_PICTURE = 1 << 20  # bytes
MAX_KNOWN = 100  # ids, and photos, of one request: each answers with an entry, perhaps of 16 kB
MAX_SHARED = 5  # entries that share a photo, of one answer

Request = Mapping[str, Any]
# JPEG pictures of rectified coins to [N, EMBEDDING_SIZE] float32 unit vectors.
Embed = Callable[[Sequence[bytes]], np.ndarray]
# The same to relief maps, [N, RELIEF_HARMONICS, RELIEF_NUMBERS] int8.
MapRelief = Callable[[Sequence[bytes]], np.ndarray]


@dataclass(frozen=True)
class Context:
    """What the operations work with.

    Attributes:
        catalog: whose operations they are.
        makers: the models that `embed` and `map_relief` run.
        embed: embeds pictures; raises EntryError for data that is not a picture.
        map_relief: maps their relief, likewise.
        judge: turns similarities into probabilities; says which count as known, if the catalog was not calibrated.
        check: raises EntryError for a picture that cannot be embedded later.
        unusable: ids of views whose pictures no `reembed` could use; they are not tried again.
    """

    catalog: Catalog
    makers: Makers
    embed: Embed
    map_relief: MapRelief
    judge: Judge
    check: Callable[[bytes], None] = check_picture
    unusable: set[str] = field(default_factory=set)


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


def _list(context: Context, request: Request) -> dict[str, Any]:
    page = context.catalog.page(_text(request, "after", ""), _number(request, "limit", 100, MAX_PAGE))
    return {"entries": [asdict(entry) for entry in page.entries], "next": page.next}


def _show(context: Context, request: Request) -> dict[str, Any]:
    entry = context.catalog.show(_text(request, "id"))
    views = [
        {
            "id": view.id,
            "side": view.side,
            "stale": view.embedding is None,
            "verifiable": view.relief is not None,
            "picture": _encoded(view.picture),
        }
        for view in context.catalog.views(entry.id)
    ]
    return {"entry": asdict(entry), "views": views}


def _known(context: Context, request: Request) -> dict[str, Any]:
    """The entries of some ids, and those that have some photos; who enrolls a table again asks for them.

    Of the entries that share a photo, those of the ids come first, and at most MAX_SHARED are named.
    """
    entries, photos = _texts(request, "ids"), [checked_photo(photo) for photo in _texts(request, "photos")]
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


def _check_filters(context: Context, request: Request) -> dict[str, Any]:
    """How many views pass each filter alone; for one that none passes, the nearest values that there are."""
    given = request.get("filters")
    if not isinstance(given, dict):
        raise EntryError("check_filters needs 'filters', an object with the values of filters by their names")
    checked = []
    for name, value in search_filters(given).items():
        views = context.catalog.count({name: value})
        nearest = [] if views else nearest_values(context.catalog.values(name), value)
        checked.append({"filter": name, "value": value, "views": views, "nearest": nearest})
    return {"filters": checked}


def _update(context: Context, request: Request) -> dict[str, Any]:
    fields = request.get("changes")
    if not isinstance(fields, dict) or not fields:
        raise EntryError("update needs 'changes', an object with the fields to change")
    return {"entry": asdict(context.catalog.update(_text(request, "id"), fields))}


def _remove(context: Context, request: Request) -> dict[str, Any]:
    context.catalog.remove(_text(request, "id"))
    return {"removed": request["id"]}


def _export(context: Context, request: Request) -> dict[str, Any]:
    """A page of views. What is stored and cannot be imported is left out and reported; the rest goes on."""
    page = context.catalog.export(_text(request, "after", ""), _number(request, "limit", 100, MAX_PAGE))
    pictures = request.get("pictures", True) is True
    views, refused = list[dict[str, Any]](), list[dict[str, Any]]()
    for entry, view in page.views:
        embedding, said = view.embedding, {"view": view.id, "entry": entry.id, "side": view.side}
        try:
            json.dumps(asdict(entry), allow_nan=False)
        except ValueError as error:
            refused.append({**said, "error": f"its fields are no JSON: {error}"})
            continue
        if embedding is not None and (wrong := _wrong(embedding)):
            embedding = None
            refused.append({**said, "error": f"{wrong}; the view was exported without it"})
        views.append(
            {
                "id": view.id,
                "entry": asdict(entry),
                "side": view.side,
                "photo": view.photo,
                "picture": _encoded(view.picture) if pictures else "",
                "embedding": None if embedding is None else _encoded(embedding.tobytes()),
                "relief": None if view.relief is None else _encoded(view.relief.tobytes()),
            }
        )
    made_by = {"model": context.makers.embedding, "relief_model": context.makers.relief}
    return _with({**made_by, "views": views, "next": page.next}, refused)


def _wrong(embedding: np.ndarray) -> str:
    try:
        check_embedding(embedding)
    except EntryError as error:
        return str(error)
    return ""


def _with(reply: dict[str, Any], refused: list[dict[str, Any]]) -> dict[str, Any]:
    """A reply, with what was refused if anything was."""
    return {**reply, "refused": refused} if refused else reply


@dataclass
class _Coming:
    """A view of an import: what came with it, and what is made of its picture."""

    number: int  # in the request
    enrolment: Enrolment
    picture: bytes
    embedding: np.ndarray | None
    relief: np.ndarray | None


def _import(context: Context, request: Request) -> dict[str, Any]:
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
    for view, made in zip(unembedded, _each(context.embed, [view.picture for view in unembedded]), strict=True):
        if isinstance(made, EntryError):
            errors[view.number] = made
        else:
            view.embedding = made
    unmapped = [view for view in coming if view.relief is None and view.picture and view.number not in errors]
    for view, made in zip(unmapped, _each(context.map_relief, [view.picture for view in unmapped]), strict=True):
        if isinstance(made, EntryError):
            errors[view.number] = made
        else:
            view.relief = made
    added = _add(context, [view for view in coming if view.number not in errors], errors)
    refused = [{**_named(given[number]), "view": number, "error": str(errors[number])} for number in sorted(errors)]
    return _with({"added": added}, refused)


def _coming(context: Context, request: Request, number: int, view: Request) -> _Coming:
    enrolment = _enrolment(view)
    picture = _decoded(view, "picture", MAX_PICTURE)
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
        return context.catalog.add(batch)
    except (EntryError, EntryNotFoundError):
        added = 0
        for view, one in zip(coming, batch, strict=True):
            try:
                added += context.catalog.add([one])
            except (EntryError, EntryNotFoundError) as error:
                errors[view.number] = error
        return added


def _named(view: Request) -> dict[str, str]:
    """Entry and side of a view that a client sent, as far as it says them."""
    entry = view.get("entry")
    names = {"entry": entry.get("id") if isinstance(entry, dict) else None, "side": view.get("side")}
    return {name: value if isinstance(value, str) else "" for name, value in names.items()}


def _each(make: Callable[[Sequence[bytes]], np.ndarray], pictures: Sequence[bytes]) -> list[np.ndarray | EntryError]:
    """What a model makes of each picture; its error for one that cannot be used."""
    try:
        return list(make(pictures)) if pictures else []
    except EntryError as error:
        if len(pictures) == 1:
            return [error]
        return [each for picture in pictures for each in _each(make, [picture])]


def _reembed(context: Context, request: Request) -> dict[str, Any]:
    """Embed some stale views and map some reliefs, from their pictures; returns how many were done, and are left.

    When none can be done, the missing ones are `lost`: a view without a usable picture stays stale for good. Views
    whose picture cannot be used are reported, once by each server.
    """
    limit = _number(request, "limit", MAX_REEMBEDDED, MAX_REEMBEDDED)
    refused: dict[str, dict[str, Any]] = {}
    embedded = _made(context, context.catalog.stale, context.embed, limit, refused)
    context.catalog.stage(embedded)
    mapped = _made(context, context.catalog.unmapped, context.map_relief, limit, refused)
    context.catalog.put_reliefs(mapped)
    status = context.catalog.status()
    missing = max(status.stale_views - status.staged, status.without_relief)
    done = max(len(embedded), len(mapped))
    reply = {"done": done, "left": missing if done else 0, "lost": 0 if done else missing}
    return _with(reply, list(refused.values()))


def _made(
    context: Context,
    lacking: Callable[[int], Sequence[StoredView]],
    make: Callable[[Sequence[bytes]], np.ndarray],
    limit: int,
    refused: dict[str, dict[str, Any]],
) -> list[tuple[str, np.ndarray]]:
    """What a model makes of the first views that lack it, by their ids; goes on until one can be used, or none is left.

    Views whose picture cannot be used go into `refused`.
    """
    made: list[tuple[str, np.ndarray]] = []
    while not made:
        found = lacking(limit + len(context.unusable))
        views = [view for view in found if view.id not in context.unusable][:limit]
        if not views:
            break
        for view, one in zip(views, _each(make, [view.picture for view in views]), strict=True):
            wrong = str(one) if isinstance(one, EntryError) else _wrong(one) if one.dtype != np.int8 else ""
            if wrong:
                context.unusable.add(view.id)
                refused[view.id] = {"view": view.id, "entry": view.entry_id, "side": view.side, "error": wrong}
            else:
                made.append((view.id, np.asarray(one)))
    return made


def _switch(context: Context, request: Request) -> dict[str, Any]:
    return {"switched": context.catalog.switch()}


def _forget(context: Context, request: Request) -> dict[str, Any]:
    return {"forgotten": context.catalog.forget()}


def _calibrate(context: Context, request: Request) -> dict[str, Any]:
    value = request.get("threshold")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise EntryError(f"threshold is {value!r}; it must be a probability, from 0 to 1")
    context.catalog.set_threshold(float(value))
    return {"threshold": float(value)}


def _status(context: Context, request: Request) -> dict[str, Any]:
    calibrated = context.catalog.threshold()
    return {
        **asdict(context.catalog.status()),
        "model": context.makers.embedding,
        "relief_model": context.makers.relief,
        "judge": asdict(context.judge),
        "threshold": context.judge.known if calibrated is None else calibrated,
        "calibrated": calibrated is not None,
    }


OPERATIONS: dict[str, Callable[[Context, Request], dict[str, Any]]] = {
    "list": _list,
    "show": _show,
    "known": _known,
    "check_filters": _check_filters,
    "update": _update,
    "remove": _remove,
    "export": _export,
    "import": _import,
    "reembed": _reembed,
    "switch": _switch,
    "forget": _forget,
    "calibrate": _calibrate,
    "status": _status,
}
_CHANGES = ("update", "remove", "import", "reembed", "switch", "forget", "calibrate")


def _text(request: Request, name: str, default: str | None = None) -> str:
    value = request.get(name, default)
    if not isinstance(value, str) or (not value and default is None):
        raise EntryError(f"{request['operation']} needs {name!r}, a text; it is {value!r}")
    return value


def _texts(request: Request, name: str) -> list[str]:
    value = request.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value) or len(value) > MAX_KNOWN:
        raise EntryError(f"{request['operation']} needs {name!r}, a list of at most {MAX_KNOWN} texts")
    return value


def _number(request: Request, name: str, default: int, most: int) -> int:
    value = request.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise EntryError(f"{name} is {value!r}; it must be a whole number from 1 to {most}")
    return value


def _enrolment(view: Request) -> Enrolment:
    """The enrolment of an imported view: all fields of its entry, and the entry's own id."""
    entry = view.get("entry")
    if not isinstance(entry, dict) or not entry.get("id"):
        raise EntryError("a view to import needs 'entry', an object with its id and its fields")
    fields = {name: value for name, value in entry.items() if name != "id"}
    own = {"side": view.get("side"), "photo": view.get("photo"), "entry": entry["id"]}
    return Enrolment.from_fields({**fields, **own})


def _embedding(view: Request) -> np.ndarray | None:
    data = _decoded(view, "embedding", 4 * EMBEDDING_SIZE)
    if not data:
        return None
    if len(data) != 4 * EMBEDDING_SIZE:
        raise EntryError(f"an embedding has {len(data)} bytes; it must be {EMBEDDING_SIZE} float32, little endian")
    vector = np.frombuffer(data, "<f4")
    check_embedding(vector)
    return vector


def _relief(view: Request) -> np.ndarray | None:
    size = RELIEF_HARMONICS * RELIEF_NUMBERS
    data = _decoded(view, "relief", size)
    if data and len(data) != size:
        raise EntryError(f"a relief map has {len(data)} bytes; it must be {size} int8")
    return np.frombuffer(data, np.int8).reshape(RELIEF_HARMONICS, RELIEF_NUMBERS) if data else None


def _decoded(view: Request, name: str, most: int) -> bytes:
    """Bytes of a base64 text; b'' if there is none."""
    value = view.get(name) or ""
    try:
        data = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise EntryError(f"{name} is not base64: {error}") from error
    if len(data) > most:
        raise EntryError(f"{name} has {len(data)} bytes; the limit is {most}")
    return data


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
