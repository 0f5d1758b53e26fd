"""What the client takes and gives: small frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mintmark._contract import Entry as Entry
from mintmark._contract import EntryFields as EntryFields


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


@dataclass(frozen=True, slots=True)
class View:
    """One photo of an entry, as the catalog keeps it.

    `picture`: JPEG of the rectified coin, 256 by 256 px; empty where none was kept. `stale`: other weights than the
    server's made its embedding, so it is not searched until it is embedded again.
    """

    id: str
    side: str
    stale: bool
    picture: bytes


@dataclass(frozen=True, slots=True, eq=False)
class ViewRecord:
    """A view with its entry, as it is exported and imported.

    `picture` as in View. `embedding`: float32 [EMBEDDING_SIZE], unit length, by the weights with the fingerprint
    `model`; None, and `model` '', where there is none: the server then embeds the picture.
    """

    entry: Entry
    side: str
    picture: bytes
    embedding: npt.NDArray[np.float32] | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A catalog entry, its cosine similarity to the photo, -1 to 1, and the side of its view that is most like it."""

    entry: Entry
    score: float
    side: str


@dataclass(frozen=True, slots=True)
class Recognition:
    """What the server says of a photo.

    `found`: the photo shows a coin. `known`: the best match is good enough to say that the coin is in the catalog.
    `margin`: the best score less that of the runner-up, a missing one counting as -1; 0 where nothing matches.
    `ellipse`: None where no coin was found. `matches`: best first; fewer than asked for where fewer are there.
    """

    found: bool
    known: bool
    margin: float
    ellipse: Ellipse | None
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CoinEmbedding:
    """A photo's coin as the server sees it.

    `embedding`: float32 [EMBEDDING_SIZE], unit length. `coin`: uint8 [256, 256, 3], RGB, the coin as a circle on a
    plain ground. Both mean nothing where `found` is false; `ellipse` is None there.
    """

    found: bool
    ellipse: Ellipse | None
    embedding: npt.NDArray[np.float32]
    coin: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CatalogStatus:
    """The catalog at a glance.

    `entries`: coins. `views`: photos that are searched. `stale_views`: photos that are not, because they have no
    embedding by the server's weights: `reembed` makes one. `model`: fingerprint of those weights. `threshold`: score
    from which a coin counts as known. `calibrated`: that score was set for this catalog; otherwise it came with the
    weights. `details`: whatever else the server reports.
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
    """How far the embedding of stale views has come.

    `done`: embedded by this request. `left`: still to do, as far as is known. `lost`: stale views without a picture,
    which nothing can embed (enroll their photos again); told once nothing is left.
    """

    done: int
    left: int
    lost: int
