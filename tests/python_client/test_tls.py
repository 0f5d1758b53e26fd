"""Encrypted connections, with certificates that the tests make."""

import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from mintmark import Client, InvalidRequest, ServerUnavailable, Tls
from mintmark._cli import main
from tests.certificates import make_certificates
from tests.python_client.samples import Capture

STATUS = (
    b'{"entries": 1, "views": 2, "stale_views": 0, "without_relief": 0, "model": "abc", "threshold": 0.5,'
    b' "calibrated": false,'
    b' "token": "TOKEN"}'
)


class Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Answers every request with the catalog's status, and puts the token that it got into it."""

    def ModelInfer(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Answer one inference."""
        token = dict(context.invocation_metadata()).get("authorization", "none")
        status = STATUS.replace(b"TOKEN", token.encode())
        response = service_pb2.ModelInferResponse()
        response.outputs.add(name="response", datatype="BYTES", shape=[1, 1])
        response.raw_output_contents.append(struct.pack("<I", len(status)) + status)
        return response


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of certificates: `ca` signed server and client, `other` signed stranger."""
    return make_certificates(tmp_path_factory.mktemp("pem"))


@pytest.fixture
def serve(pem: Path) -> Iterator[Callable[..., str]]:
    """Starts servers that speak TLS; returns their addresses."""
    servers = []

    def start(*, mutual: bool = False) -> str:
        pair = tuple((pem / f"server.{suffix}").read_bytes() for suffix in ("key", "pem"))
        credentials = grpc.ssl_server_credentials([pair], (pem / "ca.pem").read_bytes() if mutual else None, mutual)
        server = grpc.server(ThreadPoolExecutor(2))
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Servicer(), server)
        port = server.add_secure_port("127.0.0.1:0", credentials)
        server.start()
        servers.append(server)
        return f"127.0.0.1:{port}"

    yield start
    for server in servers:
        server.stop(None).wait()


def test_tls(serve: Callable[..., str], pem: Path) -> None:
    """Only the authority that signed the server's certificate is trusted."""
    url = serve()
    with Client(url, tls=Tls(ca=pem / "ca.pem"), token="secret", timeout=10) as client:
        assert client.status().details == {"token": "Bearer secret"}
    for tls in (Tls(ca=pem / "other.pem"), True):
        with Client(url, tls=tls, token="secret", timeout=10) as client, pytest.raises(ServerUnavailable) as error:
            client.status()
        assert "secret" not in str(error.value)


def test_mutual_tls(serve: Callable[..., str], pem: Path) -> None:
    """The server refuses clients without a certificate that it trusts."""
    url = serve(mutual=True)
    mine = Tls(ca=pem / "ca.pem", cert=pem / "client.pem", key=pem / "client.key")
    with Client(url, tls=mine, timeout=10) as client:
        assert client.status().entries == 1
    stranger = Tls(ca=pem / "ca.pem", cert=pem / "stranger.pem", key=pem / "stranger.key")
    for tls in (Tls(ca=pem / "ca.pem"), stranger):
        with Client(url, tls=tls, timeout=10) as client, pytest.raises(ServerUnavailable):
            client.status()


def test_without_tls(serve: Callable[..., str]) -> None:
    """A server that speaks TLS refuses other connections."""
    with Client(serve(), timeout=10) as client, pytest.raises(ServerUnavailable):
        client.status()


def test_command_line(serve: Callable[..., str], pem: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Each --tls… option implies TLS. The token is that for changes, else that for reading, of the environment."""
    url = serve(mutual=True)
    files = {"--tls-ca": "ca.pem", "--tls-cert": "client.pem", "--tls-key": "client.key"}
    words = ["status", "--url", url, *(word for flag, name in files.items() for word in (flag, str(pem / name)))]
    monkeypatch.delenv("MINTMARK_TOKEN", raising=False)
    monkeypatch.delenv("MINTMARK_READ_TOKEN", raising=False)
    for variable, expected in ((None, "none"), ("MINTMARK_READ_TOKEN", "Bearer t1"), ("MINTMARK_TOKEN", "Bearer t2")):
        if variable:
            monkeypatch.setenv(variable, expected.split()[1])
        assert main(words) == 0
        assert f"token           {expected}\n" in capsys.readouterr().out
    assert main(["status", "--url", url, "--tls", "--timeout", "5"]) == 1
    assert "t2" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("tls", "message"),
    [
        (Tls(ca="nowhere.pem"), r"cannot open the CA certificate nowhere\.pem: No such file"),
        (Tls(cert="nowhere.pem", key="nowhere.key"), r"cannot open the client certificate nowhere\.pem"),
        (Tls(cert="a.pem"), "a client certificate without its key"),
        (Tls(key="a.key"), "a client key without its certificate"),
    ],
)
def test_bad_files(tls: Tls, message: str) -> None:
    """The error comes before anything is sent."""
    with pytest.raises(InvalidRequest, match=message):
        Client("127.0.0.1:1", tls=tls)


def test_file_that_is_no_certificate(tmp_path: Path, capsys: Capture) -> None:
    """The error shows its name, not its content."""
    path = tmp_path / "token.txt"
    path.write_text("secret")
    assert main(["status", "--tls-ca", str(path)]) == 1
    err = capsys.readouterr().err
    assert f"the CA certificate {path} is not a PEM file" in err and "secret" not in err
