"""How Triton is started, by the embedded server and by the container alike: one description, one command line."""

import contextlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ensemble import variables
from ensemble.tracing import TRACES_PATH
from server.gate.settings import triton_options

LOOPBACK = "127.0.0.1"
STOP_TIMEOUT = 30  # s that requests in flight have left when the server stops
LOADED_AT_ONCE = 16  # models: most of the time one waits for its process to start
TRACED = 5  # one request in so many is traced
SAMPLED = 1000  # one in so many requests whose clients do not trace is traced, where there is a collector
PINNED_POOL_MIB = 1024  # canvases on their way to the GPU, 3 MB each

_OWN_BACKENDS = ("python", "openvino", "opencv", "tensorrt_rtx")  # that exchange tensors by shared memory

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
    http: int = 8000  # where HTTP is on
    metrics: int = 8002

    @classmethod
    def free(cls) -> "Ports":
        """Three ports that nobody uses at the moment, on loopback."""
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
            for each in sockets:
                each.bind((LOOPBACK, 0))
            return cls(*(each.getsockname()[1] for each in sockets))

    def busy(self, http: bool = True) -> list[int]:
        """Those that another process listens on, on loopback; that of HTTP only where it is on."""
        taken = []
        for port in (self.grpc, *([self.http] if http else []), self.metrics):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((LOOPBACK, port))
                except OSError:
                    taken.append(port)
        return taken


@dataclass(frozen=True)
class Launch:
    """What one Triton serves. It listens on Unix sockets alone: the gate stands between it and the network."""

    binary: str
    repository: Path
    sockets: Path  # folder of these, which no other user may open
    config_name: str = ""  # selects the configs; '' selects the files config.pbtxt
    backends: Path | None = None  # instead of Triton's own folder of backends
    complete_configs: bool = True  # Triton may fill in what a config leaves out
    exit_on_error: bool = False  # end when a model fails to load
    cuda_pool_mib: int = 0  # memory pool on GPU 0; 0 on a machine without one
    shared_memory_prefix: str = ""  # of the names of shared memory regions, so that they can be removed afterwards
    trace: Path | None = None  # file for traces of requests
    collector: str = ""  # of OpenTelemetry, which gets them instead
    log_format: str = "default"


def triton_command(launch: Launch) -> list[str]:
    """The command line of Triton, its binary first. It holds no secret: every user of a machine can read it."""
    options: dict[str, object] = {
        "model-repository": launch.repository,
        "model-control-mode": "none",  # nobody loads, unloads or replaces a model
        "strict-readiness": "true",  # ready means that every model is ready
        "exit-on-error": str(launch.exit_on_error).lower(),
        "exit-timeout-secs": STOP_TIMEOUT,
        "model-load-thread-count": LOADED_AT_ONCE,
        **triton_options(launch.sockets),
        "grpc-infer-allocation-pool-size": 0,  # keep no request's memory: four of 400 MB would leave 2.4 GB
        "allow-sagemaker": "false",
        "allow-vertex-ai": "false",
        # The Python models read the catalog's token from this header.
        "grpc-header-forward-pattern": "^authorization$",
        "http-header-forward-pattern": "^authorization$",
        "log-format": launch.log_format,
    }
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
    return [
        launch.binary,
        *arguments,
        *_regions(launch.shared_memory_prefix),
        *_tracing(launch.trace, launch.collector),
    ]


def _regions(prefix: str) -> list[str]:
    names = _OWN_BACKENDS if prefix else ()
    return [f"--backend-config={name},shm-region-prefix-name={prefix}" for name in names]


def _tracing(file: Path | None, collector: str) -> list[str]:
    settings = ["level=OFF"]
    if file is not None:
        settings = [f"triton,file={file}", "level=TIMESTAMPS", f"rate={TRACED}"]
    elif collector:
        # What a client traces is traced, whatever the rate is.
        settings = ["mode=opentelemetry", "level=TIMESTAMPS", f"rate={SAMPLED}"]
        settings += [f"opentelemetry,url={collector}{TRACES_PATH}", "opentelemetry,resource=service.name=mintmark"]
    return [f"--trace-config={setting}" for setting in settings]


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
