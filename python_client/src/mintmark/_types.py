"""What the client takes and gives: small frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Ellipse:
    """The rim of a coin's upper face, in pixels of the photo as a person sees it (after EXIF rotation).

    Pixel centres lie on whole numbers. `a >= b` are semi-axes; `angle` is that of `a` in degrees, y pointing down, as
    in `cv2.ellipse`.
    """

    cx: float
    cy: float
    a: float
    b: float
    angle: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFields:
    """What is said about a coin when it is enrolled. `metadata` is free: any JSON values."""

    name: str
    country: str
    currency: str
    denomination: str
    side: str
    year: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(EntryFields):
    """One entry of the catalog: its fields and the id that the server gave it."""

    id: str


@dataclass(frozen=True, slots=True)
class Match:
    """A catalog entry and its cosine similarity to the photo, -1 to 1."""

    entry: Entry
    score: float


@dataclass(frozen=True, slots=True)
class Recognition:
    """What the server says of a photo.

    `found`: the photo shows a coin. `known`: the best match is good enough to say that the coin is in the catalog.
    `ellipse`: None where no coin was found. `matches`: best first; fewer than asked for where the catalog is small.
    """

    found: bool
    known: bool
    ellipse: Ellipse | None
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CoinEmbedding:
    """A photo's coin as the server sees it.

    `embedding`: float32 [64], unit length. `coin`: uint8 [256, 256, 3], RGB, the coin as a circle on a plain ground.
    Both mean nothing where `found` is false; `ellipse` is None there.
    """

    found: bool
    ellipse: Ellipse | None
    embedding: npt.NDArray[np.float32]
    coin: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CatalogStatus:
    """The catalog at a glance.

    `views`: embeddings, one per enrolled photo. `model`: fingerprint of the weights that made them. `threshold`: score
    from which a coin counts as known. `details`: whatever else the server reports.
    """

    entries: int
    views: int
    model: str
    threshold: float
    details: Mapping[str, Any] = field(default_factory=dict)
