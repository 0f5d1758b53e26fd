"""Measures a running server on labelled photos, without touching its catalog."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from mintmark._client import Client
from mintmark._contract import EMBEDDING_SIZE
from mintmark._errors import InvalidRequest
from mintmark._tables import read_rows
from mintmark._types import Ellipse
from mintmark.metrics import MISS, auroc, ellipse_iou, hit_ranks, recall_at_k

KS = (1, 2, 5, 10, 20)
GOOD_IOU = 0.9
INDEXED = ("catalog", "distractor")
ROLES = (*INDEXED, "query", "unknown")

Answer = TypeVar("Answer")

_NOTHING_FOUND = -1.0  # the server's own score where a photo shows no coin


@dataclass(frozen=True)
class Row:
    """One line of a manifest."""

    path: str
    label: str
    role: str


@dataclass(frozen=True)
class Sight:
    """What the server made of one photo: an embedding [64] and an outline, or neither, or a refusal and its reason."""

    embedding: npt.NDArray[np.float32] | None = None
    ellipse: Ellipse | None = None
    refusal: str | None = None


Sights = Mapping[str, Sight]
"""By the photos' paths as the manifest writes them."""


def read_manifest(path: str, sets: Sequence[str] = ()) -> list[Row]:
    """All rows whose column `set` is among `sets`, or all; roles that are not evaluated are kept."""
    required = ("path", "label", "role", "set") if sets else ("path", "label", "role")
    rows = [row for _, row in read_rows(path, required)]
    kept = [Row(row["path"], row["label"], row["role"]) for row in rows if not sets or row["set"] in sets]
    if not kept:
        raise InvalidRequest(f"{path} has no rows" + (f" of the set {', '.join(sets)}" if sets else ""))
    return kept


def read_outlines(path: str, among: Iterable[str]) -> dict[str, list[Ellipse]]:
    """The outlines drawn on each photo of `among`; those of quality 0 are left out."""
    wanted = set(among)
    outlines: dict[str, list[Ellipse]] = {}
    for line, row in read_rows(path, ("path", "cx", "cy", "a", "b", "angle")):
        if row["path"] not in wanted or row.get("quality") == "0":
            continue
        try:
            ellipse = Ellipse(*(float(row[name]) for name in ("cx", "cy", "a", "b", "angle")))
        except ValueError as error:
            raise InvalidRequest(f"{path}:{line}: {error}") from error
        outlines.setdefault(row["path"], []).append(ellipse)
    return outlines


def check_photos(root: Path, paths: Sequence[str]) -> None:
    """InvalidRequest if any photo is no file: a wrong root is better said before the work than after."""
    missing = [path for path in paths if not (root / path).is_file()]
    if missing:
        raise InvalidRequest(f"{len(missing)} of {len(paths)} photos are not under {root}, such as {missing[0]}")


def see(client: Client, root: Path, paths: Sequence[str], workers: int, seen: Callable[[str, Sight], None]) -> Sights:
    """Embed all photos, as `ask_all`. Refused photos become part of the result; any other error ends the work."""
    return ask_all(paths, lambda path: _see(client, root / path), workers, seen)


def ask_all(
    paths: Sequence[str], ask: Callable[[str], Answer], workers: int, seen: Callable[[str, Answer], None]
) -> dict[str, Answer]:
    """The answer to each path, `workers` at a time; `seen` is told of each, in order. An error ends the work."""
    answers: dict[str, Answer] = {}
    with ThreadPoolExecutor(workers) as pool:
        try:
            for path, answer in zip(paths, pool.map(ask, paths), strict=True):
                answers[path] = answer
                seen(path, answer)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return answers


def _see(client: Client, photo: Path) -> Sight:
    try:
        result = client.embed(photo)
    except InvalidRequest as error:
        return Sight(refusal=str(error))
    return Sight(result.embedding, result.ellipse) if result.found else Sight()


