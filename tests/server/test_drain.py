"""A server that is to stop says that it is not ready, and serves on until balancers know."""

import threading
from pathlib import Path

import grpc
import httpx2
import numpy as np
import pytest
import tritonclient.grpc as triton

from server.__main__ import parse
from server.embedded import EmbeddedServer
from server.gateway import Web
from tests.server.catalog_server import FIELDS, MODELS, CatalogClient, unit

pytestmark = pytest.mark.server

SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"  # messages of grpc.health.v1


def test_health_ends_before_service(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "catalog", models=MODELS, log=tmp_path / "log", drain=8.0, web=Web(port=0))
    # Its processes end with the thread that started them, so another one stops it.
    server.start()
    stopping = threading.Thread(target=server.stop)
    client, vector = CatalogClient(server.url), unit(np.random.default_rng(1))
    with grpc.insecure_channel(server.url) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        entry = client.enroll(vector, **FIELDS)
        assert check(b"", timeout=30) == SERVING
        stopping.start()
        while check(b"", timeout=30) != NOT_SERVING:
            assert stopping.is_alive()
        assert not triton.InferenceServerClient(server.url).is_server_ready()
        assert client.search(vector) == [entry], "it serves on"
        assert httpx2.get(f"{server.web_address}/api/health").status_code == 503
        assert httpx2.get(f"{server.web_address}/api/entries").json()["entries"][0]["id"] == entry
        client.enroll(unit(np.random.default_rng(2)), **FIELDS)
        stopping.join()
        with pytest.raises(grpc.RpcError):
            check(b"", timeout=5)
    client.close()


def test_the_command_takes_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(["--drain", "10"]).drain == 10.0
    for wrong in ("-1", "1e9", "601"):
        with pytest.raises(SystemExit):
            parse([f"--drain={wrong}"])
        assert "must be a number of seconds up to 600" in capsys.readouterr().err
