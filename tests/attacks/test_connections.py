"""Connections that say nothing, or half of something, keep nobody else out."""

import contextlib
import http.client
import resource
import socket
from collections.abc import Iterator

import pytest

from mintmark import Client
from server.gate.web import MOST_CONNECTIONS
from tests.server.conftest import Running, launch

pytestmark = pytest.mark.server

IDLE = 3_000  # connections
SMALL_LOG = 1 << 20  # bytes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that started with few descriptors, as a shell often has them."""
    folder = tmp_path_factory.mktemp("few")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * IDLE:
        pytest.skip(f"this machine allows {hard} descriptors, {2 * IDLE} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        running = launch(folder, "--http")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (2 * IDLE, hard))
    yield running
    running.stop()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    logs = [*folder.glob("server*.log*"), folder / "output.txt"]
    assert sum(log.stat().st_size for log in logs) < SMALL_LOG, "the attacks have filled the log"


def address(url: str) -> tuple[str, int]:
    host, port = url.removeprefix("http://").removesuffix("/metrics").split(":")
    return host, int(port)


@pytest.mark.parametrize("sent", [b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\n"])
def test_grpc_answers_beside_idle_connections(server: Running, sent: bytes) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(IDLE):
            connection = stack.enter_context(socket.create_connection(address(server.url), timeout=60))
            with contextlib.suppress(OSError):  # closed by the server already
                connection.sendall(sent)
        with Client(server.url) as client:
            client.status()


@pytest.mark.parametrize("sent", [b"", b"GET /v2/health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n"])
@pytest.mark.parametrize("where", ["http", "metrics"])
def test_http_answers_beside_idle_connections(server: Running, sent: bytes, where: str) -> None:
    url = server.http if where == "http" else server.metrics
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS + 100):
            connection = stack.enter_context(socket.create_connection(address(url), timeout=60))
            with contextlib.suppress(OSError):
                connection.sendall(sent)
        late = http.client.HTTPConnection(*address(url), timeout=60)
        late.request("GET", "/v2/health/ready" if where == "http" else "/metrics")
        assert late.getresponse().status == 200
        late.close()
