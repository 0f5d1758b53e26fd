"""Makes the client importable from the working tree, and gives its tests a server."""

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # for fake_coin_server, whichever way pytest imports tests
if importlib.util.find_spec("mintmark") is None:
    sys.path.insert(0, str(HERE.parents[1] / "python_client" / "src"))

from fake_coin_server import FakeCoinServer  # noqa: E402

from mintmark import Client, MockTransport  # noqa: E402


@pytest.fixture
def server() -> FakeCoinServer:
    """A server with an empty catalog."""
    return FakeCoinServer()


@pytest.fixture
def client(server: FakeCoinServer) -> Client:
    """A client of `server`."""
    return Client(transport=MockTransport(server))
