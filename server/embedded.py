"""Starts Triton from the wheel, waits until every model is ready, and stops it in order."""

import contextlib
import ctypes
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from catalog.opening import kind_of
from ensemble.configs import REPOSITORY, ROOT
from ensemble.contract import MODELS, Model
from ensemble.cpu import Cpu
from ensemble.graph import Target
from server import machine
from server.assembly import assemble_backends, assemble_models, write_configs
from server.launch import (
    ADMIN_HEADER,
    LOOPBACK,
    OPERATOR_ENDPOINTS,
    STOP_TIMEOUT,
    Closed,
    Launch,
    Ports,
    triton_command,
    triton_environment,
)
from server.stubs import dead_stubs
from server.tls import Tls
from server.wheel import ServerError, Wheel, check_numpy, find_wheel

START_TIMEOUT = 300.0  # s; on a slow machine, compiling the graphs for the first time takes most of it
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_ANSWER_TIMEOUT = 10.0  # s, for questions about the server's health
_POLL = 0.1  # s
_LOOK = 1.0  # s between looks for model processes that have died
_SHARED_MEMORY = Path("/dev/shm")


class EmbeddedServer:
    """One Triton process on loopback; as a context manager it is ready inside and stopped afterwards.

    It listens on loopback only, because this version of Triton predates fixes of authentication bypasses.

    Args:
        catalog: folder of the catalog, made where it is missing; or another location, such as milvus://….
        ports: to listen on; None picks free ones.
        cores: CPU cores to use; None uses all that this machine or container may use.
        repository: model repository.
        log: file for the server's log; None takes `server.log` in the catalog's folder, or in the current one.
        progress: called with the number of loaded models whenever it grows.
        environment: variables to set for the server and its models.
        target: whose configs to load. The wheel runs CPU and RTX; of GPU it loads the configs, but lacks the backend.
        tls: certificates of the gRPC port; None leaves it in plain text.
        models: to load; those of the catalog need no network.
        trace: file that Triton writes traces of requests to when it stops, of one in TRACED.
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
        self.cpu = Cpu.within(cores or machine.usable_cores(), machine.usable_memory())
        self._repository = repository
        self._progress = progress or (lambda loaded: None)
        self._extra = environment or {}
        self._target = target
        self._tls = tls
        self._models = models
        self._key = secrets.token_urlsafe(32)  # of closed endpoints; nobody else has it
        self.log = log or (self._folder or Path()) / "server.log"
        self._trace = trace
        self._loaded = 0  # models, as last reported
        self._process: subprocess.Popen[bytes] | None = None
        self._resources = contextlib.ExitStack()  # closed when the server has stopped

    @property
    def url(self) -> str:
        """HOST:PORT for gRPC clients."""
        return f"{LOOPBACK}:{self.ports.grpc}"

    @property
    def pid(self) -> int:
        """Id of the Triton process.

        Raises:
            ServerError: the server is not running.
        """
        if self._process is None:
            raise ServerError("the server is not running")
        return self._process.pid

    def start(self) -> None:
        """Start Triton and wait until every model is ready.

        Raises:
            ServerError: Triton is missing, numpy is 2 or later, a port is in use, a model failed (with its reason), or
                the server was not ready in time.
        """
        check_numpy()
        wheel = find_wheel()
        if busy := self.ports.busy():
            raise ServerError(f"port {', '.join(map(str, busy))} is in use; choose others or --free-ports")
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        try:
            folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="mintmark-")))
            self._resources.callback(_drop_shared_memory, folder.name)
            assemble_backends(wheel, folder / "backends")
            assemble_models(self._repository, folder / "models", self._models)
            write_configs(folder / "models", self._target, self.cpu, self._models)
            self._start_triton(wheel, folder)
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def _start_triton(self, wheel: Wheel, folder: Path) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        libc = ctypes.CDLL(None)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                triton_command(self._describe(wheel, folder)),
                cwd=ROOT,  # the Python models import this project from here
                env=self._environment(wheel, folder),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches this process alone, which then stops Triton in order
                preexec_fn=lambda: libc.prctl(_DIE_WITH_PARENT, signal.SIGTERM),
            )

    def _describe(self, wheel: Wheel, folder: Path) -> Launch:
        """A failed model does not end this Triton: `_check_models` asks for the reason."""
        # With TLS on the gRPC port, HTTP must not be a way around it: it leaves health and metadata open, nothing else.
        closed = Closed(("inference", *OPERATOR_ENDPOINTS), self._key) if self._tls else None
        return Launch(
            str(wheel.executable),
            folder / "models",
            self.ports,
            config_name="" if self._target is Target.GPU else self._target.value,
            backends=folder / "backends",
            tls=self._tls,
            closed_http=closed,
            shared_memory_prefix=f"{folder.name}_",
            trace=self._trace,
        )

    def _environment(self, wheel: Wheel, folder: Path) -> dict[str, str]:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mintmark"
        cache.mkdir(parents=True, exist_ok=True)
        libraries = [str(wheel.libraries), os.environ.get("LD_LIBRARY_PATH", "")]
        return {
            **triton_environment(os.environ, self.location, cache, folder / "slots"),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
            **self._extra,
        }

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise ServerError(f"tritonserver ended while it started; the end of its log:\n{self._end_of_log()}")
            self._report()
            if self._is_live():
                self._check_models()
                self._report()
                return
            time.sleep(_POLL)
        raise ServerError(f"the server was not ready after {START_TIMEOUT:.0f} s:\n{self._end_of_log()}")

    def _ask(self, path: str, body: bytes | None = None) -> bytes:
        """Ask Triton over HTTP, which needs no certificates. Raises OSError, also for an error status."""
        request = urllib.request.Request(f"http://{LOOPBACK}:{self.ports.http}/{path}", body, {ADMIN_HEADER: self._key})
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

    def _end_of_log(self, lines: int = 12) -> str:
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
            ServerError: the process of a model has died, so some requests fail from now on.
        """
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                if self._process is None:
                    raise ServerError("the server is not running")
                return self._process.wait(_LOOK)
            if dead := dead_stubs(self.pid):
                raise ServerError(f"the process of a model has died: {', '.join(map(str, dead))}")

    def stop(self) -> None:
        """Let requests in flight finish, then end the server and its models; does nothing if it is not running."""
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
