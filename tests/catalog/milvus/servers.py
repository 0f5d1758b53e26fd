"""Servers for the tests of the catalog in Milvus: milvus-lite, and Milvus itself."""

import contextlib
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from pymilvus import MilvusClient

from catalog.milvus.location import parse_location
from catalog.milvus.schema import HISTORY, RELIEFS
from catalog.milvus.store import MilvusCatalog
from loadtest.fleet.milvus import EXACT, MilvusServer
from server.tied import tied
from tests.catalog.samples import OWN

START = 60.0  # s
AT_ONCE = 8  # catalogs that are made at once
LITE, SERVER = "milvus-lite", "milvus"  # kinds of servers


class Process(Protocol):
    """A server's process; it keeps port and data from start to start."""

    @property
    def port(self) -> int:
        """That clients ask."""

    def start(self) -> None:
        """Returns when it answers."""

    def kill(self) -> None:
        """End it as a failing machine would."""


class Server:
    """A server of one kind; started and ended as often as wanted."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self._process = KINDS[kind](folder)
        self._empty: list[str] = []
        self.start, self.kill = self._process.start, self._process.kill

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self._process.port}"

    def location(self, options: str = "") -> str:
        """Of a collection that is not there yet."""
        return f"milvus://{self.address}/test_{uuid.uuid4().hex}{options}"

    def empty(self) -> str:
        """Location of an empty catalog. Milvus takes seconds to load one, and hardly more for several at once."""
        if not self._empty:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                self._empty = list(pool.map(lambda _: self._made(), range(AT_ONCE)))
        return self._empty.pop()

    def _made(self) -> str:
        location = self.location()
        MilvusCatalog(location, OWN).close()
        return location

    def drop(self, location: str) -> None:
        """Drop a catalog's collections: those that are loaded keep the server busy."""
        client = MilvusClient(f"http://{self.address}")
        for beside in ("", RELIEFS, HISTORY):
            client.drop_collection(parse_location(location).collection + beside)
        client.close()

    def flush(self, location: str) -> None:
        """Let rows in memory become a segment: milvus-lite indexes nothing else, and reads memory row by row."""
        client = MilvusClient(f"http://{self.address}")
        client.flush(parse_location(location).collection)
        client.close()


class MilvusLite:
    """milvus-lite as a server of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = int(taken.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        arguments = ["server", "--data-dir", str(self._folder), "--host", "127.0.0.1", "--port", str(self.port)]
        with (self._folder.parent / "milvus-lite.log").open("ab") as log:
            self._process = subprocess.Popen(
                tied([sys.executable, "-m", "milvus_lite", *arguments]), stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder.parent / "milvus-lite.log").read_text())
            time.sleep(0.1)

    def kill(self) -> None:
        """End it as a failing machine would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _milvus(folder: Path) -> MilvusServer:
    """For many small tests: its log's clock ticks four times as often, and it is sooner back after it was killed."""
    return MilvusServer(folder, {"PROXY_TIMETICKINTERVAL": "50", "COMMON_SESSION_TTL": "5", **EXACT})


KINDS: dict[str, Callable[[Path], Process]] = {LITE: MilvusLite, SERVER: _milvus}


@contextlib.contextmanager
def running(kind: str, folder: Path) -> Iterator[Server]:
    """A server that runs, with its data in a folder below."""
    server = Server(kind, folder / "data")
    server.start()
    try:
        yield server
    finally:
        server.kill()
