"""Operations on the catalog as a whole: embeddings by new weights, the threshold, the state."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from catalog.entry import StoredView
from catalog.service.operations import fields
from catalog.service.operations.context import Context, Request
from catalog.service.operations.refusals import each_made, with_refused, wrong_embedding
from ensemble.errors import EntryError

MAX_REEMBEDDED = 256  # views of one request, so that other requests get their turn


def reembed(context: Context, request: Request) -> dict[str, Any]:
    """Embed some stale views and map some reliefs, from their pictures; returns how many were done, and are left.

    When none can be done, the missing ones are `lost`: a view without a usable picture stays stale for good. Views
    whose picture cannot be used are reported, once by each server.
    """
    limit = fields.number(request, "limit", MAX_REEMBEDDED, MAX_REEMBEDDED)
    refused: dict[str, dict[str, Any]] = {}
    embedded = _made(context, context.catalog.stale, context.embed, limit, refused)
    context.catalog.stage(embedded)
    mapped = _made(context, context.catalog.unmapped, context.map_relief, limit, refused)
    context.catalog.put_reliefs(mapped)
    status = context.catalog.status()
    missing = max(status.stale_views - status.staged, status.without_relief)
    done = max(len(embedded), len(mapped))
    reply = {"done": done, "left": missing if done else 0, "lost": 0 if done else missing}
    return with_refused(reply, list(refused.values()))


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
        for view, one in zip(views, each_made(make, [view.picture for view in views]), strict=True):
            wrong = str(one) if isinstance(one, EntryError) else wrong_embedding(one) if one.dtype != np.int8 else ""
            if wrong:
                context.unusable.add(view.id)
                refused[view.id] = {"view": view.id, "entry": view.entry_id, "side": view.side, "error": wrong}
            else:
                made.append((view.id, np.asarray(one)))
    return made


def switch(context: Context, request: Request) -> dict[str, Any]:
    """Let all embeddings that `reembed` made count."""
    return {"switched": context.catalog.switch()}


def forget(context: Context, request: Request) -> dict[str, Any]:
    """Delete all embeddings by other weights than the server's."""
    return {"forgotten": context.catalog.forget()}


def calibrate(context: Context, request: Request) -> dict[str, Any]:
    """Set the score from which a coin counts as known."""
    value = request.get("threshold")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise EntryError(f"threshold is {value!r}; it must be a probability, from 0 to 1")
    context.catalog.set_threshold(float(value))
    return {"threshold": float(value)}


def status(context: Context, request: Request) -> dict[str, Any]:
    """How much the catalog holds, and what it is searched with."""
    calibrated = context.catalog.threshold()
    return {
        **asdict(context.catalog.status()),
        "model": context.makers.embedding,
        "relief_model": context.makers.relief,
        "judge": asdict(context.judge),
        "threshold": context.judge.known if calibrated is None else calibrated,
        "calibrated": calibrated is not None,
    }


def rights(context: Context, request: Request) -> dict[str, Any]:
    """What who asks may do. A refused change says so too, but refusals are counted, and stand in the audit log."""
    return {"change": context.may_change}
