"""One Triton process and the processes of its models: started, asked for its state, ended together."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ensemble.contract import Model
from ensemble.places import ROOT
from server.gate.settings import HTTP_SOCKET
from server.launch import STOP_TIMEOUT
from server.log import Lines
from server.stubs import dead_stubs, stopped_stubs
from server.tied import tied
from server.wheel import ServerError

START_TIMEOUT = 300.0  # s; on a slow machine, compiling the graphs for the first time takes most of it
_ANSWER_TIMEOUT = 10.0  # s, for questions about the server's health
_POLL = 0.1  # s
_STARTS = 3  # of one that aborts
_LOG_LINES = 12  # that an error shows
_PRIVATE = 0o077  # umask: what Triton and its models write, nobody else can read
_LONGEST_SOCKET = 100  # bytes of the path of a socket; Linux takes 107
_CREDENTIALS = struct.Struct("3i")  # process, user, group; see SO_PEERCRED in unix(7)


class Triton:
    """A running Triton.

    Args:
        command: its command line.
        environment: its variables.
        sockets: folder of its sockets; emptied.
        log: takes what it writes; None leaves that to the output of this process.
        inherited: descriptors that it and its models keep open.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        sockets: Path,
        log: Lines | None = None,
        inherited: Collection[int] = (),
    ) -> None:
        if len(os.fsencode(sockets / HTTP_SOCKET)) > _LONGEST_SOCKET:
            raise ServerError(f"the path of {sockets} is too long for a socket: set TMPDIR to a shorter one")
        shutil.rmtree(sockets, ignore_errors=True)
        sockets.mkdir(mode=0o700)
        self._socket = sockets / HTTP_SOCKET
        self._log = log
        self._process = subprocess.Popen(
            tied(command),
            cwd=ROOT,  # the Python models import this project from here
            env=environment,
            stdout=None if log is None else subprocess.PIPE,
            stderr=None if log is None else subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            pass_fds=inherited,
            start_new_session=True,  # Ctrl-C reaches this process alone, which then stops Triton in order
            umask=_PRIVATE,
        )
        if log is not None and self._process.stdout is not None:
            log.follow(self._process.stdout)

    @classmethod
    def ready(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        sockets: Path,
        log: Lines | None = None,
        inherited: Collection[int] = (),
        models: Collection[Model] = (),
    ) -> "Triton":
        """Start one, with the arguments of the class, and wait as `wait_until_ready` does.

        One that aborts meanwhile is started again, at most _STARTS times in all: on a machine under load, Triton
        and the processes of its models can fail to lock the memory that they share, which aborts it.

        Raises:
            ServerError: it did not become ready; it has ended.
        """
        starts = 1
        while True:
            triton = cls(command, environment, sockets, log, inherited)
            try:
                triton.wait_until_ready(models)
                return triton
            except BaseException as error:
                triton.end()
                if not (isinstance(error, ServerError) and triton.aborted and starts < _STARTS):
                    raise
            starts += 1

    @property
    def aborted(self) -> bool:
        """Whether it has ended by aborting itself or by a wrong access to memory."""
        return self._process.poll() in (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS)

    @property
    def pid(self) -> int:
        """Its process id, which is that of its group too."""
        return self._process.pid

    def wait_until_ready(self, models: Collection[Model] = ()) -> None:
        """Wait until every model is ready. Without `models`, Triton is one that ends where a model fails.

        Raises:
            ServerError: Triton ended, a model failed (with its reason), or it was not ready in time.
        """
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                time.sleep(_POLL)  # for the end of the log
                raise ServerError(f"tritonserver ended while it started{self._log_end()}")
            if self._answers("/v2/health/ready" if not models else "/v2/health/live"):
                self._check_models(models)
                return
            time.sleep(_POLL)
        raise ServerError(f"the server was not ready after {START_TIMEOUT:.0f} s{self._log_end()}")

    def _log_end(self) -> str:
        return "" if self._log is None else f"; the end of its log:\n{self._log.end(_LOG_LINES)}"

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Ask Triton. Raises OSError, also for an error status."""
        status, data = ask(self._socket, method, path, body)
        if status != 200:
            raise OSError(f"{path} answered {status}")
        return data

    def _answers(self, path: str) -> bool:
        try:
            self._ask("GET", path)
        except OSError:
            return False
        return True

    def _check_models(self, models: Collection[Model]) -> None:
        if not models:
            return
        states = {entry["name"]: entry for entry in json.loads(self._ask("POST", "/v2/repository/index", b"{}"))}
        problems = []
        for model in models:
            entry = states.get(model.name, {"reason": "not in the repository"})
            if entry.get("state") != "READY":
                problems.append(f"model {model.name} failed: {entry.get('reason', 'no reason given')}")
        if problems:
            raise ServerError("\n".join(problems))

    def fault(self) -> str:
        """What has ended by itself; '' while everything runs."""
        status = self._process.poll()
        if status is not None:
            return f"tritonserver ended with status {status}"
        if dead := dead_stubs(self.pid):
            return f"the process of a model has died: {', '.join(map(str, dead))}"
        return ""

    def stopped(self) -> bool:
        """Whether the process of a model is stopped, so that requests wait for it."""
        return bool(stopped_stubs(self.pid))

    def end(self, grace: float = STOP_TIMEOUT + 10) -> None:
        """End it and its models' processes. Requests in flight have `grace` seconds left."""
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            self._process.terminate()
            self._process.wait(grace)
        # Model processes ignore the end of Triton now and then, and SIGTERM always.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


def ask(
    socket_path: Path,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = _ANSWER_TIMEOUT,
) -> tuple[int, bytes]:
    """Ask a Triton over HTTP on its socket.

    Args:
        socket_path: of the socket.
        method, path, body, headers: of the request.
        timeout: s.

    Returns:
        Status and body of the answer.

    Raises:
        OSError: nothing answers there.
    """
    connection = _UnixConnection(socket_path, timeout)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


def listener(socket_path: Path) -> int:
    """Process id of the Triton that listens on a socket; 0 where it runs in another namespace of processes.

    Raises:
        OSError: nothing listens there.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(socket_path))
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(peer)[0])


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
