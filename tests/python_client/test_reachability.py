"""A server that cannot be reached: one line that says why and what to do, by what really happens on a socket."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import pytest

from mintmark import Client, InvalidRequest, ServerUnavailable, Tls
from mintmark._cli import main
from mintmark._contract import URL_VARIABLE
from tests.certificates import make_certificates
from tests.python_client.samples import Capture


@pytest.fixture(scope="module")
def http() -> Iterator[int]:
    """The port of something that speaks HTTP/1."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of a server, of a client and of a stranger."""
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def ports(files: Path) -> Iterator[dict[str, int]]:
    """Ports of a gRPC server that is no Triton: plain, with TLS, and with TLS that asks for a client's certificate."""
    pair = [((files / "server.key").read_bytes(), (files / "server.pem").read_bytes())]
    mutual = grpc.ssl_server_credentials(pair, (files / "ca.pem").read_bytes(), True)
    server = grpc.server(ThreadPoolExecutor(2))
    made = {
        "plain": server.add_insecure_port("127.0.0.1:0"),
        "tls": server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(pair)),
        "another name": server.add_secure_port("127.0.0.3:0", grpc.ssl_server_credentials(pair)),
        "mutual": server.add_secure_port("127.0.0.1:0", mutual),
    }
    server.start()
    yield made
    server.stop(None)


def why(url: str, tls: bool | Tls = False) -> str:
    """What the client says of a server."""
    with Client(url, tls=tls, retry=False, timeout=10) as client, pytest.raises(ServerUnavailable) as caught:
        client.status()
    text = str(caught.value)
    assert text.startswith(f"server {url} is unavailable: ") and "\n" not in text
    assert not any(word in text for word in ("ipv4:", "last error", "SSL_", "TSI_", "http2")), "no words of gRPC's own"
    return text


def test_nothing_listens() -> None:
    assert "nothing listens there" in why("127.0.0.1:1") and "make serve" in why("127.0.0.1:1")


def test_no_such_machine() -> None:
    assert "no machine is known by this name" in why("no-such-machine.invalid:8001")


def test_a_port_of_something_else(http: int, ports: dict[str, int]) -> None:
    assert "does not speak gRPC" in why(f"127.0.0.1:{http}")
    assert "no Mintmark server" in why(f"localhost:{ports['plain']}")


def test_tls_on_one_side_alone(http: int, ports: dict[str, int]) -> None:
    assert "it wants TLS (--tls)" in why(f"localhost:{ports['tls']}")
    for port in (ports["plain"], http):
        assert "does not speak TLS" in why(f"localhost:{port}", tls=True)


def test_certificates_that_do_not_fit(files: Path, ports: dict[str, int]) -> None:
    trusted = Tls(ca=files / "ca.pem")
    assert "--tls-ca" in why(f"localhost:{ports['tls']}", tls=Tls(ca=files / "other.pem"))
    assert "another name" in why(f"127.0.0.3:{ports['another name']}", tls=trusted)
    assert "(--tls-cert)" in why(f"localhost:{ports['mutual']}", tls=trusted)
    mixed = Tls(ca=files / "ca.pem", cert=files / "client.pem", key=files / "stranger.key")
    assert "do not belong together" in why(f"localhost:{ports['mutual']}", tls=mixed)


@pytest.mark.parametrize("url", ["localhost", "", ":8001", "localhost:", "localhost:grpc", "localhost:８００１"])
def test_an_address_without_a_port(url: str) -> None:
    with pytest.raises(InvalidRequest, match="HOST:PORT, such as localhost:8001"):
        Client(url)


@pytest.mark.parametrize("url", ["localhost:0", "localhost:99999", "localhost:100000000000"])
def test_a_port_that_is_none(url: str) -> None:
    with pytest.raises(InvalidRequest, match="ports are 1 to 65535"):
        Client(url)


def test_an_empty_variable_is_no_address(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv(URL_VARIABLE, "")
    seen: list[str] = []

    def connect(options: object) -> Client:
        seen.append(getattr(options, "url"))  # noqa: B009
        raise InvalidRequest("enough")

    assert main(["status"], connect) == 1
    assert seen == ["localhost:8001"] and "enough" in capsys.readouterr().err
