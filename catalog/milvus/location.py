"""Where a Milvus server is, and which index it searches with, each in one setting."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from ensemble import variables

SCHEMES = {"milvus": "http", "milvus+tls": "https"}
METRICS = ("COSINE", "IP")
DEFAULT_PORT = 19530
_COLLECTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_KIND = re.compile(r"[A-Z][A-Z0-9_]*")
_SEARCH = ("ef", "nprobe", "search_list", "reorder_k")  # Milvus takes these with each search, all else when it builds
_AT_LEAST_LIMIT = {"HNSW": "ef", "DISKANN": "search_list", "SCANN": "reorder_k"}  # by how an index's kind begins
_LEAST_WIDTH = 64  # of a search that the setting does not tell


@dataclass(frozen=True)
class Location:
    """A collection of a Milvus server.

    Attributes:
        host: with its port, as errors name it.
        collection: name.
        metric: COSINE or IP, which are the same for unit vectors.
        uri: for pymilvus.
        token: USER:PASSWORD or an API key; '' for a server without access control.
    """

    host: str
    collection: str
    metric: str
    uri: str
    token: str = field(repr=False)


def parse_location(text: str) -> Location:
    """Read milvus://HOST[:PORT]/COLLECTION[?metric=COSINE|IP], or milvus+tls:// for a server with TLS.

    Raises:
        ValueError: it is malformed, or holds a password, which the message does not repeat.
    """
    parts = urlsplit(text)
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            f"a Milvus location must not hold a user or password: set {variables.MILVUS_TOKEN}=USER:PASSWORD"
        )
    example = f"{text!r} must be milvus://HOST:{DEFAULT_PORT}/COLLECTION or milvus+tls://…"
    try:
        host, port = parts.hostname, parts.port or DEFAULT_PORT
    except ValueError as error:
        raise ValueError(f"{example}: {error}") from error
    if parts.scheme not in SCHEMES or not host:
        raise ValueError(example)
    collection = parts.path.strip("/")
    if not _COLLECTION.fullmatch(collection):
        raise ValueError(f"{example}; a collection's name has letters, digits and _, and starts with no digit")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    metric = options.pop("metric", METRICS[0]).upper()
    if options or metric not in METRICS:
        raise ValueError(f"{example}; it takes ?metric={' or '.join(METRICS)} and nothing else")
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Location(
        address, collection, metric, f"{SCHEMES[parts.scheme]}://{address}", os.environ.get(variables.MILVUS_TOKEN, "")
    )


@dataclass(frozen=True)
class MilvusIndex:
    """A vector index by Milvus's names.

    Attributes:
        kind: such as FLAT, HNSW, IVF_FLAT.
        build: parameters of its making, such as M, nlist.
        search: parameters of each search, such as ef, nprobe.
    """

    kind: str
    build: Mapping[str, int | float | str] = field(default_factory=dict)
    search: Mapping[str, int | float | str] = field(default_factory=dict)

    def search_params(self, limit: int) -> dict[str, int | float | str]:
        """Parameters of a search for so many views; Milvus refuses a list of candidates that is shorter than that."""
        params = dict(self.search)
        for kind, width in _AT_LEAST_LIMIT.items():
            if self.kind.startswith(kind):
                params[width] = max(int(params.get(width, _LEAST_WIDTH)), limit)
        return params


def parse_index(text: str) -> MilvusIndex:
    """Read a setting such as 'FLAT', 'HNSW:M=16,efConstruction=200,ef=128' or 'IVF_FLAT:nlist=1024,nprobe=32'.

    '' is FLAT, which is exact.

    Raises:
        ValueError: it is malformed; whether Milvus has such an index shows when it is made.
    """
    kind, _, rest = text.strip().partition(":")
    kind = kind.upper() or "FLAT"
    if not _KIND.fullmatch(kind):
        raise ValueError(f"the index {text!r} must be one of Milvus's, such as FLAT or HNSW:M=16,ef=128")
    build: dict[str, int | float | str] = {}
    search: dict[str, int | float | str] = {}
    for part in filter(None, rest.split(",")):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value):
            raise ValueError(f"the index {text!r} has {part!r} where NAME=VALUE must stand")
        (search if name in _SEARCH else build)[name] = _number(value)
    return MilvusIndex(kind, build, search)


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
