"""Which ids a search may find, from a boolean mask to Faiss's parameters."""

from typing import Any

import faiss
import numpy as np


def selector(allowed: np.ndarray) -> Any:
    """Faiss's selector of the ids, or of the rows, that are True in `allowed`, [N] bool. It holds a copy."""
    bits: Any = faiss.IDSelectorBitmap  # Faiss's types are those of C++ and do not know that it takes arrays
    return bits(np.packbits(allowed, bitorder="little"))


def only(allowed: np.ndarray) -> Any:
    """Search parameters for an index that has no others: find only what is True in `allowed`, [N] bool."""
    parameters: Any = faiss.SearchParameters
    return parameters(sel=selector(allowed))


def are_allowed(ids: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Which of [N] ids are allowed, [N] bool. An id beyond the end of `allowed` is not."""
    inside = ids < len(allowed)
    return inside & allowed[np.where(inside, ids, 0)] if len(allowed) else inside & False
