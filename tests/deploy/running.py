"""The processes of a container without the container: the entrypoint with the wheel's real Triton, on loopback."""

import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from deploy.healthcheck import UnhealthyError, check
from ensemble import variables
from server.assembly import assemble_backends
from server.launch import Ports
from server.wheel import find_wheel
from tests.deploy.conftest import ROOT, TOKEN

SERVE_PYTHON = Path(os.environ.get(variables.SERVE_PYTHON) or "python")
READY_TIMEOUT = 300  # s


def status(request: urllib.request.Request | str) -> int:
    """HTTP status of the answer to a request."""
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


class Server:
    """A started server with the CPU's models; `overrides` are variables of its environment."""

    def __init__(self, folder: Path, address: str = "127.0.0.1", **overrides: str) -> None:
        self.ports = Ports.free()
        self.address = address
        self.log = folder / "log.txt"
        # The path of a socket is short.
        self._sockets = tempfile.TemporaryDirectory(prefix="mintmark-")
        self.sockets = Path(self._sockets.name) / "sockets"
        wheel = find_wheel()
        assemble_backends(wheel, folder / "backends")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MINTMARK_")}
        environment = {
            **inherited,
            "PATH": f"{(ROOT / SERVE_PYTHON).parent}{os.pathsep}{os.environ['PATH']}",
            "LD_LIBRARY_PATH": str(wheel.libraries),
            variables.TARGET: "cpu",
            variables.MODELS: str(ROOT / "model_repository"),
            variables.REPOSITORY: str(folder / "repository"),
            variables.CATALOG: str(folder / "catalog"),
            variables.CACHE: str(folder / "cache"),
            variables.TRITONSERVER: str(wheel.executable),
            variables.BACKENDS: str(folder / "backends"),
            variables.TOKEN: TOKEN,
            variables.SOCKETS: str(self.sockets),
            **overrides,
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(str(ROOT / SERVE_PYTHON), "-m", "deploy.entrypoint", "--address", address),
                    *("--grpc-port", str(self.ports.grpc), "--http-port", str(self.ports.http)),
                    *("--metrics-port", str(self.ports.metrics)),
                ],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def grpc(self) -> str:
        """HOST:PORT for gRPC clients."""
        return f"{self.address}:{self.ports.grpc}"

    @property
    def http(self) -> str:
        """URL for HTTP clients on this machine."""
        return f"http://127.0.0.1:{self.ports.http}"

    def wait(self, token: str) -> None:
        """Wait until the health check passes."""
        deadline = time.monotonic() + READY_TIMEOUT
        while True:
            try:
                return check(self.sockets, token=token)
            except UnhealthyError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"not healthy: {error}\n{self.log.read_text()}") from error
            time.sleep(0.2)

    def stop(self) -> int:
        """Stop it as Docker does; returns its exit status."""
        self.process.terminate()
        status = self.process.wait(timeout=60)
        self._sockets.cleanup()
        return status
