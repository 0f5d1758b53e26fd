"""How Triton is started, by the embedded server and by the container alike: one description, one command line."""

import contextlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ensemble import variables
from server.tls import Tls

LOOPBACK = "127.0.0.1"
STOP_TIMEOUT = 30  # s that requests in flight have left when the server stops
TRACED = 5  # one request in so many is traced
PINNED_POOL_MIB = 1024  # canvases on their way to the GPU, 3 MB each

# Endpoints for the operator: clients need none of them.
OPERATOR_ENDPOINTS = ("shared-memory", "model-config", "model-repository", "statistics", "trace", "logging")
ADMIN_HEADER = "mintmark-admin"  # holds the key of closed endpoints over HTTP; gRPC clients put GRPC_PREFIX before it
GRPC_PREFIX = "triton-grpc-protocol-"

_OWN_BACKENDS = ("python", "openvino", "tensorrt_rtx")  # that exchange tensors by shared memory

# Settings of libraries, for the processes of the models.
LIBRARIES = {
    # The C library returns large blocks to the system, which clears them again for the next photo; that takes as long
    # as decoding one. With these settings a process keeps the memory it has had.
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),  # bytes; smaller blocks come from the heap
    "MALLOC_TRIM_THRESHOLD_": str(512 << 20),  # bytes free at the end of the heap; more than that is returned
    # A search compares reliefs on one thread: more would wait for the cores on which photos are computed.
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Ports:
    """The ports of a server."""

    grpc: int = 8001
    http: int = 8000
    metrics: int = 8002

    @classmethod
    def free(cls) -> "Ports":
        """Three ports that nobody uses at the moment, on loopback."""
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
            for each in sockets:
                each.bind((LOOPBACK, 0))
            return cls(*(each.getsockname()[1] for each in sockets))

    def busy(self) -> list[int]:
        """Those that another process listens on, on loopback."""
        taken = []
        for port in (self.grpc, self.http, self.metrics):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((LOOPBACK, port))
                except OSError:
                    taken.append(port)
        return taken


@dataclass(frozen=True)
class Closed:
    """Endpoints that answer only requests with a key in the header ADMIN_HEADER."""

    endpoints: tuple[str, ...]
    key: str = field(repr=False)

    def option(self) -> str:
        """The value of Triton's options for restricted endpoints."""
        return f"{','.join(self.endpoints)}:{ADMIN_HEADER}={self.key}"


@dataclass(frozen=True)
class Launch:
    """What one Triton serves, where it listens, and what it refuses."""

    binary: str
    repository: Path
    ports: Ports = Ports()
    address: str = LOOPBACK  # to listen on
    config_name: str = ""  # selects the configs; '' selects the files config.pbtxt
    backends: Path | None = None  # instead of Triton's own folder of backends
    tls: Tls | None = None  # certificates of the gRPC port; None leaves it in plain text
    closed_grpc: Closed | None = None
    closed_http: Closed | None = None
    complete_configs: bool = True  # Triton may fill in what a config leaves out
    exit_on_error: bool = False  # end when a model fails to load
    cuda_pool_mib: int = 0  # memory pool on GPU 0; 0 on a machine without one
    shared_memory_prefix: str = ""  # of the names of shared memory regions, so that they can be removed afterwards
    trace: Path | None = None  # file for traces of requests
    log_format: str = "default"


def triton_command(launch: Launch) -> list[str]:
    """The command line of Triton, its binary first.

    Raises:
        ServerError: a TLS file cannot be read, or the files do not belong together.
    """
    options: dict[str, object] = {
        "model-repository": launch.repository,
        "model-control-mode": "none",  # nobody loads, unloads or replaces a model
        "strict-readiness": "true",  # ready means that every model is ready
        "exit-on-error": str(launch.exit_on_error).lower(),
        "exit-timeout-secs": STOP_TIMEOUT,
        "grpc-address": launch.address,
        "grpc-port": launch.ports.grpc,
        # Triton's HTTP speaks no TLS. Where gRPC does, HTTP is for this machine or container alone.
        "http-address": LOOPBACK if launch.tls else launch.address,
        "http-port": launch.ports.http,
        "metrics-address": launch.address,
        "metrics-port": launch.ports.metrics,
        "allow-sagemaker": "false",
        "allow-vertex-ai": "false",
        # The Python models read the catalog's token from this header.
        "grpc-header-forward-pattern": "authorization",
        "http-header-forward-pattern": "authorization",
        "log-format": launch.log_format,
    }
    if launch.tls:
        options |= launch.tls.options()
    if launch.closed_grpc:
        options["grpc-restricted-protocol"] = launch.closed_grpc.option()
    if launch.closed_http:
        options["http-restricted-api"] = launch.closed_http.option()
    if launch.config_name:
        options["model-config-name"] = launch.config_name
    if launch.backends:
        options["backend-directory"] = launch.backends
    if launch.cuda_pool_mib:
        options["cuda-memory-pool-byte-size"] = f"0:{launch.cuda_pool_mib << 20}"
        options["pinned-memory-pool-byte-size"] = PINNED_POOL_MIB << 20
    arguments = [f"--{name}={value}" for name, value in options.items()]
    if not launch.complete_configs:
        arguments.append("--disable-auto-complete-config")
    return [launch.binary, *arguments, *_regions(launch.shared_memory_prefix), *_tracing(launch.trace)]


def _regions(prefix: str) -> list[str]:
    names = _OWN_BACKENDS if prefix else ()
    return [f"--backend-config={name},shm-region-prefix-name={prefix}" for name in names]


def _tracing(file: Path | None) -> list[str]:
    if file is None:
        return ["--trace-config=level=OFF"]
    return [f"--trace-config={setting}" for setting in (f"triton,file={file}", "level=TIMESTAMPS", f"rate={TRACED}")]


def triton_environment(inherited: Mapping[str, str], catalog: str, cache: Path, locks: Path) -> dict[str, str]:
    """The environment of Triton and its models.

    Args:
        inherited: from this process; its settings for memory and threads win.
        catalog: where the catalog lies.
        cache: folder for compiled graphs.
        locks: folder in which the workers agree on slots, see backends/slots.py.
    """
    return {
        **LIBRARIES,
        **inherited,
        variables.CATALOG: catalog,
        variables.CACHE: str(cache),
        variables.CORE_LOCKS: str(locks),
    }
