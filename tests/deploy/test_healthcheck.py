"""The health check against a server that answers what a test tells it to."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy.healthcheck import UnhealthyError, check, main
from ensemble.contract import EMBEDDING, EMBEDDING_SIZE, FOUND, KNOWN

READY, MODEL, SEARCH = "/v2/health/ready", "/v2/models/search/ready", "/v2/models/search/infer"
FOUND_NOTHING = {"outputs": [{"name": KNOWN.name, "datatype": "BOOL", "shape": [1, 1], "data": [False]}]}


class FakeServer(ThreadingHTTPServer):
    """Answers each path with a status and a body, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[int, bytes]] = {
            READY: (200, b""),
            MODEL: (200, b""),
            SEARCH: (200, json.dumps(FOUND_NOTHING).encode()),
        }
        self.requests: dict[str, bytes] = {}
        self.hold = threading.Event()  # answers wait for it
        self.hold.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["content-length"])))

    def answer(self, body: bytes) -> None:
        assert isinstance(self.server, FakeServer)
        self.server.requests[self.path] = body
        self.server.hold.wait(30)
        status, reply = self.server.answers[self.path]
        self.send_response(status)
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.hold.set()
        server.shutdown()
        thread.join()


def test_healthy(server: FakeServer) -> None:
    check(server.url)
    assert set(server.requests) == {READY, MODEL, SEARCH}
    inputs = {each["name"]: each for each in json.loads(server.requests[SEARCH])["inputs"]}
    assert inputs[EMBEDDING.name]["shape"] == [1, EMBEDDING_SIZE]
    assert inputs[FOUND.name]["data"] == [1.0]  # a photo without a coin would not be searched for
    assert main(["--url", f"{server.url}/"]) == 0


@pytest.mark.parametrize("path", [READY, MODEL, SEARCH])
def test_whatever_is_not_ready_is_named(server: FakeServer, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers[path] = (503, b"not yet")
    assert main(["--url", server.url]) == 1
    assert f"{path} answered 503: b'not yet'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"[]",
        b"{}",
        b'{"outputs": []}',
        b'{"outputs": [{"name": "known", "datatype": "BOOL", "shape": [0], "data": []}]}',
    ],
)
def test_search_that_answers_nothing_is_not_healthy(server: FakeServer, reply: bytes) -> None:
    """As Triton's Python backend does with numpy 2."""
    server.answers[SEARCH] = (200, reply)
    with pytest.raises(UnhealthyError, match=r"the search answered (no|empty) outputs"):
        check(server.url)


def test_index_that_is_still_being_loaded_is_not_healthy(server: FakeServer) -> None:
    server.hold.clear()
    with pytest.raises(UnhealthyError, match="did not answer: timed out"):
        check(server.url, timeout=0.05)


def test_no_server() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # taken, but nobody listens
        with pytest.raises(UnhealthyError, match=r"did not answer: .*refused"):
            check(f"http://127.0.0.1:{unused.getsockname()[1]}")
