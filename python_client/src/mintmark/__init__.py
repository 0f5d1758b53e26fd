"""Client of Mintmark, a visual search server for coins: a photo goes in, the matching catalog entries come out."""

from mintmark._client import DEFAULT_URL, Client
from mintmark._contract import DEFAULT_K, MAX_K, MAX_MEGAPIXELS, MOST_COINS, PHOTO_FORMATS
from mintmark._errors import (
    DoubtfulPhoto,
    EntryNotFound,
    InvalidPhoto,
    InvalidRequest,
    MintmarkError,
    NoCoinFound,
    RequestTimeout,
    ServerBusy,
    ServerError,
    ServerUnavailable,
    Unauthorized,
    UnfitPhoto,
)
from mintmark._requests import Filters, Photo
from mintmark._transports.base import Transport
from mintmark._transports.mock import MockTransport
from mintmark._transports.tls import Tls
from mintmark._transports.triton import TritonTransport
from mintmark._types import (
    CatalogStatus,
    CoinEmbedding,
    Ellipse,
    Entry,
    EntryFields,
    Event,
    FilterCheck,
    FoundCoin,
    Known,
    KnownPhoto,
    Match,
    PairMatch,
    PairRecognition,
    Recognition,
    Reembedding,
    RefusedView,
    Similar,
    View,
    ViewRecord,
)

__version__ = "0.2.0.dev0"

__all__ = [
    "DEFAULT_K",
    "DEFAULT_URL",
    "MAX_K",
    "MAX_MEGAPIXELS",
    "MOST_COINS",
    "PHOTO_FORMATS",
    "CatalogStatus",
    "Client",
    "CoinEmbedding",
    "DoubtfulPhoto",
    "Ellipse",
    "Entry",
    "EntryFields",
    "EntryNotFound",
    "Event",
    "FilterCheck",
    "Filters",
    "FoundCoin",
    "InvalidPhoto",
    "InvalidRequest",
    "Known",
    "KnownPhoto",
    "Match",
    "MintmarkError",
    "MockTransport",
    "NoCoinFound",
    "PairMatch",
    "PairRecognition",
    "Photo",
    "Recognition",
    "Reembedding",
    "RefusedView",
    "RequestTimeout",
    "ServerBusy",
    "ServerError",
    "ServerUnavailable",
    "Similar",
    "Tls",
    "Transport",
    "TritonTransport",
    "Unauthorized",
    "UnfitPhoto",
    "View",
    "ViewRecord",
    "__version__",
]
