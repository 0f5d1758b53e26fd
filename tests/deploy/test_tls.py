"""The entrypoint with a real Triton that speaks TLS. It has no models, so it starts at once."""

import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tritonclient.grpc as grpc
from tritonclient.utils import InferenceServerException

from tests.deploy.conftest import ADMIN_KEY, READ_TOKEN, TOKEN
from tests.deploy.running import READY_TIMEOUT, Server, status

pytestmark = pytest.mark.server

ADDRESS = "127.0.0.2"  # stands for a container's; HTTP listens on another one, 127.0.0.1
TIMEOUT = 10  # s


@pytest.fixture
def serve(tmp_path: Path, pem: Path) -> Iterator[Callable[..., Server]]:
    """Start a server with the certificate of `pem` and further variables."""
    for folder in ("models", "repository"):
        (tmp_path / folder).mkdir()
    servers = []

    def start(**variables: str) -> Server:
        server = Server(
            tmp_path,
            ADDRESS,
            MINTMARK_TARGET="gpu",  # its models need no config selected by name
            MINTMARK_BUILDER="true",
            MINTMARK_HTTP="1",
            MINTMARK_MODELS=str(tmp_path / "models"),
            MINTMARK_READ_TOKEN=READ_TOKEN,
            MINTMARK_ADMIN_KEY=ADMIN_KEY,
            MINTMARK_TLS_CERT_FILE=str(pem / "server.pem"),
            MINTMARK_TLS_KEY_FILE=str(pem / "server.key"),
            **variables,
        )
        servers.append(server)
        deadline = time.monotonic() + READY_TIMEOUT
        while not is_ready(server):
            assert server.process.poll() is None and time.monotonic() < deadline, server.log.read_text()
            time.sleep(0.1)
        return server

    yield start
    for server in servers:
        server.stop()


def is_ready(server: Server) -> bool:
    return "mintmark: ready" in server.log.read_text()


def ask(server: Server, headers: dict[str, str] | None = None, **encryption: object) -> bool:
    """Whether the server says over gRPC that it is ready; files are given as `Path`."""
    files = {name: str(value) if isinstance(value, Path) else value for name, value in encryption.items()}
    with grpc.InferenceServerClient(server.grpc, **files) as client:
        return bool(client.is_server_ready(headers=headers, client_timeout=TIMEOUT))


def check_log(server: Server, pem: Path) -> None:
    """It says that TLS is on, and holds no secret."""
    log = server.log.read_text()
    assert f"gRPC on port {server.ports.grpc} with TLS, HTTP on port {server.ports.http} of loopback" in log
    key = (pem / "server.key").read_text().splitlines()[1]
    for secret in (TOKEN, READ_TOKEN, ADMIN_KEY, key):
        assert secret not in log


def test_tls(serve: Callable[..., Server], pem: Path) -> None:
    server = serve()
    assert ask(server, ssl=True, root_certificates=pem / "ca.pem")
    encryptions: list[dict[str, Any]] = [{}, {"ssl": True, "root_certificates": pem / "stranger.pem"}]
    for wrong in encryptions:
        with pytest.raises(InferenceServerException):
            ask(server, {"authorization": f"Bearer {TOKEN}"}, **wrong)
    # From outside, only metrics can be reached without encryption.
    assert status(f"{server.http}/v2/health/live") == 200
    with pytest.raises(urllib.error.URLError, match="refused"):
        status(f"http://{ADDRESS}:{server.ports.http}/v2/health/live")
    assert status(f"http://{ADDRESS}:{server.ports.metrics}/metrics") == 200
    check_log(server, pem)


def test_mutual_tls(serve: Callable[..., Server], pem: Path) -> None:
    server = serve(MINTMARK_TLS_CLIENT_CA_FILE=str(pem / "ca.pem"))
    trust: dict[str, Any] = {"ssl": True, "root_certificates": pem / "ca.pem"}
    assert ask(server, **trust, certificate_chain=pem / "client.pem", private_key=pem / "client.key")
    stranger = {"certificate_chain": pem / "stranger.pem", "private_key": pem / "stranger.key"}
    for wrong in (trust, trust | stranger, {}):
        with pytest.raises(InferenceServerException):
            ask(server, **wrong)
    check_log(server, pem)
