"""A server that is to stop says that it is not ready, and serves on until balancers know."""

import os
import signal
import threading
from pathlib import Path

import grpc
import httpx2
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from server.__main__ import parse
from server.embedded import EmbeddedServer
from server.gateway import Web
from tests.server.catalog_server import FIELDS, MODELS, CatalogClient, unit
from tests.server.test_lifecycle import children

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


@pytest.mark.parametrize("whole", [False, True], ids=["a model's process", "Triton"])
def test_clients_are_told_at_once_where_the_server_ends_meanwhile(whole: bool, tmp_path: Path) -> None:
    """So they ask another one; a call would wait for a Triton that does not come back."""
    server = EmbeddedServer(tmp_path / "catalog", models=MODELS, log=tmp_path / "log", drain=15.0)
    server.start()
    stopping, client = threading.Thread(target=server.stop), CatalogClient(server.url, timeout=50)
    processes = children(server.pid)
    with grpc.insecure_channel(server.url) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        triton_id = server.pid
        stopping.start()
        while check(b"", timeout=30) != NOT_SERVING:
            assert stopping.is_alive()
        for pid in [triton_id, *processes] if whole else processes[:1]:
            os.kill(pid, signal.SIGKILL)
        refusals = []
        while stopping.is_alive():
            try:
                client.ask("status")
                client.search(unit(np.random.default_rng(1)))
            except InferenceServerException as error:
                refusals.append(str(error))
    stopping.join()
    assert refusals and not [each for each in refusals if "Deadline" in each]
    client.close()


def test_the_command_takes_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(["--drain", "10"]).drain == 10.0
    for wrong in ("-1", "1e9", "601"):
        with pytest.raises(SystemExit):
            parse([f"--drain={wrong}"])
        assert "must be a number of seconds up to 600" in capsys.readouterr().err
