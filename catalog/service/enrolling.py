"""From what the models make of a photo to the views of an enrolment."""

import numpy as np

from catalog.entry import Enrolment, Makers, View, check_embedding
from catalog.events import ANYONE, By
from catalog.interface import Catalog
from catalog.service.picture import coin_jpeg
from ensemble.errors import EntryError
from ensemble.verification import stored

_SHOWN = 5  # entries that have the same photo


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


def enroll(catalog: Catalog, enrolment: Enrolment, view: View, by: By = ANYONE) -> tuple[str, list[str]]:
    """Store one photo; returns the id of its entry, and what is worth saying about who has this photo already.

    Raises:
        EntryError, EntryNotFoundError, CatalogError: as `Catalog.enroll`.
    """
    photo = enrolment.photo
    having = [entry.id for entry, _ in catalog.photos([photo]).get(photo, ())] if photo else []
    entry_id = catalog.enroll(enrolment, view, by)
    said = [f"entry {entry_id} has this photo already: it was not stored again"] if entry_id in having else []
    others = sorted(set(having) - {entry_id})
    return entry_id, said + ([f"the same photo belongs to {', '.join(others[:_SHOWN])}"] if others else [])
