"""The result of a search as the contract's tensors."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from catalog.entry import check_embedding
from catalog.interface import Catalog, Match, Queries, Verification
from catalog.service.notes import notes
from ensemble.contract import ANGLE, COIN_ID, CORRELATION, COSINE, ENTRY, KNOWN, MARGIN, SCORE, WARNINGS, Tensor
from ensemble.errors import EntryError, ParameterError
from ensemble.parameters import Search
from ensemble.verification import NOT_COMPARED, Judge, probability

NO_MATCH = -1.0  # score and cosine of a missing entry


def search_answer(
    catalog: Catalog,
    embeddings: Queries,
    reliefs: Queries,
    found: np.ndarray,
    search: Search,
    judge: Judge,
    seen: Callable[[int, float], None] = lambda views, seconds: None,
) -> dict[Tensor, np.ndarray]:
    """Search for the photos that show a coin. The others match nothing.

    Args:
        catalog: where to search.
        embeddings: [B, EMBEDDING_SIZE] float32 unit vectors, on the host or on the device of the catalog's index.
        reliefs: [B, trials, RELIEF_HARMONICS, RELIEF_NUMBERS] float32, likewise.
        found: [B, 1] float32, 1 if there is a coin.
        search: what the request asks for.
        judge: turns similarities into probabilities; says which count as known, if the catalog was not calibrated.
        seen: see Verification.

    Raises:
        ParameterError: an embedding or a relief map on the host cannot be compared.

    Returns:
        Outputs of the model `search`: known, margin and warnings [B, 1], the others [B, k]. Rows are padded as the
        contract says.
    """
    shape = (len(found), search.k)
    ids, entries = np.full(shape, b"", object), np.full(shape, b"", object)
    numbers = {tensor: np.full(shape, NO_MATCH, np.float32) for tensor in (SCORE, COSINE)}
    numbers |= {CORRELATION: np.full(shape, NOT_COMPARED, np.float32), ANGLE: np.zeros(shape, np.float32)}
    known, margin = np.zeros((len(found), 1), bool), np.zeros((len(found), 1), np.float32)
    rows = np.flatnonzero(found[:, 0] > 0.5)
    _check(embeddings, reliefs, rows)
    calibrated = catalog.threshold() if rows.size else None
    threshold = judge.known if calibrated is None else calibrated
    verification = Verification(reliefs, judge, search.candidates, seen) if search.verify else None
    # If one photo shows a coin, all are searched: on a device, picking rows costs more than searching too many. The
    # margin needs a second entry, even for k = 1.
    matches = catalog.search(embeddings, max(2, search.k), search.filters, verification) if rows.size else []
    for row in rows:
        best = matches[row]
        scores = _scores(best, judge)
        for place, match in enumerate(best[: search.k]):
            ids[row, place] = match.entry.id.encode()
            entries[row, place] = _matched(match)
            values = {SCORE: scores[place], COSINE: match.cosine, CORRELATION: match.correlation, ANGLE: match.angle}
            for tensor, value in values.items():
                numbers[tensor][row, place] = value
        first, second = [*scores, 0.0, 0.0][:2]
        margin[row, 0] = first - second
        known[row, 0] = bool(best) and first >= threshold
    said = "\n".join(notes(catalog.waiting(), search.verify)).encode()
    warnings = np.full((len(found), 1), said, object)
    return {COIN_ID: ids, ENTRY: entries, KNOWN: known, MARGIN: margin, WARNINGS: warnings, **numbers}


def _check(embeddings: Queries, reliefs: Queries, rows: np.ndarray) -> None:
    """Refuse what a client made up, on the host: on a device, looking would cost more than searching.

    Raises:
        ParameterError: an embedding is no unit vector, or a relief map has numbers that are not finite.
    """
    if isinstance(embeddings, np.ndarray):
        for row in rows:
            try:
                check_embedding(embeddings[row])
            except EntryError as error:
                raise ParameterError(str(error)) from error
    if isinstance(reliefs, np.ndarray) and not np.isfinite(reliefs[rows]).all():
        raise ParameterError("a relief map has numbers that are not finite")


def _scores(matches: Sequence[Match], judge: Judge) -> list[float]:
    """The probability of each match: of a search that did not verify, by the cosine alone."""
    alone = [float(judge.log_odds(match.cosine, match.correlation)) for match in matches]
    log_odds = [one if match.log_odds is None else match.log_odds for match, one in zip(matches, alone, strict=True)]
    return [float(score) for score in probability(log_odds).astype(np.float32)]


def _matched(match: Match) -> bytes:
    """An entry as JSON with the side and the view that matched."""
    return json.dumps({**asdict(match.entry), "side": match.side, "view": match.view}, ensure_ascii=False).encode()


def matches_json(answer: Mapping[Tensor, np.ndarray]) -> list[dict[str, Any]]:
    """The outputs of the model `search` as JSON objects, one for each row."""
    rows = []
    for row in range(len(answer[KNOWN])):
        matches = [
            {tensor.name: float(answer[tensor][row, place]) for tensor in (SCORE, COSINE, CORRELATION, ANGLE)}
            | {ENTRY.name: json.loads(answer[ENTRY][row, place])}
            for place in range(answer[COIN_ID].shape[1])
            if answer[COIN_ID][row, place]
        ]
        known, margin = bool(answer[KNOWN][row, 0]), float(answer[MARGIN][row, 0])
        rows.append({KNOWN.name: known, MARGIN.name: margin, "matches": matches})
    return rows
