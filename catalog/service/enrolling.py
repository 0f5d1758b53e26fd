"""From what the models make of a photo to the views of an enrolment."""

import numpy as np

from catalog.entry import Makers, View, check_embedding
from catalog.service.picture import coin_jpeg
from ensemble.errors import EntryError
from ensemble.verification import stored


def views_of(coins: np.ndarray, embeddings: np.ndarray, reliefs: np.ndarray, makers: Makers) -> list[View]:
    """The views to enroll. A client may ask the model directly, so nothing is taken on trust.

    Args:
        coins: [B, 3, IMAGE_SIZE, IMAGE_SIZE] float32, normalized.
        embeddings: [B, EMBEDDING_SIZE] float32 unit vectors.
        reliefs: [B, trials, RELIEF_HARMONICS, RELIEF_NUMBERS] float32; the first trial counts.
        makers: of embeddings and maps.

    Raises:
        EntryError: a number is not finite, or an embedding is not of unit length.
    """
    for name, values in (("coin", coins), ("relief map", reliefs)):
        if not np.isfinite(values).all():
            raise EntryError(f"the {name} has numbers that are not finite: nothing was enrolled")
    views = []
    for coin, embedding, trials in zip(coins, embeddings, reliefs, strict=True):
        check_embedding(embedding)
        views.append(View(embedding, makers, coin_jpeg(coin), stored(trials[0])))
    return views
