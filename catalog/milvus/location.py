"""Where a collection of a Milvus server is, in one setting."""

import os
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from ensemble import variables

SCHEMES = {"milvus": "http", "milvus+tls": "https"}
METRICS = ("COSINE", "IP")
DEFAULT_PORT = 19530
_COLLECTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")


@dataclass(frozen=True)
class Location:
    """A collection of a Milvus server.

    Attributes:
        host: with its port, as errors show it.
        collection: name.
        metric: COSINE or IP, which give unit vectors the same scores.
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
        ValueError: it is malformed, or holds a password. The message does not repeat the password.
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
