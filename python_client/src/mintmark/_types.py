"""The values that the client takes and returns, all frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
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


class HalfPhoto(bytes):
    """One side of a coin, cut out of a photo of both: the bytes of a JPEG file.

    `photo`: what the catalog knows it by. It is made of the whole file, so it stays the same however the file is cut.
    `corner`: x and y of its upper left pixel in the whole photo, as a person sees it.
    """

    photo: str
    corner: tuple[int, int]

    def __new__(cls, data: bytes, photo: str, corner: tuple[int, int]) -> "HalfPhoto":
        """The bytes of a JPEG file, with what is known of them."""
        half = super().__new__(cls, data)
        half.photo, half.corner = photo, corner
        return half


@dataclass(frozen=True, slots=True)
class View:
    """One photo of an entry, as the catalog keeps it.

    `picture`: JPEG of the rectified coin, IMAGE_SIZE by IMAGE_SIZE px; empty if none was kept. `stale`: its embedding
    was made by other weights than the server's, so the view is not searched until it is embedded again. `verifiable`:
    it has a relief map; without one, a search judges the view by its embedding alone.
    """

    id: str
    side: str
    stale: bool
    picture: bytes
    verifiable: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class ViewRecord:
    """A view with its entry, as it is exported and imported.

    `picture`: as in View. `embedding`: float32 [EMBEDDING_SIZE], unit length. `model`: fingerprint of the weights that
    made the embedding. Without an embedding they are None and ''; the server then embeds the picture. `relief` and
    `relief_model`: likewise the relief map, int8 [RELIEF_HARMONICS, RELIEF_NUMBERS], and what made it. `photo`: SHA-256
    of the file that was enrolled, in hex, by which the catalog knows it again; '' if it does not.
    """

    entry: Entry
    side: str
    picture: bytes
    embedding: npt.NDArray[np.float32] | None = None
    model: str = ""
    relief: npt.NDArray[np.int8] | None = None
    relief_model: str = ""
    photo: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A catalog entry that was found.

    `score`: probability, 0 to 1, that photo and entry show the same face of the same kind of coin, by the entry's most
    similar view. `side` and `view`: side and id of that view. `cosine`: similarity of the embeddings, -1 to 1.
    `correlation`: of the reliefs, -1 to 1. `angle`: degrees by which the view's picture is turned clockwise to lie as
    in the photo. The last two are None if the reliefs were not compared.
    """

    entry: Entry
    score: float
    side: str
    view: str
    cosine: float
    correlation: float | None = None
    angle: float | None = None


@dataclass(frozen=True, slots=True)
class Similar:
    """An entry that looks like another one.

    `score`: probability, 0 to 1, that both show the same face of the same kind of coin, by the two views that are most
    alike: `own_side` and `own_view` of the entry that was asked about, `side` and `view` of this one. `cosine`,
    `correlation` and `angle`: as in Match, of these two. `same_photo`: both entries have the same photo file; `view` is
    '' if that one is not searched.
    """

    entry: Entry
    score: float
    own_side: str
    own_view: str
    side: str
    view: str
    cosine: float
    correlation: float | None = None
    angle: float | None = None
    same_photo: bool = False


