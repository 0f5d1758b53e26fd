"""Which vectors a search may find, as Faiss takes it."""

from typing import Any

import faiss
import numpy as np


def selector(allowed: np.ndarray) -> Any:
    """Faiss's selector of the ids, or rows, whose place in `allowed`, [N] bool, is True. It holds a copy."""
    bits: Any = faiss.IDSelectorBitmap  # its types are those of C++: they do not know what Python makes of arrays
    return bits(np.packbits(allowed, bitorder="little"))


def selecting(allowed: np.ndarray) -> Any:
    """Search parameters for an index that has no others: [N] bool, True for what may be found."""
    parameters: Any = faiss.SearchParameters
    return parameters(sel=selector(allowed))


def chosen(ids: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Which of [N] ids are allowed, [N] bool."""
    inside = ids < len(allowed)
    return inside & allowed[np.where(inside, ids, 0)] if len(allowed) else inside & False
