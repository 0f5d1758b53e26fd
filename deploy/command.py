"""The command line that Triton is started with in a container: nothing can be changed from outside but the catalog."""

from dataclasses import dataclass
from pathlib import Path

from server import Tls

RESTRICTED = ("shared-memory", "model-config", "model-repository", "statistics", "trace", "logging")
ADMIN_HEADER = "mintmark-admin"  # over HTTP; gRPC clients put GRPC_PREFIX before it
GRPC_PREFIX = "triton-grpc-protocol-"
STOP_TIMEOUT = 30  # s, for requests in flight
LOOPBACK = "127.0.0.1"

# Where the pool of GPU memory is exhausted, Triton answers empty outputs instead of errors. A photo in flight holds up
# to 2.1 MB of it (two pictures, two masks, one coin), and six compute models with 128 requests waiting and 32 at work
# hold 960 photos: 2 GB.
CUDA_POOL_MIB = 3072
PINNED_POOL_MIB = 1024  # canvases on their way to the GPU, 3 MB each


@dataclass(frozen=True)
class Listen:
    """Where the server listens; inside a container on every address, and the container's ports are what is guarded."""

    address: str = "0.0.0.0"
    grpc: int = 8001
    http: int = 8000
    metrics: int = 8002


@dataclass(frozen=True)
class Triton:
    """What to serve, and with what.

    `config_name` selects the configs, '' the default ones. `backends` replaces Triton's own folder of backends.
    `cuda_pool_mib` is the memory pool on the one GPU that a container sees, 0 on a machine without one. `tls` holds the
    certificates of the gRPC port, None leaves it in plain text.
    """

    binary: str
    repository: Path
    config_name: str = ""
    backends: Path | None = None
    cuda_pool_mib: int = 0
    tls: Tls | None = None


def triton_command(triton: Triton, listen: Listen, admin_key: str) -> list[str]:
    """The arguments of the server, its binary first.

    Args:
        triton: what to serve.
        listen: where.
        admin_key: opens the endpoints of RESTRICTED, as the value of the header ADMIN_HEADER.

    Raises:
        ServerError: a file of the certificates cannot be read.
    """
    restricted = f"{','.join(RESTRICTED)}:{ADMIN_HEADER}={admin_key}"
    options: dict[str, object] = {
        "model-repository": triton.repository,
        # Models are what the image holds: nobody loads, unloads or replaces one, and configs are not guessed.
        "model-control-mode": "none",
        "disable-auto-complete-config": None,
        # Ready means that every model is, and a server that lacks one ends instead of answering without it.
        "strict-readiness": "true",
        "exit-on-error": "true",
        "exit-timeout-secs": STOP_TIMEOUT,
        "grpc-address": listen.address,
        "grpc-port": listen.grpc,
        # Triton's HTTP speaks no TLS: where gRPC does, only the health check inside the container gets to it.
        "http-address": LOOPBACK if triton.tls else listen.address,
        "http-port": listen.http,
        "metrics-address": listen.address,
        "metrics-port": listen.metrics,
        "allow-sagemaker": "false",
        "allow-vertex-ai": "false",
        "grpc-restricted-protocol": restricted,
        "http-restricted-api": restricted,
        # The Python models look for the tokens of the catalog in this header.
        "grpc-header-forward-pattern": "authorization",
        "http-header-forward-pattern": "authorization",
        "trace-config": "level=OFF",
        "log-format": "ISO8601",
    }
    if triton.tls:
        options |= triton.tls.options()
    if triton.config_name:
        options["model-config-name"] = triton.config_name
    if triton.backends:
        options["backend-directory"] = triton.backends
    if triton.cuda_pool_mib:
        options["cuda-memory-pool-byte-size"] = f"0:{triton.cuda_pool_mib << 20}"
        options["pinned-memory-pool-byte-size"] = PINNED_POOL_MIB << 20
    arguments = [f"--{name}" if value is None else f"--{name}={value}" for name, value in options.items()]
    return [triton.binary, *arguments]
