"""What is refused of many things, while the rest goes on."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from catalog.entry import check_embedding
from ensemble.errors import EntryError


def with_refused(reply: dict[str, Any], refused: list[dict[str, Any]]) -> dict[str, Any]:
    """A reply, with what was refused if anything was."""
    return {**reply, "refused": refused} if refused else reply


def wrong_embedding(embedding: np.ndarray) -> str:
    """Why an embedding cannot be used; empty if it can."""
    try:
        check_embedding(embedding)
    except EntryError as error:
        return str(error)
    return ""


def each_made(
    make: Callable[[Sequence[bytes]], np.ndarray], pictures: Sequence[bytes]
) -> list[np.ndarray | EntryError]:
    """What a model makes of each picture; its error for one that cannot be used."""
    try:
        return list(make(pictures)) if pictures else []
    except EntryError as error:
        if len(pictures) == 1:
            return [error]
        return [each for picture in pictures for each in each_made(make, [picture])]
