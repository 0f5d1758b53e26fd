"""milvus-lite as a server of its own, for the tests of the catalog in Milvus."""

import contextlib
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from pymilvus import MilvusClient

from catalog.milvus.location import parse_location

START = 60.0  # s


class MilvusLite:
    """A server on a free port of this machine, with its data in a folder; started and ended as often as wanted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = int(taken.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.port}"

    def location(self, options: str = "") -> str:
        """Of a collection that is not there yet."""
        return f"milvus://{self.address}/test_{uuid.uuid4().hex}{options}"

    def start(self) -> None:
        """Returns when it answers."""
        arguments = ["server", "--data-dir", str(self._folder), "--host", "127.0.0.1", "--port", str(self.port)]
        with (self._folder.parent / "milvus-lite.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "milvus_lite", *arguments], stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder.parent / "milvus-lite.log").read_text())
            time.sleep(0.1)

    def flush(self, location: str) -> None:
        """Let rows in memory become a segment: milvus-lite indexes nothing else, and reads memory row by row."""
        client = MilvusClient(f"http://{self.address}")
        client.flush(parse_location(location).collection)
        client.close()

    def kill(self) -> None:
        """End it as a failing machine would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def running(folder: Path) -> Iterator[MilvusLite]:
    """A server that runs, with its data in a folder below."""
    server = MilvusLite(folder / "data")
    server.start()
    try:
        yield server
    finally:
        server.kill()
