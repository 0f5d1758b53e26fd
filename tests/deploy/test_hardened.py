"""The entrypoint with a real Triton: requests are answered, and restricted endpoints refuse."""

import contextlib
import http.client
import json
import os
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import tritonclient.grpc as grpc
from tritonclient.utils import InferenceServerException

from deploy.command import hardened
from deploy.healthcheck import UnhealthyError, check, main
from ensemble import variables
from mintmark import Client, EntryFields, Unauthorized
from server.gate.calls import OPERATORS
from server.gate.rules import ADMIN_HEADER
from server.launch import Launch, triton_command
from server.triton import Triton
from server.wheel import find_wheel
from tests.deploy.conftest import ADMIN_KEY, READ_TOKEN, TOKEN
from tests.deploy.running import READY_TIMEOUT, Server, status
from training.mint import CATALOG, make_design, photograph, strike

pytestmark = pytest.mark.server

JSON = {"Content-Type": "application/json"}
COIN = EntryFields(name="2 euro, map", country="Germany", currency="euro", denomination="2", side="reverse", year=2002)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("container")
    (folder / "read_token").write_text(f"{READ_TOKEN}\n")
    server = Server(
        folder, MINTMARK_HTTP="1", MINTMARK_ADMIN_KEY=ADMIN_KEY, MINTMARK_READ_TOKEN_FILE=str(folder / "read_token")
    )
    try:
        server.wait(READ_TOKEN)
        yield server
    finally:
        server.stop()


def photo() -> bytes:
    rng = np.random.default_rng(900_001)
    design = make_design(900_001)
    picture = photograph([strike(design, rng, mint_state=True)], CATALOG, rng).picture
    return cv2.imencode(".jpg", picture[:, :, ::-1])[1].tobytes()


def admin(url: str, method: str = "GET", body: bytes | None = None, key: str = ADMIN_KEY) -> urllib.request.Request:
    return urllib.request.Request(url, body, {ADMIN_HEADER: key, **JSON}, method=method)


def test_every_flag_is_triton_s() -> None:
    wheel = find_wheel()
    usage = subprocess.run(
        [str(wheel.executable), "--help"],
        env={**os.environ, "LD_LIBRARY_PATH": str(wheel.libraries)},
        capture_output=True,
        text=True,
        check=False,
    )
    flags = {line.split()[0] for line in (usage.stdout + usage.stderr).splitlines() if line.startswith("  --")}
    everything = Launch(
        "tritonserver",
        Path("/m"),
        Path("/s"),
        config_name="cpu",
        backends=Path("/b"),
        cuda_pool_mib=1024,
        shared_memory_prefix="own_",
        trace=Path("/t"),
    )
    command = triton_command(hardened(everything))
    assert {argument.split("=")[0] for argument in command[1:]} <= flags


def test_command_line_of_the_gpu_is_taken(tmp_path: Path) -> None:
    """As far as it shows without a GPU: with no models to load, Triton starts and is ready."""
    wheel = find_wheel()
    (tmp_path / "models").mkdir()
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket is short
        sockets = Path(folder) / "sockets"
        launch = Launch(str(wheel.executable), tmp_path / "models", sockets, cuda_pool_mib=64)
        environment = {**os.environ, "LD_LIBRARY_PATH": str(wheel.libraries)}
        triton = Triton(triton_command(hardened(launch)), environment, sockets)
        try:
            triton.wait_until_ready()
        finally:
            triton.end()


def test_serves_and_the_catalog_needs_its_token(server: Server) -> None:
    with Client(server.grpc, token=TOKEN) as client:
        entry = client.enroll(photo(), COIN)
        answer = client.recognize(photo(), k=1)
    assert answer.known
    assert answer.matches[0].entry.id == entry.id
    for token in ("wrong", READ_TOKEN):
        with Client(server.grpc, token=token) as stranger, pytest.raises(Unauthorized):
            stranger.enroll(photo(), COIN)


def test_reading_needs_its_token(server: Server) -> None:
    with Client(server.grpc, token=READ_TOKEN) as reader:
        reader.recognize(photo(), k=1)
        reader.status()
    with Client(server.grpc) as stranger:
        for ask in (lambda: stranger.recognize(photo(), k=1), stranger.status):
            with pytest.raises(Unauthorized):
                ask()


