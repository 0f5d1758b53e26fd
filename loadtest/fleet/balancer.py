"""HAProxy before the servers of a fleet, as deploy/haproxy.cfg configures it."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from ensemble.places import ROOT
from server.launch import LOOPBACK
from server.tied import tied

CONFIG = ROOT / "deploy" / "haproxy.cfg"
MISSING = "HAProxy is missing: make debian installs it"
_TIMEOUT = 60.0  # s
_STATE, _UP = 5, "2"  # column and value of `show servers state`


class BalancerError(Exception):
    """HAProxy is missing, did not start, or a server did not become what was expected."""


def find_haproxy() -> str | None:
    """Path of the program; None if this machine has none."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")


class Balancer:
    """HAProxy on a free port; a context manager.

    Args:
        folder: of its configuration, its socket and its log.
        servers: ports of gRPC on this machine, by the servers' names.
        off: those that get no requests until they are told to be `ready`.
    """

    def __init__(self, folder: Path, servers: Mapping[str, int], off: Collection[str] = ()) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind((LOOPBACK, 0))
            self.url = f"{LOOPBACK}:{free.getsockname()[1]}"
        lines = [f"    server {name} {LOOPBACK}:{port}{' disabled' * (name in off)}" for name, port in servers.items()]
        text = re.sub(r"(?m)^    server .*\n", "", CONFIG.read_text())
        text = text.replace(f"{LOOPBACK}:8001", self.url).replace("/run/haproxy/mintmark.sock", str(self._socket))
        (folder / "haproxy.cfg").write_text(text + "\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def _socket(self) -> Path:
        return self._folder / "haproxy.sock"

    def __enter__(self) -> "Balancer":
        """Start it. Raises BalancerError."""
        program = find_haproxy()
        if program is None:
            raise BalancerError(MISSING)
        with (self._folder / "haproxy.log").open("ab") as log:
            command = [program, "-db", "-f", str(self._folder / "haproxy.cfg")]
            self._process = subprocess.Popen(tied(command), stdout=log, stderr=log)
        deadline = time.monotonic() + _TIMEOUT
        while not self._socket.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise BalancerError((self._folder / "haproxy.log").read_text())
            time.sleep(0.05)
        return self

    def __exit__(self, *error: object) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def tell(self, server: str, state: str) -> None:
        """Let a server be `ready`, `drain` (no more requests) or `maint`."""
        self._ask(f"set server mintmark/{server} state {state}")

    def up(self) -> set[str]:
        """The servers whose health checks succeed."""
        rows = [line.split() for line in self._ask("show servers state mintmark").splitlines()]
        return {row[3] for row in rows if len(row) > _STATE and row[1] == "mintmark" and row[_STATE] == _UP}

    def wait(self, server: str, up: bool = True) -> None:
        """Wait until a server's health checks succeed, or fail. Raises BalancerError."""
        began = time.monotonic()
        while (server in self.up()) != up:
            if time.monotonic() - began > _TIMEOUT:
                raise BalancerError(f"the balancer does not see that {server} is {'up' if up else 'down'}")
            time.sleep(0.05)

    def _ask(self, line: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_TIMEOUT)
            connection.connect(str(self._socket))
            connection.sendall(line.encode() + b"\n")
            answer = b""
            while part := connection.recv(65536):
                answer += part
        return answer.decode()
