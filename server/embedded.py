"""Starts Triton from the wheel, waits until every model answers, and stops it cleanly."""

import contextlib
import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from backends import memory
from catalog.opening import LOCATION_VARIABLE, kind_of
from backends.slots import VARIABLE as CORE_LOCKS
from ensemble.contract import MODELS, Model
from ensemble.cpu import Cpu
from ensemble.graph import Target
from ensemble.render import REPOSITORY, ROOT
from server.binary import ServerError, Triton, check_numpy, find_triton
from server.staging import stage_backends, stage_models
from server.stubs import dead_stubs
from server.tls import HTTP_KEY, Tls, closed_http

LOOPBACK = "127.0.0.1"  # this Triton predates fixes of authentication bypasses: it must not be reached from outside
START_TIMEOUT = 300.0  # s; compiling the graphs for the first time takes most of it on a slow machine
STOP_TIMEOUT = 30.0  # s, for requests in flight
TRACED = 5  # requests to one that is traced
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_ANSWER_TIMEOUT = 10.0  # s, for questions about the server's health
_POLL = 0.1  # s
_LOOK = 1.0  # s, between looks for models that have died
_SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Ports:
    """Where a server listens, on loopback."""

    grpc: int = 8001
    http: int = 8000
    metrics: int = 8002

    @classmethod
    def free(cls) -> "Ports":
        """Three ports that nobody uses at the moment."""
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
            for each in sockets:
                each.bind((LOOPBACK, 0))
            return cls(*(each.getsockname()[1] for each in sockets))

    def busy(self) -> list[int]:
        """Those that somebody else listens on already."""
        taken = []
        for port in (self.grpc, self.http, self.metrics):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((LOOPBACK, port))
                except OSError:
                    taken.append(port)
        return taken