@dataclass(frozen=True, slots=True)
class Recognition:
    """The server's answer about a photo.

    `found`: the photo shows a coin. `probability`: that what the server looked at closely is one. `known`: the coin is
    in the catalog, judged by the score of the best match. `margin`: the best score minus the second best, which counts
    as 0 if there is none; 0 without matches. `ellipse`: None if no coin was found. `matches`: best first, at most as
    many as asked for. `notes`: sentences on photos of the catalog that wait for `reembed`: they are not searched, or
    judged by their embedding alone.
    """

    found: bool
    probability: float
    known: bool
    margin: float
    ellipse: Ellipse | None
    matches: tuple[Match, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PairMatch:
    """An entry that two photos of one coin agree on.

    `score`: probability, 0 to 1, that both show this kind of coin. `matches`: what each photo says of the entry; None
    where it is not among the matches of that photo.
    """

    entry: Entry
    score: float
    matches: tuple[Match | None, Match | None]


@dataclass(frozen=True, slots=True)
class PairRecognition:
    """One answer about two photos of the same coin, one of each side.

    `answers`: about each photo. `known`, `margin` and `matches`: as in Recognition, by the scores of both; a photo
    in which no coin was found does not count. `notes`: of either answer.
    """

    answers: tuple[Recognition, Recognition]
    known: bool
    margin: float
    matches: tuple[PairMatch, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundCoin:
    """One of the coins of a photo.

    `ellipse`: its outline. `probability`: that it is a coin. `known`, `margin`, `matches` and `notes`: as in
    Recognition; the notes are the same for all coins of a photo.
    """

    ellipse: Ellipse
    probability: float
    known: bool
    margin: float
    matches: tuple[Match, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class CoinEmbedding:
    """A photo's coin as the server sees it.

    `probability`: that it is one. `embedding`: float32 [EMBEDDING_SIZE], unit length. `coin`: uint8 [IMAGE_SIZE,
    IMAGE_SIZE, 3], RGB, the coin as a circle on a plain background. `relief`: float32 [trials, RELIEF_HARMONICS,
    RELIEF_NUMBERS], its relief maps. If `found` is false, `ellipse` is None and these three mean nothing.
    """

    found: bool
    probability: float
    ellipse: Ellipse | None
    embedding: npt.NDArray[np.float32]
    coin: npt.NDArray[np.uint8]
    relief: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class KnownPhoto:
    """An entry that has a photo, and the side of the coin that the photo shows."""

    entry: Entry
    side: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalog has of what it was asked for: entries by id, and who has a photo, by the photo's SHA-256."""

    entries: Mapping[str, Entry]
    photos: Mapping[str, tuple[KnownPhoto, ...]]


@dataclass(frozen=True, slots=True)
class FilterCheck:
    """How many views of the catalog pass one filter alone; if none does, the nearest values that there are."""

    filter: str
    value: str
    views: int
    nearest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One change of an entry: photos added, fields updated, a photo changed, photos removed.

    `number`: by which it can be undone. `at`: when, in UTC. `who`: name of the token that made it; '' where changes
    need none. `kind`: "added", "updated", "changed" or "removed". `entry`: its id. `other`: id of the entry that a
    photo went to, else ''. `undoes`: number of the event that this one undid, else ''. `details`: by kind,

    - added: "new" (the entry is new), "views" (each with "id", "side", "photo")
    - updated: "before" and "after", the values of the fields that changed
    - changed: "view", "side" (the old and the new one), "left" (fields of an entry that went with its last photo)
    - removed: "whole" (the entry went too), "name", "views"
    """

    number: str
    at: datetime
    who: str
    kind: str
    entry: str
    other: str = ""
    undoes: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries of a list, in its order. `next`: where the next page begins; '' if there is none."""

    entries: tuple[Entry, ...]
    next: str


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first. `next`: where the next page begins; '' if there is none."""

    events: tuple[Event, ...]
    next: str


@dataclass(frozen=True, slots=True)
class CatalogStatus:
    """The catalog at a glance.

    `entries`: number of coins. `views`: number of photos that are searched. `stale_views`: number of photos that are
    not searched, because they have no embedding by the server's weights; `reembed` makes one. `model`: fingerprint of
    these weights. `without_relief`: number of photos without a relief map, which a search judges by their embedding
    alone; `reembed` makes one. `threshold`: score from which a coin counts as known. `calibrated`: the threshold was
    set for this catalog; otherwise it came with the weights. `details`: everything else that the server reports.
    """

    entries: int
    views: int
    stale_views: int
    model: str
    without_relief: int
    threshold: float
    calibrated: bool
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefusedView:
    """A view that could not be exported, imported or embedded again, and why; the others go on.

    `entry` and `side` are '' where even they cannot be read.
    """

    entry: str
    side: str
    error: str


@dataclass(frozen=True, slots=True)
class Reembedding:
    """How far the embedding of stale views, and the mapping of reliefs, has come, in views.

    `done`: by this request. `left`: still to embed, as far as the server knows. `lost`: stale views without a
    picture, which cannot be embedded (enroll their photos again); counted only when nothing is left. `refused`: views
    whose picture turned out unusable; a server names each once.
    """

    done: int
    left: int
    lost: int
    refused: tuple[RefusedView, ...] = ()
