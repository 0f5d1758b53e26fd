"""The values that the client takes and returns, all frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mintmark._contract import Entry as Entry
from mintmark._contract import EntryFields as EntryFields

NO_COIN_SCORE = -1.0
"""Score of a photo that shows no coin, as in the server."""


@dataclass(frozen=True, slots=True)
class Ellipse:
    """The rim of a coin's upper face, in pixels of the photo as a person sees it (after EXIF rotation).

    Pixel centres lie on whole numbers. `a >= b` are the semi-axes. `angle` is the angle of `a` in degrees, with y
    pointing down, as in `cv2.ellipse`.
    """

    cx: float
    cy: float
    a: float
    b: float
    angle: float


@dataclass(frozen=True, slots=True)
class View:
    """One photo of an entry, as the catalog keeps it.

    `picture`: JPEG of the rectified coin, IMAGE_SIZE by IMAGE_SIZE px; empty if none was kept. `stale`: its embedding
    was made by other weights than the server's, so the view is not searched until it is embedded again.
    """

    id: str
    side: str
    stale: bool
    picture: bytes


@dataclass(frozen=True, slots=True, eq=False)
class ViewRecord:
    """A view with its entry, as it is exported and imported.

    `picture`: as in View. `embedding`: float32 [EMBEDDING_SIZE], unit length. `model`: fingerprint of the weights that
    made the embedding. Without an embedding they are None and ''; the server then embeds the picture.
    """

    entry: Entry
    side: str
    picture: bytes
    embedding: npt.NDArray[np.float32] | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A catalog entry that was found.

    `score`: cosine similarity of the photo and the entry's most similar view, -1 to 1. `side`: side of that view.
    """

    entry: Entry
    score: float
    side: str


@dataclass(frozen=True, slots=True)
class Recognition:
    """The server's answer about a photo.

    `found`: the photo shows a coin. `known`: the coin is in the catalog, judged by the score of the best match.
    `margin`: the best score minus the second best, which counts as -1 if there is none; 0 without matches. `ellipse`:
    None if no coin was found. `matches`: best first, at most as many as asked for.
    """

    found: bool
    known: bool
    margin: float
    ellipse: Ellipse | None
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CoinEmbedding:
    """A photo's coin as the server sees it.

    `embedding`: float32 [EMBEDDING_SIZE], unit length. `coin`: uint8 [IMAGE_SIZE, IMAGE_SIZE, 3], RGB, the coin as a
    circle on a plain background. If `found` is false, `ellipse` is None and the other two mean nothing.
    """

    found: bool
    ellipse: Ellipse | None
    embedding: npt.NDArray[np.float32]
    coin: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CatalogStatus:
    """The catalog at a glance.

    `entries`: number of coins. `views`: number of photos that are searched. `stale_views`: number of photos that are
    not searched, because they have no embedding by the server's weights; `reembed` makes one. `model`: fingerprint of
    these weights. `threshold`: score from which a coin counts as known. `calibrated`: the threshold was set for this
    catalog; otherwise it came with the weights. `details`: everything else that the server reports.
    """

    entries: int
    views: int
    stale_views: int
    model: str
    threshold: float
    calibrated: bool
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reembedding:
    """How far the embedding of stale views has come, in views.

    `done`: embedded by this request. `left`: still to embed, as far as the server knows. `lost`: stale views without a
    picture, which cannot be embedded (enroll their photos again); counted only when nothing is left.
    """

    done: int
    left: int
    lost: int
