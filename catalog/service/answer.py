"""The result of a search as the contract's tensors."""

import json
from dataclasses import asdict

import numpy as np

from catalog.interface import Catalog, Match, Queries
from ensemble.contract import COIN_ID, ENTRY, KNOWN, MARGIN, SCORE, Tensor
from ensemble.parameters import Filters

NO_MATCH = -1.0  # score of a missing entry


def search_answer(
    catalog: Catalog, embeddings: Queries, found: np.ndarray, k: int, filters: Filters, threshold: float
) -> dict[Tensor, np.ndarray]:
    """Search for the photos that show a coin. The others match nothing.

    Args:
        catalog: where to search.
        embeddings: [B, EMBEDDING_SIZE] float32 unit vectors, on the host or on the device of the catalog's index.
        found: [B, 1] float32, 1 if there is a coin.
        k: matches per photo.
        filters: among which entries and views.
        threshold: cosine from which the best match counts as known, if the catalog was not calibrated.

    Returns:
        Outputs of the model `search`: ids, scores and entries [B, k], known and margin [B, 1]. Rows are padded with
        '' and -1.
    """
    ids = np.full((len(found), k), b"", object)
    scores = np.full((len(found), k), NO_MATCH, np.float32)
    entries = np.full((len(found), k), b"", object)
    known = np.zeros((len(found), 1), bool)
    margin = np.zeros((len(found), 1), np.float32)
    rows = np.flatnonzero(found[:, 0] > 0.5)
    calibrated = catalog.threshold() if rows.size else None
    # If one photo shows a coin, all are searched: on a device, picking rows costs more than searching too many. The
    # margin needs a second entry, even for k = 1.
    matches = catalog.search(embeddings, max(2, k), filters) if rows.size else []
    for row in rows:
        best = matches[row]
        for place, match in enumerate(best[:k]):
            ids[row, place] = match.entry.id.encode()
            scores[row, place] = match.score
            entries[row, place] = _matched(match)
        first, second = [*(match.score for match in best), NO_MATCH, NO_MATCH][:2]
        margin[row, 0] = first - second
        known[row, 0] = bool(best) and first >= (threshold if calibrated is None else calibrated)
    return {COIN_ID: ids, SCORE: scores, ENTRY: entries, KNOWN: known, MARGIN: margin}


def _matched(match: Match) -> bytes:
    """An entry as JSON with the side that matched."""
    return json.dumps({**asdict(match.entry), "side": match.side}, ensure_ascii=False).encode()