def evaluate(rows: Sequence[Row], sights: Sights) -> dict[str, Any]:
    """Counts, recall and rejection of the evaluated `rows`, as JSON; what has no rows to be measured on is None."""
    index = [row for row in rows if row.role in INDEXED]
    queries = [row for row in rows if row.role == "query"]
    unknown = [row for row in rows if row.role == "unknown" and sights[row.path].refusal is None]
    indexed = [row for row in index if sights[row.path].embedding is not None]
    pictures = stack(indexed, sights)
    return {
        "photos": dict(Counter(row.role for row in rows)),
        "index": {"pictures": len(indexed), "left_out": len(index) - len(indexed)},
        "found": _found(rows, sights),
        "refused": {path: sight.refusal for path, sight in sights.items() if sight.refusal is not None},
        "recall": _recall(queries, indexed, pictures, sights) if queries and index else None,
        "auroc": _rejection(queries, unknown, pictures, sights) if queries and unknown else None,
    }


def _found(rows: Sequence[Row], sights: Sights) -> dict[str, float]:
    """Share of photos in which the server found a coin: of all, and by role."""
    groups = {role: [row for row in rows if row.role == role] for role in ROLES}
    return {
        name: sum(sights[row.path].embedding is not None for row in group) / len(group)
        for name, group in {"all": rows, **groups}.items()
        if group
    }


def _recall(
    queries: Sequence[Row], indexed: Sequence[Row], pictures: npt.NDArray[np.float32], sights: Sights
) -> dict[str, Any]:
    found = [sights[row.path].embedding is not None for row in queries]
    searched = [row for row, hit in zip(queries, found, strict=True) if hit]
    ranks = np.full(len(queries), MISS, dtype=np.int64)
    ranks[found] = hit_ranks(
        stack(searched, sights), [row.label for row in searched], pictures, [row.label for row in indexed]
    )
    labels = np.array([row.label for row in queries], dtype=np.str_)
    return {
        "overall": _recalls(ranks),
        "labels": {str(label): _recalls(ranks[labels == label]) for label in np.unique(labels)},
    }


def _recalls(ranks: npt.NDArray[np.int64]) -> dict[str, float]:
    return {"queries": len(ranks), **{f"recall@{k}": recall_at_k(ranks, k) for k in KS}}


def _rejection(
    queries: Sequence[Row], unknown: Sequence[Row], pictures: npt.NDArray[np.float32], sights: Sights
) -> float:
    """AUROC of the top score, coins of the catalog against others."""
    known_scores, unknown_scores = (
        np.array([_top_score(sights[row.path], pictures) for row in rows]) for rows in (queries, unknown)
    )
    return auroc(known_scores, unknown_scores)


def _top_score(sight: Sight, pictures: npt.NDArray[np.float32]) -> float:
    if sight.embedding is None or len(pictures) == 0:
        return _NOTHING_FOUND
    return float((pictures @ sight.embedding).max())


def evaluate_outlines(outlines: Mapping[str, Sequence[Ellipse]], sights: Sights) -> dict[str, Any]:
    """IoU of the server's outline with the best fitting and with the largest drawn on each photo, 0 if none found."""
    best, largest = [], []
    for path, drawn in outlines.items():
        ellipse = sights[path].ellipse
        overlaps = [ellipse_iou(ellipse, one) if ellipse else 0.0 for one in drawn]
        best.append(max(overlaps))
        largest.append(overlaps[max(range(len(drawn)), key=lambda n: drawn[n].a * drawn[n].b)])
    return {
        "photos": len(outlines),
        "found": sum(sights[path].ellipse is not None for path in outlines),
        "best": _summary(best),
        "largest": _summary(largest),
    }


def _summary(overlaps: Sequence[float]) -> dict[str, float]:
    values = np.asarray(overlaps)
    return {
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        f"share>={GOOD_IOU}": float((values >= GOOD_IOU).mean()),
    }


def stack(rows: Sequence[Row], sights: Sights) -> npt.NDArray[np.float32]:
    """The embeddings [n, 64] of photos that show a coin."""
    vectors = [vector for row in rows if (vector := sights[row.path].embedding) is not None]
    return np.stack(vectors) if vectors else np.empty((0, EMBEDDING_SIZE), dtype=np.float32)
