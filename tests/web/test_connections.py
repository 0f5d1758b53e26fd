"""The gateway on a port: what clients do that send too little, too slowly or too much at once."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as open_socket
from websockets.typing import Origin

from mintmark import ServerUnavailable
from tests.certificates import make_certificates
from tests.web.stand import PHOTO, Stand
from web.healthcheck import main as check_health
from web.serving import HEAD_BYTES, Certificates, configured
from web.settings import Settings

Serve = Callable[..., int]
HEAD = b"POST /api/recognize HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"


@contextmanager
def running(stand: Stand, tls: Certificates | None = None, **settings: Any) -> Iterator[int]:
    """A gateway on a free port of loopback; gives the port."""
    config = configured(Settings(**settings), stand.connect, "127.0.0.1", 0, tls)
    server = uvicorn.Server(config)
    with closing(config.bind_socket()) as listening:
        listening.listen()  # who connects before the gateway takes them waits
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def serve(stand: Stand) -> Iterator[Serve]:
    """Starts gateways before the server that needs no token."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(running(stand, **settings))


def send(port: int, data: bytes) -> bytes:
    """What the gateway answers until it closes the connection, to somebody who sends no more than that."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_whole_request_is_answered(serve: Serve) -> None:
    body = b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(PHOTO), PHOTO)
    answer = send(serve(), HEAD + body)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"\r\nserver:" not in answer.lower()


def test_half_a_body_is_given_up(serve: Serve) -> None:
    port = serve(body_seconds=0.2)
    assert send(port, HEAD + b"Content-Length: 1000\r\n\r\nhalf").startswith(b"HTTP/1.1 408")
    assert send(port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n").startswith(b"HTTP/1.1 408")


def test_a_body_that_is_too_large_is_refused_before_it_came(serve: Serve) -> None:
    port = serve(photo_bytes=1000, text_bytes=1000)
    assert send(port, HEAD + b"Content-Length: 100000\r\n\r\n").startswith(b"HTTP/1.1 413")
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    assert send(port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + 3 * chunk).startswith(b"HTTP/1.1 413")


def test_the_rest_of_a_body_is_not_waited_for(serve: Serve) -> None:
    """Whatever the answer was."""
    port = serve()
    for path in (b"/api/nothing", b"/api/entries/x/views"):
        head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf" % path
        assert send(port, head).startswith(b"HTTP/1.1 4")


def test_half_a_head_is_given_up(serve: Serve) -> None:
    port = serve(head_seconds=0.2)
    assert send(port, HEAD) == b""
    assert send(port, b"") == b""


def test_a_head_that_is_too_large_is_refused(serve: Serve) -> None:
    answer = send(serve(), HEAD + b"X-Long: " + b"x" * HEAD_BYTES)
    assert answer.startswith(b"HTTP/1.1 4")


def test_connections_of_one_client_are_bounded(serve: Serve) -> None:
    port = serve(connections=2)
    with ExitStack() as stack:
        for _ in range(2):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            one.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert one.recv(100).startswith(b"HTTP/1.1 200")
        assert send(port, b"") == b""
    ask = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    while not (answer := send_anew(port, ask)):  # the others are on their way out
        pass
    assert answer.startswith(b"HTTP/1.1 200")


def test_connections_count_before_they_have_spoken_tls(serve: Serve, tmp_path: Path) -> None:
    folder = make_certificates(tmp_path)
    port = serve(tls=Certificates(folder / "server.pem", folder / "server.key"), connections=2)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
        assert send_anew(port, b"") == b"", "it is closed, which a handshake would be after a minute"


def test_connections_in_all_are_bounded(serve: Serve) -> None:
    port = serve(all_connections=1)
    with socket.create_connection(("127.0.0.1", port), timeout=60):
        assert send_anew(port, b"") == b""


def test_who_leaves_an_answer_unread_is_not_waited_for(serve: Serve, stand: Stand) -> None:
    port, page = serve(unread_seconds=0.2, in_flight=1), 200
    for number in range(page):
        stand.enroll(f"large-{number}", metadata={"note": "x" * 16_000})
    ask = b"GET /api/entries?limit=%d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with closing(socket.socket()) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", port))
        slow.sendall(ask % page)
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
        until = time.monotonic() + 60
        while not (answer := send_anew(port, ask % 1)).startswith(b"HTTP/1.1 200"):
            assert answer.startswith(b"HTTP/1.1 429") and time.monotonic() < until, "it stands before this one for ever"
            time.sleep(0.05)


def test_a_refused_socket_is_no_failure(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"ws://localhost:{serve()}/api/frames"
    for query, origin in (("", None), ("", Origin("http://evil.example")), ("?k=0", None)):
        with pytest.raises(InvalidStatus), open_socket(url + query, origin=origin):
            pass
    assert capsys.readouterr().err == ""


def send_anew(port: int, data: bytes) -> bytes:
    """As `send`; nothing where the connection was refused."""
    try:
        return send(port, data)
    except ConnectionError:
        return b""


@pytest.mark.parametrize(
    "path",
    ["/api/../../etc/passwd", "/api/entries/..%2f..%2fetc", "//evil.example/", "/%00", "http://evil.example/api"],
)
def test_paths_that_no_browser_sends(serve: Serve, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    assert send(serve(), request).startswith(b"HTTP/1.1 4")


def test_requests_that_hide_another_one(serve: Serve) -> None:
    port = serve()
    lengths = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    both = HEAD + lengths + b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
    assert send(port, both).count(b"HTTP/1.1 ") == 1
    twice = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert send(port, twice).startswith(b"HTTP/1.1 4")


def test_frames_over_a_real_socket(serve: Serve) -> None:
    port = serve(frame_bytes=1000)
    url, origin = f"ws://localhost:{port}/api/frames", Origin(f"http://localhost:{port}")
    with open_socket(url, origin=origin) as camera:
        camera.send(bytes(4) + PHOTO)
        assert '"known":true' in str(camera.recv())
        camera.send(bytes(4) + PHOTO + bytes(1000))
        with pytest.raises(ConnectionClosed) as refused:
            camera.recv()
        assert refused.value.rcvd is None or refused.value.rcvd.code == 1009


def test_over_tls(serve: Serve, tmp_path: Path) -> None:
    folder = make_certificates(tmp_path)
    port = serve(tls=Certificates(folder / "server.pem", folder / "server.key"))
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(b"GET /api/session HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_the_health_check(serve: Serve, stand: Stand, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Over TLS and without, and with a server that does not answer."""
    folder = make_certificates(tmp_path)
    ports = [serve(), serve(tls=Certificates(folder / "server.pem", folder / "server.key"))]
    assert [check_health([str(port)]) for port in ports] == [0, 0]
    stand.error = ServerUnavailable("away")
    assert [check_health([str(port)]) for port in ports] == [1, 1]
    assert "no healthy gateway on port" in capsys.readouterr().err


def test_over_mutual_tls(serve: Serve, tmp_path: Path) -> None:
    folder = make_certificates(tmp_path)
    port = serve(tls=Certificates(folder / "server.pem", folder / "server.key", folder / "ca.pem"))

    def ask(context: ssl.SSLContext) -> bytes:
        with (
            suppress(ssl.SSLError, ConnectionError),
            socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(b"GET /api/session HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return connection.recv(100)
        return b""

    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    assert ask(context) == b""
    context.load_cert_chain(folder / "client.pem", folder / "client.key")
    assert ask(context).startswith(b"HTTP/1.1 200")
