"""A phone that is let in: its certificate, its link, and what it may do."""

import datetime
import re
import shutil
import socket
import ssl
import stat
import threading
from pathlib import Path

import cv2
import httpx2
import numpy as np
import pytest
from cryptography import x509

from ensemble.variables import READ_TOKEN, TOKEN, TOKENS
from server.__main__ import parse
from server.embedded import EmbeddedServer
from server.phone import certificates
from server.phone.addresses import addresses, names
from server.phone.certificates import certificate_of, fingerprint
from server.phone.invitation import Invitation, invite
from server.tls import Tls
from tests.server.catalog_server import MODELS

NAMES = ["192.168.1.5", "10.1.2.3", "127.0.0.1", "localhost", "coins", "coins.local"]


def loaded(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates(path.read_bytes())[0]


def accepted(tls: Tls, authority: Path, name: str) -> bool:
    """Whether a phone that trusts the authority takes the certificate for that of the name."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tls.certificate, tls.key)
    here, there = socket.socketpair()

    def answer() -> None:
        try:
            with server.wrap_socket(there, server_side=True) as connection:
                connection.recv(1)
        except OSError:
            there.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        context = ssl.create_default_context(cafile=str(authority))
        with context.wrap_socket(here, server_hostname=name) as connection:
            connection.send(b"x")
        return True
    except ssl.SSLCertVerificationError:
        here.close()
        return False
    finally:
        thread.join()


def test_the_certificate_is_for_every_name(tmp_path: Path) -> None:
    tls = certificate_of(tmp_path / "phone", NAMES)
    tls.check()
    for name in NAMES:
        assert accepted(tls, tmp_path / "phone" / "authority.pem", name), name
    for name in ("192.168.1.6", "coin.local", "example.com"):
        assert not accepted(tls, tmp_path / "phone" / "authority.pem", name), name


def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "phone"
    certificate_of(folder, NAMES)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = sorted(folder.iterdir())
    assert [one.name for one in files] == ["authority.key", "authority.pem", "server.key", "server.pem"]
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}


def test_the_authority_can_vouch_for_nobody_else(tmp_path: Path) -> None:
    """Who steals its key cannot imitate a site of the web before phones that trust it."""
    certificate_of(tmp_path, NAMES)
    authority = certificates._kept(tmp_path, "authority")
    assert authority is not None
    for name in ("example.com", "192.0.2.77"):
        certificates._keep(tmp_path, "server", certificates._new_server([name], authority), authority[0])
        assert not accepted(Tls(tmp_path / "server.pem", tmp_path / "server.key"), tmp_path / "authority.pem", name)


def test_it_is_kept_while_it_fits(tmp_path: Path) -> None:
    tls = certificate_of(tmp_path, NAMES)
    first, authority = fingerprint(tls.certificate), (tmp_path / "authority.pem").read_bytes()
    certificate_of(tmp_path, NAMES[1:])
    assert fingerprint(tls.certificate) == first
    certificate_of(tmp_path, [*NAMES, "192.168.7.7"])
    assert fingerprint(tls.certificate) != first
    assert (tmp_path / "authority.pem").read_bytes() == authority
    certificate_of(tmp_path, [*NAMES, "203.0.113.7"])  # a network with public addresses
    assert (tmp_path / "authority.pem").read_bytes() != authority
    assert accepted(tls, tmp_path / "authority.pem", "203.0.113.7")


@pytest.mark.parametrize("days", [certificates.DAYS - certificates.LEFT_DAYS, certificates.AUTHORITY_DAYS])
def test_it_is_made_anew_before_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    tls = certificate_of(tmp_path, NAMES)
    first, later = fingerprint(tls.certificate), datetime.timedelta(days=days)
    now = certificates._now()
    monkeypatch.setattr(certificates, "_now", lambda: now + later)
    certificate_of(tmp_path, NAMES)
    assert fingerprint(tls.certificate) != first
    assert loaded(tls.certificate).not_valid_after_utc > now + later


@pytest.mark.parametrize("file", ["authority.pem", "authority.key", "server.pem", "server.key"])
@pytest.mark.parametrize("damage", ["gone", "broken", "of another"])
def test_damaged_files_are_made_anew(tmp_path: Path, file: str, damage: str) -> None:
    certificate_of(tmp_path / "other", NAMES)
    certificate_of(tmp_path / "phone", NAMES)
    if damage == "gone":
        (tmp_path / "phone" / file).unlink()
    elif damage == "broken":
        (tmp_path / "phone" / file).write_text("-----BEGIN CERTIFICATE-----")
    else:
        shutil.copy(tmp_path / "other" / file, tmp_path / "phone" / file)
    tls = certificate_of(tmp_path / "phone", NAMES)
    assert accepted(tls, tmp_path / "phone" / "authority.pem", "coins.local")


def test_the_addresses_of_this_machine() -> None:
    for address in addresses():
        with socket.socket() as listening:  # which it could not with another's
            listening.bind((address, 0))
        assert not address.startswith("127.")
    assert names()[-1].endswith(".local")


def read_code(text: str) -> str:
    """What a phone reads from the code on a terminal: of each letter, the upper and the lower half is light or dark."""
    light = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0), "\xa0": (0, 0)}
    lines = [line for line in text.splitlines() if line and set(line) <= set(light)]
    pixels = np.array([[light[letter][half] for letter in line] for line in lines for half in (0, 1)], np.uint8)
    picture = cv2.resize(255 * pixels, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    return str(cv2.QRCodeDetector().detectAndDecode(picture)[0])


def test_what_people_are_told(tmp_path: Path) -> None:
    invitation = invite({}, folder=tmp_path)
    text = invitation.text(8443)
    link = f"https://{invitation.address}:8443/#token={invitation.token}"
    assert read_code(text) == link and f"phone: {link}\n" in text
    assert re.search(r"SHA-256 must be ([0-9A-F]{2}:){31}[0-9A-F]{2}\n", text) and invitation.fingerprint in text
    assert "camera" in text and len(text.split("phone: ")[1].splitlines()) == 5
    assert invitation.token not in repr(invitation)
    assert invite({}, folder=tmp_path).token != invitation.token


@pytest.mark.parametrize("environment", [{TOKEN: "a"}, {TOKENS: "anna:b"}, {TOKEN: "a", READ_TOKEN: "c"}])
def test_the_rules_of_the_operator_hold(tmp_path: Path, environment: dict[str, str]) -> None:
    invitation = invite(environment, folder=tmp_path)
    assert (invitation.token, invitation.tokens) == ("", {})
    assert invitation.link(1) == f"https://{invitation.address}:1/"
    assert "token=" not in invitation.text(1) and "one of the tokens that are set" in invitation.text(1)


@pytest.fixture
def invitation(tmp_path: Path) -> Invitation:
    return invite({}, 0, tmp_path / "phone")


@pytest.mark.server
def test_who_has_the_link_comes_in(tmp_path: Path, invitation: Invitation) -> None:
    trust = ssl.create_default_context(cafile=str(tmp_path / "phone" / "authority.pem"))
    with EmbeddedServer(
        tmp_path / "catalog", models=MODELS, web=invitation.web, environment=dict(invitation.tokens)
    ) as server:
        url, _, token = invitation.link(int(server.web_address.rpartition(":")[2])).partition("/#token=")
        with httpx2.Client(base_url=url, verify=trust, headers={"Origin": url}, timeout=60) as page:
            assert page.get("/api/session").json()["role"] == "none"
            for method, path in (("GET", "/api/entries"), ("GET", "/api/status"), ("POST", "/api/undo")):
                assert page.request(method, path, json={}).status_code == 401
            assert page.post("/api/session", json={"token": "a guess"}).status_code in (401, 422)
            session = page.post("/api/session", json={"token": token}).json()
            assert session["role"] == "change"
            assert page.get("/api/entries").json() == {"entries": [], "next": ""}
            undone = page.post("/api/undo", json={}, headers={"X-CSRF-Token": session["csrf"]})
            assert undone.status_code == 404  # nothing to undo, and nobody forbids it


@pytest.mark.parametrize("argv", [["--phone", "--no-web"], ["--phone", "--tls-cert", "a", "--tls-key", "b"]])
def test_wrong_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(argv)
    assert "--phone" in capsys.readouterr().err
