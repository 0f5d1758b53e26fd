"""A server in memory for the tests of the client, with photos and tables for it."""

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mintmark import Client, MockTransport
from tests.python_client.fake_coin_server import Coin, FakeCoinServer
from tests.python_client.samples import MakePhoto, Run, WriteTable, run_on


@pytest.fixture(autouse=True)
def _pyarrow(request: pytest.FixtureRequest) -> None:
    """Skips tests of Parquet files without pyarrow."""
    if "parquet" in request.node.name:
        pytest.importorskip("pyarrow")


@pytest.fixture
def server() -> FakeCoinServer:
    """A server with an empty catalog."""
    return FakeCoinServer()


@pytest.fixture
def client(server: FakeCoinServer) -> Client:
    """A client of `server`."""
    return Client(transport=MockTransport(server))


@pytest.fixture
def run(server: FakeCoinServer) -> Run:
    """The command `mintmark`, against `server`."""
    return lambda *argv: run_on(server, *argv)


@pytest.fixture
def photo(server: FakeCoinServer, tmp_path: Path) -> MakePhoto:
    """Makes a photo file that shows a coin, or none."""

    def make(name: str, coin: Coin | None = None, side: int = 120) -> Path:
        path = tmp_path / name
        picture = np.full((side, side, 3), 200, np.uint8)
        picture[0, 0] = len(server.photos)  # each photo's bytes differ
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        server.photos[path.read_bytes()] = coin
        return path

    return make


@pytest.fixture
def write_table(tmp_path: Path) -> WriteTable:
    """Makes a CSV file of rows."""

    def write(name: str, rows: list[dict[str, Any]]) -> Path:
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), restval="")
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write
