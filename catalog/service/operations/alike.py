"""Which entries are hard to tell apart: a search with what the catalog holds of an entry, in place of a photo."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from catalog.entry import StoredView
from catalog.interface import Match, Verification
from catalog.service.operations import fields
from catalog.service.operations.context import Context, Request
from ensemble.contract import DEFAULT_K, MAX_BATCH
from ensemble.verification import probability

MAX_SIMILAR = 100  # entries of one answer
MOST_VIEWS = 64  # of the entry, that are searched with


@dataclass(frozen=True)
class _Pair:
    """A view of the entry, and what it matched."""

    view: StoredView
    match: Match
    log_odds: float


def similar(context: Context, request: Request) -> dict[str, Any]:
    """The entries that look most like one entry, best first, each by the pair of views that are most alike.

    Pairs are judged without rivals: the advantage of one coin over another belongs to a photo that may show either. An
    entry that has the very same photo file comes first, whatever the search says.
    """
    entry = context.catalog.show(fields.text(request, "id"))
    k = fields.number(request, "k", DEFAULT_K, MAX_SIMILAR)
    if not context.ready.is_set():  # who never asks needs no index in this process
        context.catalog.load()
        context.ready.set()
    views = context.catalog.views(entry.id)
    best: dict[str, _Pair] = {}
    # The entry itself is among what is found.
    for pair in _pairs(context, [view for view in views if view.embedding is not None][:MOST_VIEWS], k + 1):
        other = pair.match.entry.id
        if other != entry.id and (other not in best or pair.log_odds > best[other].log_odds):
            best[other] = pair
    said = {other: _said(pair) for other, pair in best.items()}
    for other, shared in _shared(context, views, entry.id).items():
        said[other] = {**said.get(other, shared), "same_photo": True}
    ranked = sorted(said.values(), key=lambda one: (not one["same_photo"], -one["score"], one["entry"]["id"]))
    return {"similar": ranked[:k]}


def _pairs(context: Context, views: Sequence[StoredView], k: int) -> Iterator[_Pair]:
    """What a search with each view finds; a view without a relief map is judged by its embedding alone."""
    judge = replace(context.judge, advantage=0.0)
    for mapped in (True, False):
        asked = [view for view in views if _has_map(view) == mapped]
        for start in range(0, len(asked), MAX_BATCH):
            some = asked[start : start + MAX_BATCH]
            embeddings = np.stack([np.asarray(view.embedding, np.float32) for view in some])
            verification = Verification(_as_queries(some), judge) if mapped else None
            found = context.catalog.search(embeddings, k, verification=verification)
            for view, matches in zip(some, found, strict=True):
                for match in matches:
                    yield _Pair(view, match, float(judge.log_odds(match.cosine, match.correlation)))


def _has_map(view: StoredView) -> bool:
    return view.relief is not None and bool(view.relief.any())


def _as_queries(views: Sequence[StoredView]) -> np.ndarray:
    """Stored maps as the only trial of a query, of unit length: [N, 1, RELIEF_HARMONICS, RELIEF_NUMBERS] float32."""
    maps = np.stack([np.asarray(view.relief, np.float32) for view in views])
    return (maps / np.sqrt((maps * maps).sum((1, 2), keepdims=True)))[:, None]


def _said(pair: _Pair) -> dict[str, Any]:
    match = pair.match
    return {
        "entry": asdict(match.entry),
        "score": float(probability(pair.log_odds)),
        "cosine": match.cosine,
        "correlation": match.correlation,
        "angle": match.angle,
        "own_side": pair.view.side,
        "own_view": pair.view.id,
        "side": match.side,
        "view": match.view,
        "same_photo": False,
    }


def _shared(context: Context, views: Sequence[StoredView], entry_id: str) -> dict[str, dict[str, Any]]:
    """The other entries that have a photo of these views, as a search would name them: some may be stale."""
    own = {view.photo: view for view in views if view.photo}
    found: dict[str, dict[str, Any]] = {}
    for photo, having in context.catalog.photos(list(own)).items():
        for entry, side in having:
            if entry.id != entry_id:
                pair = _Pair(own[photo], Match(entry, side, "", 1.0), 0.0)
                found[entry.id] = {**_said(pair), "score": 1.0}
    return found
