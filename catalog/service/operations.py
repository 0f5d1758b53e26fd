"""The operations that manage a catalog: JSON in, JSON out."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from catalog.entry import Enrolment, Makers, View, json_object
from catalog.interface import Catalog
from ensemble.contract import EMBEDDING_SIZE, RELIEF_HARMONICS, RELIEF_NUMBERS
from ensemble.errors import EntryError
from ensemble.verification import Judge

MAX_PAGE = 1000
MAX_REEMBEDDED = 256  # views of one request, so that other requests get their turn
MAX_PICTURE = 1 << 20  # bytes
UNIT_TOLERANCE = 1e-3  # by which the length of an embedding may differ from 1

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
    """

    catalog: Catalog
    makers: Makers
    embed: Embed
    map_relief: MapRelief
    judge: Judge


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


def _update(context: Context, request: Request) -> dict[str, Any]:
    fields = request.get("changes")
    if not isinstance(fields, dict) or not fields:
        raise EntryError("update needs 'changes', an object with the fields to change")
    return {"entry": asdict(context.catalog.update(_text(request, "id"), fields))}


def _remove(context: Context, request: Request) -> dict[str, Any]:
    context.catalog.remove(_text(request, "id"))
    return {"removed": request["id"]}


def _export(context: Context, request: Request) -> dict[str, Any]:
    page = context.catalog.export(_text(request, "after", ""), _number(request, "limit", 100, MAX_PAGE))
    pictures = request.get("pictures", True) is True
    views = [
        {
            "id": view.id,
            "entry": asdict(entry),
            "side": view.side,
            "picture": _encoded(view.picture) if pictures else "",
            "embedding": None if view.embedding is None else _encoded(view.embedding.tobytes()),
            "relief": None if view.relief is None else _encoded(view.relief.tobytes()),
        }
        for entry, view in page.views
    ]
    made_by = {"model": context.makers.embedding, "relief_model": context.makers.relief}
    return {**made_by, "views": views, "next": page.next}


def _import(context: Context, request: Request) -> dict[str, Any]:
    given = request.get("views")
    if not isinstance(given, list) or not all(isinstance(view, dict) for view in given) or len(given) > MAX_PAGE:
        raise EntryError(f"import needs 'views', a list of at most {MAX_PAGE} objects")
    enrolments = [_enrolment(view) for view in given]
    pictures = [_decoded(view, "picture", MAX_PICTURE) for view in given]
    embeddings = _embeddings(context, given, pictures, same_model=request.get("model") == context.makers.embedding)
    reliefs = _reliefs(context, given, pictures, same_model=request.get("relief_model") == context.makers.relief)
    views = [
        View(embedding, context.makers, picture, relief)
        for embedding, picture, relief in zip(embeddings, pictures, reliefs, strict=True)
    ]
    return {"added": context.catalog.add(list(zip(enrolments, views, strict=True)))}


def _reliefs(
    context: Context, given: list[Request], pictures: list[bytes], same_model: bool
) -> list[np.ndarray | None]:
    """The map of each view: the one that came with it if it is by the same model, else one of its picture, if any."""
    reliefs = [_relief(view) if same_model else None for view in given]
    lacking = [n for n, relief in enumerate(reliefs) if relief is None and pictures[n]]
    made = dict(zip(lacking, context.map_relief([pictures[n] for n in lacking]) if lacking else (), strict=True))
    return [made.get(n) if relief is None else relief for n, relief in enumerate(reliefs)]


def _embeddings(context: Context, given: list[Request], pictures: list[bytes], same_model: bool) -> list[np.ndarray]:
    """The embedding of each view: the one that came with it if it is by the same model, else one of its picture."""
    embeddings = [_embedding(view) if same_model else None for view in given]
    lacking = [n for n, embedding in enumerate(embeddings) if embedding is None]
    if blind := [n for n in lacking if not pictures[n]]:
        raise EntryError(f"view {blind[0]} has neither a picture nor an embedding of model {context.makers.embedding}")
    made = dict(zip(lacking, context.embed([pictures[n] for n in lacking]) if lacking else (), strict=True))
    return [made[n] if embedding is None else embedding for n, embedding in enumerate(embeddings)]


def _reembed(context: Context, request: Request) -> dict[str, Any]:
    """Embed some stale views and map some reliefs, from their pictures; returns how many were done, and are left.

    When none can be done, the missing ones are `lost`: a view without a picture stays stale for good.
    """
    limit = _number(request, "limit", MAX_REEMBEDDED, MAX_REEMBEDDED)
    views, unmapped = context.catalog.stale(limit), context.catalog.unmapped(limit)
    if views:
        embeddings = context.embed([view.picture for view in views])
        context.catalog.stage([(view.id, embedding) for view, embedding in zip(views, embeddings, strict=True)])
    if unmapped:
        maps = context.map_relief([view.picture for view in unmapped])
        context.catalog.put_reliefs([(view.id, relief) for view, relief in zip(unmapped, maps, strict=True)])
    status = context.catalog.status()
    missing = max(status.stale_views - status.staged, status.without_relief)
    done = max(len(views), len(unmapped))
    return {"done": done, "left": missing if done else 0, "lost": 0 if done else missing}


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
    return Enrolment.from_fields({**fields, "side": view.get("side"), "entry": entry["id"]})


def _embedding(view: Request) -> np.ndarray | None:
    data = _decoded(view, "embedding", 4 * EMBEDDING_SIZE)
    if not data:
        return None
    if len(data) != 4 * EMBEDDING_SIZE:
        raise EntryError(f"an embedding has {len(data)} bytes; it must be {EMBEDDING_SIZE} float32, little endian")
    vector = np.frombuffer(data, "<f4")
    length = float(np.linalg.norm(vector))
    if not abs(length - 1) <= UNIT_TOLERANCE:
        raise EntryError(f"an embedding has the length {length:.4f}; it must be a unit vector")
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
