"""What joins the catalog: which entry a photo belongs to, which views are there already, how much fits a request."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from catalog.entry import Enrolment, Entry
from catalog.milvus.connection import Row
from ensemble.errors import EntryError, EntryNotFoundError

_MOST_BYTES = 48 << 20  # of one request; Milvus takes 64 MiB
_ROW_BYTES = 2048  # of a row without its picture, about


@dataclass
class Existing:
    """An entry that a batch finds or makes, and what identifies its views: sides with embeddings or pictures."""

    entry: Entry
    views: set[tuple[str, bytes | str]] = field(default_factory=set)


def placed(enrolment: Enrolment, there: Entry | None) -> Entry:
    """The entry that a photo belongs to, with its id."""
    if there is not None:
        enrolment.check_fields(there)
        return there
    if enrolment.entry is None:
        raise EntryNotFoundError(f"no entry has the id {enrolment.id!r}")
    return replace(enrolment.entry, id=enrolment.id or uuid.uuid4().hex[:16])


def marks(side: str, embedding: np.ndarray | None, picture: str, photo: str) -> set[tuple[str, bytes | str]]:
    """What identifies a view: its side with its embedding, or with its picture's digest; or its photo."""
    found: set[tuple[str, bytes | str]] = set()
    if embedding is not None:
        found.add((side, np.ascontiguousarray(embedding, np.float32).tobytes()))
    if picture:
        found.add((side, picture))
    if photo:
        found.add(("", photo))
    return found


def check_size(rows: Sequence[Row]) -> None:
    """Refuse more than one request carries. Raises EntryError."""
    size = sum(_ROW_BYTES + len(row["document"]) + sum(map(len, row["picture"])) for row in rows)
    if size > _MOST_BYTES:
        raise EntryError(
            f"{len(rows)} views of {size >> 20} MiB are too much for one request to Milvus: add fewer at once"
        )