class EmbeddedServer:
    """One Triton process; a context manager that is ready inside and stopped after.

    Args:
        catalog: folder of the catalog, made where it is missing; or where else it lies, such as milvus://….
        ports: where to listen; None picks free ones.
        cores: CPU cores to use; None takes all that this process may use.
        repository: model repository to serve.
        log: file for the server's log; None takes `server.log` in the catalog's folder, or in this one.
        progress: called with the number of models loaded whenever it grows.
        environment: variables to set for the server and its models.
        target: whose configs to load; the others' backends are not in the wheel, but their configs can be tried.
        tls: certificates of the gRPC port; None leaves it in plain text.
        models: which to serve; those of the catalog need no network.
        trace: file that Triton writes traces to when it stops, one for every TRACED requests.
    """

    def __init__(
        self,
        catalog: Path | str,
        ports: Ports | None = None,
        cores: int | None = None,
        repository: Path = ROOT / REPOSITORY,
        log: Path | None = None,
        progress: Callable[[int], None] | None = None,
        environment: dict[str, str] | None = None,
        target: Target = Target.CPU,
        tls: Tls | None = None,
        models: Sequence[Model] = MODELS,
        trace: Path | None = None,
    ) -> None:
        self.ports = ports or Ports.free()
        self._folder = kind_of(str(catalog)).folder(str(catalog))
        self.location = str(self._folder.resolve()) if self._folder else str(catalog)
        self._cpu = Cpu.within(cores or len(os.sched_getaffinity(0)), memory.usable())
        self._repository = repository
        self._progress = progress or (lambda loaded: None)
        self._extra = environment or {}
        self._target = target
        self._tls = tls
        self._models = models
        self._http_key = secrets.token_urlsafe(32)
        self.log = log or (self._folder or Path()) / "server.log"
        self._trace = trace
        self._loaded = 0  # models, as last reported
        self._process: subprocess.Popen[bytes] | None = None
        self._resources = contextlib.ExitStack()  # closed when the server has stopped

    @property
    def url(self) -> str:
        """Where gRPC clients find it."""
        return f"{LOOPBACK}:{self.ports.grpc}"

    @property
    def pid(self) -> int:
        """Id of the Triton process.

        Raises:
            ServerError: the server does not run.
        """
        if self._process is None:
            raise ServerError("the server is not running")
        return self._process.pid

    def start(self) -> None:
        """Start Triton and wait until every model is ready.

        Raises:
            ServerError: no Triton, numpy 2, a port is taken, a model fails (with its reason), or it takes too long.
        """
        check_numpy()
        triton = find_triton()
        if busy := self.ports.busy():
            raise ServerError(f"port {', '.join(map(str, busy))} is in use; choose others or --free-ports")
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        try:
            staged = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="mintmark-")))
            self._resources.callback(_drop_shared_memory, staged.name)
            stage_backends(triton, staged / "backends")
            stage_models(self._models, self._repository, staged / "models", self._target, self._cpu)
            self._launch(triton, staged)
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def _launch(self, triton: Triton, staged: Path) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        libc = ctypes.CDLL(None)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(triton, staged),
                cwd=ROOT,  # the Python models import this project from here
                env=self._environment(triton, staged),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches this process alone, which then stops Triton in order
                preexec_fn=lambda: libc.prctl(_DIE_WITH_PARENT, signal.SIGTERM),
            )

    def _command(self, triton: Triton, staged: Path) -> list[str]:
        options = {
            "model-repository": staged / "models",
            "backend-directory": staged / "backends",
            "grpc-address": LOOPBACK,
            "grpc-port": self.ports.grpc,
            "http-address": LOOPBACK,
            "http-port": self.ports.http,
            "metrics-address": LOOPBACK,
            "metrics-port": self.ports.metrics,
            "grpc-header-forward-pattern": "authorization",
            "http-header-forward-pattern": "authorization",
            "exit-on-error": "false",  # the reason of a failed model is asked for below
            "exit-timeout-secs": int(STOP_TIMEOUT),
        }
        if self._tls is not None:
            options |= self._tls.options() | closed_http(self._http_key)
        # Regions of shared memory get names that tell whose they are, so that none is left behind.
        regions = [
            f"--backend-config={name},shm-region-prefix-name={staged.name}_"
            for name in ("python", "openvino", "tensorrt_rtx")
        ]
        traced = {"triton,file": self._trace, "level": "TIMESTAMPS", "rate": TRACED} if self._trace else {}
        tracing = [f"--trace-config={name}={value}" for name, value in traced.items()]
        return [str(triton.executable), *(f"--{name}={value}" for name, value in options.items()), *regions, *tracing]

    def _environment(self, triton: Triton, staged: Path) -> dict[str, str]:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mintmark"
        cache.mkdir(parents=True, exist_ok=True)
        libraries = [str(triton.libraries), os.environ.get("LD_LIBRARY_PATH", "")]
        return {
            **memory.ENVIRONMENT,
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
            LOCATION_VARIABLE: self.location,
            CORE_LOCKS: str(staged / "cores"),
            "MINTMARK_CACHE": str(cache),
            **self._extra,
        }

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise ServerError(f"tritonserver ended at its start; its last words:\n{self._last_words()}")
            self._report()
            if self._is_live():
                self._check_models()
                self._report()
                return
            time.sleep(_POLL)
        raise ServerError(f"the server was not ready after {START_TIMEOUT:.0f} s:\n{self._last_words()}")

    def _ask(self, path: str, body: bytes | None = None) -> bytes:
        """Ask Triton over HTTP, which is there whatever gRPC clients need. Raises OSError, also for an answer of no."""
        request = urllib.request.Request(
            f"http://{LOOPBACK}:{self.ports.http}/{path}", body, {HTTP_KEY: self._http_key}
        )
        with urllib.request.urlopen(request, timeout=_ANSWER_TIMEOUT) as answer:
            data: bytes = answer.read()
            return data

    def _is_live(self) -> bool:
        try:
            self._ask("v2/health/live")
        except OSError:
            return False
        return True

    def _report(self) -> None:
        loaded = self.log.read_bytes().count(b"successfully loaded")
        if loaded > self._loaded:
            self._loaded = loaded
            self._progress(loaded)

    def _last_words(self, lines: int = 12) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _check_models(self) -> None:
        states = {entry["name"]: entry for entry in json.loads(self._ask("v2/repository/index", b"{}"))}
        problems = []
        for model in self._models:
            entry = states.get(model.name, {"reason": "not in the repository"})
            if entry.get("state") != "READY":
                problems.append(f"model {model.name} failed: {entry.get('reason', 'no reason given')}")
        if problems:
            raise ServerError("\n".join(problems))

    def wait(self) -> int:
        """Wait until the server ends by itself; returns its exit status.

        Raises:
            ServerError: the process of a model has died, and a part of the requests fails from then on.
        """
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                if self._process is None:
                    raise ServerError("the server is not running")
                return self._process.wait(_LOOK)
            if dead := dead_stubs(self.pid):
                raise ServerError(f"the process of a model has died: {', '.join(map(str, dead))}")

    def stop(self) -> None:
        """Let requests in flight finish, then end the server and its models; does nothing if it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(timeout=STOP_TIMEOUT + 10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._resources.close()

    def __enter__(self) -> "EmbeddedServer":
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()


def _drop_shared_memory(prefix: str) -> None:
    for region in _SHARED_MEMORY.glob(f"{prefix}_*"):
        region.unlink(missing_ok=True)
