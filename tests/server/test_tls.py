"""The embedded server with TLS and mutual TLS, by the options of its command line and the client's."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from ensemble import variables
from mintmark import Client, MintmarkError, Tls
from mintmark._cli import main as mintmark
from server.__main__ import main as serve
from server.tls import Tls as ServerTls
from server.wheel import ServerError
from tests.certificates import make_certificates
from tests.server.conftest import Coin, Running, gateway_before, jpeg, launch

pytestmark = pytest.mark.server

TOKEN = "a-token-that-nobody-should-read"


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of certificates."""
    return make_certificates(tmp_path_factory.mktemp("pem"))


@pytest.fixture(scope="module")
def mutual(tmp_path_factory: pytest.TempPathFactory, pem: Path) -> Iterator[Running]:
    """A server that demands a certificate and a token from clients."""
    files = ("--tls-cert", str(pem / "server.pem"), "--tls-key", str(pem / "server.key"))
    folder = tmp_path_factory.mktemp("mutual")
    running = launch(folder, *files, "--tls-client-ca", str(pem / "ca.pem"), MINTMARK_TOKEN=TOKEN)
    yield running
    running.stop()
    for file in folder.glob("*.*"):
        assert TOKEN not in file.read_text(errors="replace"), file


def test_clients_with_a_certificate_are_answered(mutual: Running, pem: Path, coins: list[Coin]) -> None:
    tls = Tls(ca=pem / "ca.pem", cert=pem / "client.pem", key=pem / "client.key")
    with Client(mutual.url, tls=tls, token=TOKEN) as client:
        entry = client.enroll(jpeg(coins[0].catalog), coins[0].fields)
        assert client.recognize(jpeg(coins[0].catalog)).matches[0].entry.id == entry.id


def test_the_command_line_has_the_flags(
    mutual: Running, pem: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [
        "--tls-ca",
        str(pem / "ca.pem"),
        "--tls-cert",
        str(pem / "client.pem"),
        "--tls-key",
        str(pem / "client.key"),
    ]
    monkeypatch.setenv(variables.TOKEN, TOKEN)
    assert mintmark(["--url", mutual.url, *files, "status"]) == 0
    assert "entries" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["", "stranger"])
def test_others_are_not(mutual: Running, pem: Path, name: str) -> None:
    files = {"cert": pem / f"{name}.pem", "key": pem / f"{name}.key"} if name else {}
    with (
        Client(mutual.url, tls=Tls(ca=pem / "ca.pem", **files), token=TOKEN, timeout=5) as client,
        pytest.raises(MintmarkError) as caught,
    ):
        client.status()
    assert TOKEN not in str(caught.value)


def test_nor_are_those_who_do_not_encrypt_or_trust_another_authority(mutual: Running, pem: Path) -> None:
    own = {"cert": pem / "client.pem", "key": pem / "client.key"}
    for tls in (False, Tls(ca=pem / "other.pem", **own)):
        with Client(mutual.url, tls=tls, token=TOKEN, timeout=5) as client, pytest.raises(MintmarkError):
            client.status()


def test_the_server_shows_its_certificate(mutual: Running, pem: Path) -> None:
    context = ssl.create_default_context(cafile=str(pem / "ca.pem"))
    context.load_cert_chain(pem / "client.pem", pem / "client.key")
    host, port = mutual.url.split(":")
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as encrypted,
    ):
        certificate = encrypted.getpeercert()
    assert certificate is not None and certificate["subject"] == ((("commonName", "server"),),)


def test_http_is_no_way_round(mutual: Running) -> None:
    """It speaks no TLS, and is off."""
    assert mutual.http == ""


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    pem = make_certificates(tmp_path, days=-1)
    with pytest.raises(ServerError, match=r"server\.pem: certificate has expired"):
        ServerTls(pem / "server.pem", pem / "server.key").check()


def test_half_of_a_pair_of_files_is_refused(pem: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        serve(["--tls-cert", str(pem / "server.pem")])
    assert "belong together" in capsys.readouterr().err
    missing = ["--tls-cert", str(pem / "server.pem"), "--tls-key", str(tmp_path / "none.key"), "--free-ports"]
    assert serve([*missing, "--catalog", str(tmp_path / "c"), "--log", str(tmp_path / "log")]) == 1
    assert "cannot read the TLS file" in capsys.readouterr().err


@pytest.mark.parametrize(("files", "answer"), [(("ca", "cert", "key"), 200), (("ca",), 503), ((), 503)])
def test_a_gateway_of_another_machine_speaks_it_too(
    mutual: Running, pem: Path, files: tuple[str, ...], answer: int
) -> None:
    there = {"ca": pem / "ca.pem", "cert": pem / "client.pem", "key": pem / "client.key"}
    options = [f"--server-tls-{file}={there[file]}" for file in files]
    with gateway_before(mutual, *options) as gateway, httpx2.Client(timeout=60) as browser:
        assert browser.get(f"{gateway}/api/health").status_code == answer
