"""What a gate is told when it starts, by the process that starts it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ensemble.limits import DEFAULT

GRPC_SOCKET, HTTP_SOCKET, METRICS_SOCKET = "grpc", "http", "metrics"
_PORT = 1  # Triton puts a port behind the name of its gRPC socket


@dataclass(frozen=True)
class GateSettings:
    """Where a gate listens, and what it lets pass.

    Attributes:
        sockets: folder of Triton's sockets.
        address: to listen on.
        grpc: port of gRPC.
        http: port of HTTP; 0 leaves HTTP off.
        http_address: to listen on over HTTP, which is never encrypted.
        metrics: port of the metrics.
        local: a socket of this machine, for a client that the folder lets in, in plain text; '' is none.
        certificate, key, client_authority: PEM files of the gRPC port, as in `Tls`; '' where there are none.
        hosts: names under which HTTP is asked, besides those of loopback.
        origins: web pages that may ask over HTTP, such as 'https://coins.example'.
        admin_key: opens the operator's endpoints to who sends it; '' leaves them closed.
        priority_token: lets who sends it give a request a priority; '' lets nobody.
        message_bytes: of a request or an answer.
        reading: tokens of those who may read, by their names; none lets everyone.
        most_photos: under way, from which more are refused here, where that costs least; 0 leaves it to Triton.
        shared: whether other gates listen on the same ports.
        number: of the process, in its metrics.
    """

    sockets: str
    address: str
    grpc: int
    http: int
    metrics: int
    http_address: str = "127.0.0.1"
    local: str = ""
    certificate: str = ""
    key: str = ""
    client_authority: str = ""
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    admin_key: str = field(default="", repr=False)
    priority_token: str = field(default="", repr=False)
    message_bytes: int = DEFAULT.message_bytes
    reading: Mapping[str, str] = field(default_factory=dict, repr=False)
    most_photos: int = 0
    shared: bool = False
    number: int = 0

    def to_json(self) -> str:
        """The settings as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "GateSettings":
        """Read what `to_json` wrote."""
        values = json.loads(text)
        return cls(**values | {name: tuple(values[name]) for name in ("hosts", "origins")})


def triton_options(sockets: Path) -> dict[str, object]:
    """Triton's options that let it listen on sockets in this folder, and nowhere else."""
    return {
        "grpc-address": f"unix:{sockets / GRPC_SOCKET}",
        "grpc-port": _PORT,
        "http-address": f"unix:{sockets / HTTP_SOCKET}",
        "metrics-address": f"unix:{sockets / METRICS_SOCKET}",
    }


def grpc_target(sockets: Path) -> str:
    """The address of Triton's gRPC socket, as clients take it."""
    return f"unix:{sockets / GRPC_SOCKET}:{_PORT}"
