"""The result of a search as the contract's tensors."""

import numpy as np

from catalog.base import Catalog
from catalog.vectors import Queries
from ensemble.contract import COIN_ID, ENTRY, KNOWN, SCORE, Tensor


def search_answer(
    catalog: Catalog, embeddings: Queries, found: np.ndarray, k: int, threshold: float
) -> dict[Tensor, np.ndarray]:
    """Search for the photos that show a coin; the others match nothing.

    Args:
        catalog: where to search.
        embeddings: [B, 64] float32 unit vectors, on the host or on the device of the catalog's index.
        found: [B, 1] float32, 1 where there is a coin.
        k: matches per photo.
        threshold: cosine from which the best match counts as known.

    Returns:
        Outputs of the model `search`: ids, scores and entries [B, k], known [B, 1]. Rows are filled up with '' and -1.
    """
    ids = np.full((len(found), k), b"", object)
    scores = np.full((len(found), k), -1.0, np.float32)
    entries = np.full((len(found), k), b"", object)
    known = np.zeros((len(found), 1), bool)
    rows = np.flatnonzero(found[:, 0] > 0.5)
    # All are searched if any is: on a device, picking rows would cost more than searching too many.
    matches = catalog.search(embeddings, k) if rows.size else []
    for row in rows:
        best = matches[row]
        for place, match in enumerate(best):
            ids[row, place] = match.entry.id.encode()
            scores[row, place] = match.score
            entries[row, place] = match.entry.to_json().encode()
        known[row, 0] = bool(best) and best[0].score >= threshold
    return {COIN_ID: ids, SCORE: scores, ENTRY: entries, KNOWN: known}
