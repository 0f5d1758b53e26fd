"""A contender that is a web server: a process of its own, asked over HTTP."""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from loadtest.compare.contenders.base import Answer
from loadtest.generator import Sample, closed_loop
from loadtest.host import TIMEOUT
from loadtest.processes import ProcessTree
from server.launch import LOOPBACK, Ports

START_TIMEOUT = 120.0  # s
_POLL = 0.1  # s


class ContenderError(RuntimeError):
    """A contender does not start, or answers with an error; the message quotes it."""


class Web:
    """A web server that answers `POST /recognize`.

    Args:
        name: of the contender.
        module: runs with `--port PORT` and the arguments, listens on loopback, and ends with this process.
        arguments: of the module.

    Raises:
        ContenderError: the server does not start.
    """

    def __init__(self, name: str, module: str, arguments: Sequence[str]) -> None:
        self.name = name
        self._port = Ports.free().http
        self._local = threading.local()
        self._opened: list[http.client.HTTPConnection] = []
        self._process = subprocess.Popen([sys.executable, "-m", module, "--port", str(self._port), *arguments])
        self.tree = ProcessTree(self._process.pid)
        try:
            self._wait_until_ready()
        except ContenderError:
            self.close()
            raise

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ContenderError(f"{self.name} ended at its start with status {self._process.returncode}")
            try:
                self._request("GET", "/health")
                return
            except OSError:
                time.sleep(_POLL)
        raise ContenderError(f"{self.name} was not ready after {START_TIMEOUT:.0f} s")

    def _request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """One request on this thread's connection, which stays open."""
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=TIMEOUT)
            self._opened.append(self._local.connection)
        connection = self._local.connection
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()  # the next request opens it again
            raise
        if response.status != http.client.OK:
            raise ContenderError(f"{self.name} answered {response.status}: {text.decode(errors='replace')}")
        return text

    def _ask(self, photo: bytes) -> bytes:
        return self._request("POST", "/recognize", photo)

    def answer(self, photo: bytes) -> Answer:
        """See Contender."""
        record = json.loads(self._ask(photo))
        return Answer(record["found"], tuple(record["ids"]), tuple(record["scores"]), tuple(record["ellipse"]))

    def load(self, photos: Sequence[bytes], concurrency: int, seconds: float) -> list[Sample]:
        """See Contender."""
        return closed_loop(self._ask, photos, concurrency, seconds)

    def close(self) -> None:
        """End the process."""
        for connection in self._opened:
            connection.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
