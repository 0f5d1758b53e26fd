"""The gateway for browsers beside a server of this machine: the package `web`, in a process of its own."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ensemble import variables
from ensemble.places import ROOT
from server.launch import LOOPBACK
from server.tied import tied
from server.tls import Tls
from server.wheel import ServerError

PORT = 8080
_PACKAGES = ("fastapi", "uvicorn", "websockets", "python_multipart")
_READY = "ready: "  # begins the line that says where it listens
_END_TIMEOUT = 15.0  # s
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # s between two starts, after it has ended by itself
_EVERY = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Web:
    """How the gateway is asked.

    Attributes:
        host: address to listen on.
        port: 0 picks a free one.
        names: by which browsers ask, besides loopback's and `host`.
        tls: its certificate; None leaves it in plain text.
        more: words of its command line, such as limits.
    """

    host: str = LOOPBACK
    port: int = PORT
    names: Sequence[str] = ()
    tls: Tls | None = None
    more: Sequence[str] = ()

    def check(self) -> None:
        """Raise ServerError if a package is missing or the port is in use."""
        if package := missing_package():
            raise ServerError(
                f"the gateway for browsers needs {package}: install requirements/serve.txt, or give --no-web"
            )
        with socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                where = f"{self.host}, port {self.port}"
                raise ServerError(
                    f"the gateway for browsers cannot listen on {where}: {error.strerror}; choose another --web-port,"
                    " --free-ports or --no-web"
                ) from error


def missing_package() -> str:
    """The first package that the gateway needs and this Python lacks; '' if it has all."""
    return next((name for name in _PACKAGES if importlib.util.find_spec(name) is None), "")


class Gateway:
    """One process, which ends with the thread that starts it.

    Args:
        web: how it is asked.
        url: at which it asks the server.
    """

    def __init__(self, web: Web, url: str) -> None:
        self._web = web
        self._url = url
        self._process: subprocess.Popen[bytes] | None = None
        self._port = web.port
        self._pause, self._next = _FIRST_PAUSE, 0.0
        self.address = ""

    def begin(self) -> None:
        """Start it."""
        web = self._web
        command = ["-m", "web", "--url", self._url, "--host", web.host, "--port", str(self._port)]
        command += [*web.more, *(word for name in web.names for word in ("--name", name))]
        if web.tls is not None:
            command += ["--tls-cert", str(web.tls.certificate.resolve()), "--tls-key", str(web.tls.key.resolve())]
            authority = web.tls.client_authority
            command += ["--tls-client-ca", str(authority.resolve())] if authority else []
        kept = {name: value for name, value in os.environ.items() if name not in variables.SECRETS}
        paths = filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))
        self._process = subprocess.Popen(
            tied([sys.executable, *command]),
            cwd=ROOT,
            env={**kept, "PYTHONPATH": os.pathsep.join(paths), "GRPC_VERBOSITY": "NONE"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches the server, which ends it
        )

    def wait(self) -> None:
        """Wait until it listens. Raises ServerError: it has ended."""
        stream = None if self._process is None else self._process.stdout
        line = stream.readline().decode().strip() if stream is not None else ""
        if not line.startswith(_READY):
            raise ServerError("the gateway for browsers ended while it started")
        said = line.removeprefix(_READY)
        self._port = int(said.rpartition(":")[2])
        scheme = said.partition("://")[0]
        self.address = f"{scheme}://{LOOPBACK}:{self._port}" if self._web.host in _EVERY else said

    @property
    def pid(self) -> int:
        """Its process id; 0 if it was not started."""
        return 0 if self._process is None else self._process.pid

    def ended(self) -> bool:
        """Whether it has ended by itself, and may be started again."""
        return self._process is not None and self._process.poll() is not None and time.monotonic() >= self._next

    def mend(self) -> None:
        """Start it again, on the same port. Raises ServerError."""
        self._next, self._pause = time.monotonic() + self._pause, min(2 * self._pause, _LONGEST_PAUSE)
        self._forget()
        self.begin()
        self.wait()

    def close(self) -> None:
        """End it, once it has answered."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_END_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._forget()

    def _forget(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None