def test_health_check_brings_the_token(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("MINTMARK_READ_TOKEN", "MINTMARK_READ_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert main(["--sockets", str(server.sockets)]) == 1
    assert "unauthorized" in capsys.readouterr().err
    monkeypatch.setenv(variables.READ_TOKEN, READ_TOKEN)
    assert main(["--sockets", str(server.sockets)]) == 0


def test_token_over_http(server: Server) -> None:
    request = json.dumps({"operation": "remove", "id": "none"})
    body = {"inputs": [{"name": "request", "datatype": "BYTES", "shape": [1, 1], "data": [request]}]}
    replies = []
    headers: dict[str, str]
    for headers in ({}, {"authorization": f"Bearer {TOKEN}"}, {"Authorization": f"Bearer {TOKEN}"}):
        connection = http.client.HTTPConnection("127.0.0.1", server.ports.http, timeout=30)
        connection.request("POST", "/v2/models/catalog/infer", json.dumps(body).encode(), headers)
        replies.append(connection.getresponse().read().decode())
        connection.close()
    assert "unauthorized" in replies[0]
    assert "no entry has the id" in replies[1]
    assert "no entry has the id" in replies[2]


PATHS = {
    "RepositoryIndex": ("/v2/repository/index", "POST", b""),
    "ModelConfig": ("/v2/models/decode/config", "GET", None),
    "ModelStatistics": ("/v2/models/stats", "GET", None),
    "TraceSetting": ("/v2/trace/setting", "GET", None),
    "LogSettings": ("/v2/logging", "GET", None),
}


def test_every_endpoint_of_the_operator_is_tried() -> None:
    assert set(PATHS) == set(OPERATORS)


@pytest.mark.parametrize("name", OPERATORS)
def test_the_operator_s_over_http(server: Server, name: str) -> None:
    path, method, body = PATHS[name]
    assert status(urllib.request.Request(server.http + path, body, JSON, method=method)) == 403
    assert status(admin(server.http + path, method, body, key="another-key-of-16")) == 403
    assert status(admin(server.http + path, method, body)) == 200


def calls(client: grpc.InferenceServerClient, headers: dict[str, str] | None) -> dict[str, Callable[[], object]]:
    """A function for each of the operator's endpoints that calls it."""
    return {
        "RepositoryIndex": lambda: client.get_model_repository_index(headers=headers),
        "ModelConfig": lambda: client.get_model_config("decode", headers=headers),
        "ModelStatistics": lambda: client.get_inference_statistics(headers=headers),
        "TraceSetting": lambda: client.get_trace_settings(headers=headers),
        "LogSettings": lambda: client.get_log_settings(headers=headers),
    }


@pytest.mark.parametrize("name", OPERATORS)
def test_the_operator_s_over_grpc(server: Server, name: str) -> None:
    with grpc.InferenceServerClient(server.grpc) as client:
        for headers in (None, {ADMIN_HEADER: "another-key-of-16"}):
            with pytest.raises(InferenceServerException, match="PERMISSION_DENIED"):
                calls(client, headers)[name]()
        calls(client, {ADMIN_HEADER: ADMIN_KEY})[name]()


def test_not_even_the_operator_names_shared_memory_or_changes_models(server: Server) -> None:
    headers = {ADMIN_HEADER: ADMIN_KEY}
    with grpc.InferenceServerClient(server.grpc) as client:
        for call in (
            lambda: client.get_system_shared_memory_status(headers=headers),
            lambda: client.register_system_shared_memory("region", "/region", 64, headers=headers),
            lambda: client.load_model("search", headers=headers),
            lambda: client.unload_model("search", headers=headers),
        ):
            with pytest.raises(InferenceServerException, match="UNIMPLEMENTED"):
                call()
    for path in ("/v2/systemsharedmemory/status", "/v2/repository/models/search/unload"):
        assert status(admin(server.http + path, "POST", b"{}")) == 404
    check(server.sockets, token=READ_TOKEN)


def test_health_and_metadata_are_open(server: Server) -> None:
    for path in ("/v2/health/live", "/v2/health/ready", "/v2", "/v2/models/coin_search"):
        assert status(server.http + path) == 200


def test_configs_were_written_for_the_cores(server: Server) -> None:
    assert "configs for" in server.log.read_text()


def test_log_has_no_secret(server: Server) -> None:
    log = server.log.read_text()
    assert "Started GRPCInferenceService" in log
    for secret in (TOKEN, READ_TOKEN, ADMIN_KEY):
        assert secret not in log


def test_model_that_fails_ends_the_server(tmp_path: Path) -> None:
    """The server is never ready without its index: here the catalog's file is not a database."""
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "catalog.sqlite").write_bytes(b"this is no database" * 100)
    server = Server(tmp_path)
    seen_ready = False
    deadline = time.monotonic() + READY_TIMEOUT
    while server.process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(UnhealthyError):
            check(server.sockets)
            seen_ready = True
        time.sleep(0.1)
    ended = server.process.poll()
    server.stop()
    assert ended == 1, "the server went on without its catalog"
    assert not seen_ready
    assert "file is not a database" in server.log.read_text()
