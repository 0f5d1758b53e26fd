"""Starts Triton from the wheel behind its gate, waits until every model is ready, and stops it in order."""

import contextlib
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from catalog.opening import kind_of
from ensemble import variables
from ensemble.access import AccessSetupError, check_setup, reading
from ensemble.contract import MODELS, Model
from ensemble.cpu import Cpu
from ensemble.graph import Target
from ensemble.limits import Limits
from ensemble.placement import most_photos
from ensemble.places import MODEL_REPOSITORY
from server import machine
from server.assembly import assemble_backends, assemble_models, write_configs
from server.audit import AuditLog, written_to
from server.gate.settings import GateSettings
from server.gates import Gates
from server.gateway import Gateway, Web
from server.gpu import missing_gpu
from server.launch import LOOPBACK, Launch, Ports, triton_command, triton_environment
from server.log import MISSING_GPU, TritonLog, as_json
from server.staging import drop_regions, staging
from server.supervision import Supervised
from server.tls import Tls
from server.triton import Triton
from server.wheel import ServerError, Wheel, check_numpy, find_wheel, python_library

GATE_SOCKET = "gate"  # in the folder of the server, for the gateway
_LOADED = "successfully loaded"  # in Triton's log, once for each model


class EmbeddedServer:
    """One Triton behind its gate, on loopback; as a context manager it is ready inside and stopped afterwards.

    Args:
        catalog: folder of the catalog, made where it is missing; or another location, such as milvus://….
        ports: to listen on; None picks free ones.
        cores: CPU cores to use; None uses all that this machine or container may use.
        repository: model repository.
        log: file for Triton's log; None takes `server.log` in the catalog's folder, or in the current one.
        progress: called with the number of loaded models whenever it grows.
        environment: variables to set for the server and its models.
        target: whose configs to load. The wheel runs CPU and RTX; of GPU it loads the configs, but lacks the backend.
        tls: certificates of the gRPC port; None leaves it in plain text.
        models: to load; those of the catalog need no network.
        trace: file that Triton writes traces of requests to when it stops, of one in TRACED.
        http: whether HTTP is on.
        restart: whether Triton is started again when it, or the process of a model, has ended by itself.
        say: told what happens while the server is watched.
        web: how browsers ask; None leaves the gateway off.
        audit: file of the audit log, '-' for this process's output; None keeps none.
        json_log: whether Triton's log is JSON lines.
        drain: s for which it serves on when it stops, while it says that it is not ready.
    """

    def __init__(
        self,
        catalog: Path | str,
        ports: Ports | None = None,
        cores: int | None = None,
        repository: Path = MODEL_REPOSITORY,
        log: Path | None = None,
        progress: Callable[[int], None] | None = None,
        environment: dict[str, str] | None = None,
        target: Target = Target.CPU,
        tls: Tls | None = None,
        models: Sequence[Model] = MODELS,
        trace: Path | None = None,
        http: bool = False,
        restart: bool = True,
        say: Callable[[str], None] = print,
        web: Web | None = None,
        audit: Path | None = None,
        json_log: bool = False,
        drain: float = 0.0,
    ) -> None:
        self.ports = ports or Ports.free()
        self._folder = kind_of(str(catalog)).folder(str(catalog))
        self.location = str(self._folder.resolve()) if self._folder else str(catalog)
        self.cpu = Cpu.within(cores or machine.usable_cores(), machine.usable_memory())
        self._repository = repository
        self._progress = progress or (lambda loaded: None)
        self._extra = dict(environment or {})
        self._target = target
        self._tls = tls
        self._models = models
        self.log = log or (self._folder or Path()) / "server.log"
        self._trace = trace
        self._http = http
        self._restart = restart
        self._say = say
        self._web = web
        self.web_address = ""  # of the gateway, for browsers
        self._audit = audit
        self._json_log = json_log
        self._python: Path | None = None  # folder of this Python's library
        self._drain = drain
        self._loaded = 0  # models, as last reported
        # Opens the operator's endpoints. Without a key of the operator, only this process has it.
        self.admin_key = os.environ.get(variables.ADMIN_KEY) or secrets.token_urlsafe(32)
        self._supervised: Supervised | None = None
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
        return self._running().pid

    @property
    def pids(self) -> list[int]:
        """Ids of Triton, whose children are the models, and of gate and gateway. Raises ServerError as `pid`."""
        return self._running().pids

    def _running(self) -> Supervised:
        if self._supervised is None:
            raise ServerError("the server is not running")
        return self._supervised

    def start(self) -> None:
        """Start Triton and wait until every model is ready.

        Raises:
            ServerError: Triton is missing, numpy is 2 or later, a port is in use, a file of TLS or a token is wrong, a
                model failed (with its reason), or the server was not ready in time.
        """
        check_numpy()
        self._python = python_library()
        if self._target is Target.RTX and (why := missing_gpu()):
            raise ServerError(
                f"the target {self._target.value} needs an NVIDIA GPU, and {why}; --target cpu needs none"
            )
        wheel = find_wheel()
        if self._tls is not None:
            self._tls.check()
        try:
            check_setup({**os.environ, **self._extra})
        except AccessSetupError as error:
            raise ServerError(str(error)) from error
        if busy := self.ports.busy(self._http):
            raise ServerError(f"port {', '.join(map(str, busy))} is in use; choose others or --free-ports")
        if self._web is not None:
            self._web.check()
        try:
            self._start(wheel)
        except BaseException:
            self.stop()
            raise

    def _start(self, wheel: Wheel) -> None:
        if self._folder is not None:
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise ServerError(f"the catalog's folder cannot be made: {self._folder}: {error.strerror}") from error
        made = self._resources.enter_context(staging())
        folder = made.folder
        assemble_backends(wheel, folder / "backends")
        assemble_models(self._repository, folder / "models", self._models)
        write_configs(folder / "models", self._target, self.cpu, self._models)
        dropped = MISSING_GPU if self._target is Target.CPU else None
        try:
            log = TritonLog(self.log, self._hear, as_json if self._json_log else str, dropped)
        except OSError as error:
            raise ServerError(f"the log cannot be written: {self.log}: {error.strerror}") from error
        self._resources.callback(log.close)
        if self._audit is not None:
            try:
                write = written_to(str(self._audit), self._resources)
            except OSError as error:
                raise ServerError(f"the audit log cannot be written: {self._audit}: {error.strerror}") from error
            audit = AuditLog(folder / "audit", write)
            self._resources.callback(audit.close)
            self._extra |= audit.environment
        gates = Gates(self._gate(folder), tls=self._tls)
        self._resources.callback(gates.close)
        gates.open({**os.environ, **self._extra})
        gateway = Gateway(self._web, f"unix:{folder / GATE_SOCKET}") if self._web else None
        if gateway is not None:
            self._resources.callback(gateway.close)
            gateway.begin()

        def start() -> Triton:
            drop_regions(folder.name)
            command = triton_command(self._describe(wheel, folder))
            environment = self._environment(wheel, folder)
            return Triton.ready(command, environment, folder / "sockets", log, [made.lock], self._models)

        self._supervised = Supervised(start, gates, log, self._restart, self._say, gateway, self._drain)
        self._supervised.start()
        if gateway is not None:
            gateway.wait()
            self.web_address = gateway.address

    def _gate(self, folder: Path) -> GateSettings:
        environment = {**os.environ, **self._extra}
        return GateSettings(
            str(folder / "sockets"),
            LOOPBACK,
            self.ports.grpc,
            self.ports.http if self._http else 0,
            self.ports.metrics,
            local=str(folder / GATE_SOCKET) if self._web else "",
            admin_key=self.admin_key,
            priority_token=environment.get(variables.PRIORITY_TOKEN, ""),
            message_bytes=Limits.of(environment).message_bytes,
            reading=reading(environment),
            most_photos=most_photos(self.cpu) if self._target is Target.CPU else 0,
        )

    def _hear(self, line: str) -> None:
        """Count the models that Triton says are loaded."""
        if _LOADED in line:
            self._loaded += 1
            self._progress(min(self._loaded, len(self._models)))

    def _describe(self, wheel: Wheel, folder: Path) -> Launch:
        """A failed model does not end this Triton: it is asked for the reason."""
        return Launch(
            str(wheel.executable),
            folder / "models",
            folder / "sockets",
            config_name="" if self._target is Target.GPU else self._target.value,
            backends=folder / "backends",
            shared_memory_prefix=f"{folder.name}_",
            trace=self._trace,
            collector={**os.environ, **self._extra}.get(variables.TRACES, ""),
        )

    def _environment(self, wheel: Wheel, folder: Path) -> dict[str, str]:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mintmark"
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if name not in variables.GATE_ONLY}
        libraries = [str(wheel.libraries), str(self._python or ""), os.environ.get("LD_LIBRARY_PATH", "")]
        return {
            **triton_environment(inherited, self.location, cache, folder / "slots"),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
            **self._extra,
        }

    def watch(self) -> None:
        """Watch the server until an exception ends this, such as KeyboardInterrupt.

        Raises:
            ServerError: a part of it has ended by itself, and it is not to start again.
        """
        self._running().watch()

    def stop(self) -> None:
        """Let requests in flight finish, then end the server and its models; does nothing if it is not running."""
        supervised, self._supervised = self._supervised, None
        if supervised is not None:
            supervised.stop()
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
