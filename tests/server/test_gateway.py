"""The gateway that `python -m server` starts beside the server."""

import importlib.util
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from ensemble import variables
from server.__main__ import main, parse
from server.embedded import EmbeddedServer
from server.gateway import Gateway, Web
from server.tls import Tls
from server.wheel import ServerError
from tests.certificates import make_certificates
from tests.server.catalog_server import MODELS
from tests.server.conftest import ROOT, SERVE_PYTHON, launch
from tests.server.test_lifecycle import all_end, children


def address(folder: Path) -> str:
    """What the server says for people to click, in its last line."""
    last = (folder / "output.txt").read_text().splitlines()[-1]
    said = re.fullmatch(r"browser: (https?://127\.0\.0\.1:\d+)", last)
    assert said, last
    return said[1]


def gateway_of(pid: int) -> int:
    """The process of the gateway among the descendants of a server."""
    return next(one for one in children(pid) if "-m\0web\0" in Path(f"/proc/{one}/cmdline").read_text())


def answered(url: str) -> bool:
    """Whether the gateway at an address is there, and the server behind it."""
    try:
        return httpx2.get(f"{url}/api/health", timeout=60).json() == {"ready": True}
    except httpx2.TransportError:
        return False


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.server
def test_it_comes_and_goes_with_the_server(tmp_path: Path) -> None:
    """It is started again where it ends by itself, has none of the server's secrets, and ends with it."""
    running = launch(tmp_path, "--web", MINTMARK_TOKEN="a-token-of-the-server")
    until(lambda: "browser: " in (tmp_path / "output.txt").read_text())
    url = address(tmp_path)
    assert answered(url)
    with httpx2.Client(base_url=url, headers={"Origin": url}, timeout=60) as page:
        assert page.get("/api/session").json()["role"] == "read"
        assert page.post("/api/session", json={"token": "a-token-of-the-server"}).json()["role"] == "change"
    first = gateway_of(running.process.pid)
    assert b"a-token-of-the-server" not in Path(f"/proc/{first}/environ").read_bytes()
    os.kill(first, signal.SIGKILL)
    until(lambda: "it is open again" in (tmp_path / "output.txt").read_text())
    assert answered(url) and gateway_of(running.process.pid) != first
    processes = children(running.process.pid)
    running.stop(signal.SIGKILL)
    assert all_end(processes, seconds=60)


@pytest.mark.server
def test_it_has_the_certificates_of_the_server(tmp_path: Path) -> None:
    """It reaches a server that wants certificates of its clients, and wants them itself."""
    pem = make_certificates(tmp_path)
    tls = Tls(pem / "server.pem", pem / "server.key", pem / "ca.pem")
    with EmbeddedServer(tmp_path / "catalog", models=MODELS, tls=tls, web=Web(port=0, tls=tls)) as server:
        url = f"{server.web_address.replace('127.0.0.1', 'localhost')}/api/health"
        assert url.startswith("https://")
        context = ssl.create_default_context(cafile=str(pem / "ca.pem"))
        with pytest.raises(httpx2.TransportError):
            httpx2.get(url, verify=context)
        context.load_cert_chain(pem / "client.pem", pem / "client.key")
        assert httpx2.get(url, verify=context, timeout=60).json() == {"ready": True}
    with pytest.raises(httpx2.TransportError):
        httpx2.get(url, verify=context)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path, taken: int) -> None:
    with pytest.raises(ServerError, match=f"cannot listen on 127.0.0.1, port {taken}: .*--web-port"):
        EmbeddedServer(tmp_path / "catalog", web=Web(port=taken)).start()


def test_a_gateway_that_cannot_start_is_tried_again_later(taken: int) -> None:
    gateway = Gateway(Web(port=taken), "127.0.0.1:1")
    gateway.begin()
    with pytest.raises(ServerError, match="ended while it started"):
        gateway.wait()
    until(gateway.ended)
    with pytest.raises(ServerError, match="ended while it started"):
        gateway.mend()
    until(gateway.ended)
    gateway.close()
    assert not gateway.ended()


def test_missing_packages_are_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody asked for the gateway: the server would start without it. Who asks for it is told."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "fastapi" else find(name))
    monkeypatch.setenv(variables.TRITON, str(tmp_path))  # ends the start
    assert main(["--free-ports", "--catalog", str(tmp_path), "--log", str(tmp_path / "log")]) == 1
    said = capsys.readouterr().err.splitlines()
    assert "no gateway for browsers: it needs fastapi, see requirements/serve.txt" in said
    with pytest.raises(ServerError, match=r"needs fastapi: install requirements/serve\.txt, or give --no-web"):
        Web().check()


def test_the_command_web_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "fastapi.py").write_text("raise ModuleNotFoundError(name='fastapi')")
    paths = os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [str(ROOT / SERVE_PYTHON), "-m", "web"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "error: the gateway needs fastapi: install requirements/serve.txt\n")


def test_the_command_line() -> None:
    options = parse([])
    assert (options.web, options.web_host, options.web_port) == (None, "127.0.0.1", None)
    assert parse(["--no-web"]).web is False
    assert parse(["--web-name", "a", "--web-name", "b"]).web_name == ["a", "b"]
