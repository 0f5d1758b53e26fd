"""The health check against a fake server that answers what a test tells it to."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

import pytest

from deploy.healthcheck import UnhealthyError, check, check_processes, main
from ensemble import variables
from ensemble.contract import EMBEDDING, EMBEDDING_SIZE, FOUND, KNOWN, RELIEF
from ensemble.contract import SEARCH as SEARCH_MODEL
from ensemble.parameters import Search, search_parameters
from server.gate.settings import HTTP_SOCKET
from tests.deploy.conftest import READ_TOKEN

LIVE = "/v2/health/live"
READY, MODEL, SEARCH = "/v2/health/ready", "/v2/models/search/ready", "/v2/models/search/infer"
FOUND_NOTHING = {"outputs": [{"name": KNOWN.name, "datatype": "BOOL", "shape": [1, 1], "data": [False]}]}


class FakeServer(ThreadingMixIn, UnixStreamServer):
    """Answers each path with a status and a body, on the socket of HTTP, and keeps the requests."""

    daemon_threads = True

    def __init__(self, sockets: Path) -> None:
        super().__init__(str(sockets / HTTP_SOCKET), Handler)
        self.sockets = sockets
        self.answers: dict[str, tuple[int, bytes]] = {
            LIVE: (200, b""),
            READY: (200, b""),
            MODEL: (200, b""),
            SEARCH: (200, json.dumps(FOUND_NOTHING).encode()),
        }
        self.requests: dict[str, bytes] = {}
        self.tokens: dict[str, str | None] = {}
        self.hold = threading.Event()  # while it is not set, answers wait
        self.hold.set()

    def handle_error(self, request: object, client_address: object) -> None:
        """Where the check has given up, nobody takes the answer."""


class Handler(BaseHTTPRequestHandler):
    client_address = ("", 0)  # a Unix socket has none

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["content-length"])))

    def answer(self, body: bytes) -> None:
        assert isinstance(self.server, FakeServer)
        self.server.requests[self.path] = body
        self.server.tokens[self.path] = self.headers["authorization"]
        self.server.hold.wait(30)
        status, reply = self.server.answers[self.path]
        self.send_response(status)
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeServer]:
    with FakeServer(tmp_path) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.hold.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MINTMARK_READ_TOKEN", "MINTMARK_READ_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_healthy(server: FakeServer) -> None:
    check(server.sockets)
    assert set(server.requests) == {READY, MODEL, SEARCH}
    assert set(server.tokens.values()) == {None}
    request = json.loads(server.requests[SEARCH])
    assert search_parameters(request["parameters"]) == Search(k=1)
    assert {each["name"] for each in request["outputs"]} <= {each.name for each in SEARCH_MODEL.outputs}
    inputs = {each["name"]: each for each in request["inputs"]}
    assert set(inputs) == {each.name for each in SEARCH_MODEL.inputs}
    assert inputs[EMBEDDING.name]["shape"] == [1, EMBEDDING_SIZE]
    assert inputs[RELIEF.name]["shape"] == [1, *RELIEF.dims] and not any(inputs[RELIEF.name]["data"])
    assert inputs[FOUND.name]["data"] == [1]  # with 0, no coin in the photo, nothing would be searched
    assert main(["--sockets", str(server.sockets)]) == 0


@pytest.mark.parametrize("variable", ["MINTMARK_READ_TOKEN", "MINTMARK_READ_TOKEN_FILE"])
def test_token_of_readers_goes_with_the_search(
    server: FakeServer, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes nowhere else."""
    (tmp_path / "token").write_text(f"{READ_TOKEN}\n")
    monkeypatch.setenv(variable, str(tmp_path / "token") if variable.endswith("_FILE") else READ_TOKEN)
    assert main(["--sockets", str(server.sockets)]) == 0
    assert server.tokens == {READY: None, MODEL: None, SEARCH: f"Bearer {READ_TOKEN}"}


def test_refused_token_is_not_told(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers[SEARCH] = (500, b"unauthorized: wrong token")
    monkeypatch.setenv(variables.READ_TOKEN, READ_TOKEN)
    assert main(["--sockets", str(server.sockets)]) == 1
    error = capsys.readouterr().err
    assert "unauthorized: wrong token" in error
    assert READ_TOKEN not in error


def test_token_that_cannot_be_read_is_not_healthy(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variables.READ_TOKEN + variables.FILE, "/nowhere/token")
    assert main(["--sockets", str(server.sockets)]) == 1
    assert "unhealthy: MINTMARK_READ_TOKEN_FILE: cannot read /nowhere/token" in capsys.readouterr().err


@pytest.mark.parametrize("path", [READY, MODEL, SEARCH])
def test_whatever_is_not_ready_is_named(server: FakeServer, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers[path] = (503, b"not yet")
    assert main(["--sockets", str(server.sockets)]) == 1
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
    """With numpy 2, Triton's Python backend answers like that."""
    server.answers[SEARCH] = (200, reply)
    with pytest.raises(UnhealthyError, match=r"the search answered (no|empty) outputs"):
        check(server.sockets)


def test_index_that_is_still_being_loaded_is_not_healthy(server: FakeServer) -> None:
    server.hold.clear()
    with pytest.raises(UnhealthyError, match="did not answer: timed out"):
        check(server.sockets, timeout=0.05)


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(UnhealthyError, match="did not answer"):
        check(tmp_path)


def test_a_server_without_its_store_is_alive_and_not_healthy(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """As one that has lost Milvus: a new start would not help."""
    server.answers[SEARCH] = (503, b"[CATALOG_UNAVAILABLE] the connection is lost")
    live = ["--live", "--sockets", str(server.sockets)]
    assert main(live) == 0
    assert set(server.requests) == {LIVE}
    assert main(live[1:]) == 1
    assert "CATALOG_UNAVAILABLE" in capsys.readouterr().err


def test_a_server_that_does_not_answer_is_not_alive(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers[LIVE] = (400, b"")
    assert main(["--live", "--sockets", str(server.sockets)]) == 1
    server.hold.clear()
    assert main(["--live", "--timeout", "0.05", "--sockets", str(server.sockets)]) == 1
    error = capsys.readouterr().err
    assert f"{LIVE} answered 400" in error and f"{LIVE} did not answer: timed out" in error


@pytest.mark.parametrize(("state", "said"), [("Z", "has died: 11"), ("T", "is stopped: 11"), ("S", "")])
def test_the_processes_of_its_models_are_looked_at_and_no_others(
    server: FakeServer, tmp_path_factory: pytest.TempPathFactory, state: str, said: str
) -> None:
    processes = tmp_path_factory.mktemp("proc")
    for number, its_state, parent in ((11, state, os.getpid()), (12, "Z", 1), (13, "T", 1)):
        (processes / str(number)).mkdir()
        (processes / str(number) / "stat").write_text(f"{number} (triton_python_b) {its_state} {parent} 0 0 -1 0 0\n")
    with pytest.raises(UnhealthyError, match=f"{said}$") if said else nullcontext():
        check_processes(server.sockets, processes)


def test_processes_of_a_server_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(UnhealthyError, match="the server is gone"):
        check_processes(tmp_path)
