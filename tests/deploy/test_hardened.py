"""The entrypoint with a real Triton: requests are answered, and restricted endpoints refuse."""

import contextlib
import http.client
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import tritonclient.grpc as grpc
from tritonclient.utils import InferenceServerException

from deploy.command import EVERY_ADDRESS, hardened
from deploy.healthcheck import check, main
from ensemble import variables
from mintmark import Client, EntryFields, Unauthorized
from server import Ports, Tls
from server.launch import ADMIN_HEADER, GRPC_PREFIX, OPERATOR_ENDPOINTS, Launch, triton_command
from server.wheel import find_wheel
from tests.deploy.conftest import ADMIN_KEY, READ_TOKEN, TOKEN
from tests.deploy.running import READY_TIMEOUT, Server, status
from training.mint import CATALOG, make_design, photograph, strike

pytestmark = pytest.mark.server

COIN = EntryFields(name="2 euro, map", country="Germany", currency="euro", denomination="2", side="reverse", year=2002)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("container")
    (folder / "read_token").write_text(f"{READ_TOKEN}\n")
    server = Server(folder, MINTMARK_ADMIN_KEY=ADMIN_KEY, MINTMARK_READ_TOKEN_FILE=str(folder / "read_token"))
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
    return urllib.request.Request(url, body, {ADMIN_HEADER: key}, method=method)


def test_every_flag_is_triton_s(pem: Path) -> None:
    wheel = find_wheel()
    usage = subprocess.run(
        [str(wheel.executable), "--help"],
        env={**os.environ, "LD_LIBRARY_PATH": str(wheel.libraries)},
        capture_output=True,
        text=True,
        check=False,
    )
    flags = {line.split()[0] for line in (usage.stdout + usage.stderr).splitlines() if line.startswith("  --")}
    tls = Tls(pem / "server.pem", pem / "server.key", pem / "ca.pem")
    everything = Launch(
        "tritonserver",
        Path("/m"),
        address=EVERY_ADDRESS,
        config_name="cpu",
        backends=Path("/b"),
        tls=tls,
        cuda_pool_mib=1024,
        shared_memory_prefix="own_",
        trace=Path("/t"),
    )
    command = triton_command(hardened(everything, "key"))
    assert {argument.split("=")[0] for argument in command[1:]} <= flags


def test_command_line_of_the_gpu_is_taken(tmp_path: Path) -> None:
    """As far as it shows without a GPU: with no models to load, Triton starts and is ready."""
    wheel, ports = find_wheel(), Ports.free()
    launch = Launch(str(wheel.executable), tmp_path, ports, cuda_pool_mib=64)
    command = triton_command(hardened(launch, ADMIN_KEY))
    environment = {**os.environ, "LD_LIBRARY_PATH": str(wheel.libraries)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            ready = False
            while process.poll() is None and not ready:
                with contextlib.suppress(urllib.error.URLError):
                    ready = status(f"http://127.0.0.1:{ports.http}/v2/health/ready") == 200
                time.sleep(0.1)
        finally:
            process.terminate()
        output = process.communicate(timeout=60)[0].decode()
    assert ready, output


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
    assert main(["--url", server.http]) == 1
    assert "unauthorized" in capsys.readouterr().err
    monkeypatch.setenv(variables.READ_TOKEN, READ_TOKEN)
    assert main(["--url", server.http]) == 0


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


RESTRICTED_PATHS = {
    "model-repository": ("/v2/repository/index", "POST", b""),
    "model-config": ("/v2/models/decode/config", "GET", None),
    "statistics": ("/v2/models/stats", "GET", None),
    "trace": ("/v2/trace/setting", "GET", None),
    "logging": ("/v2/logging", "GET", None),
    "shared-memory": ("/v2/systemsharedmemory/status", "GET", None),
}


def test_every_restricted_endpoint_is_tried() -> None:
    assert set(RESTRICTED_PATHS) == set(OPERATOR_ENDPOINTS)


@pytest.mark.parametrize("name", OPERATOR_ENDPOINTS)
def test_restricted_over_http(server: Server, name: str) -> None:
    path, method, body = RESTRICTED_PATHS[name]
    assert status(urllib.request.Request(server.http + path, body, method=method)) == 403
    assert status(admin(server.http + path, method, body, key="another-key-of-16")) == 403
    assert status(admin(server.http + path, method, body)) == 200


def calls(client: grpc.InferenceServerClient, headers: dict[str, str] | None) -> dict[str, Callable[[], object]]:
    """A function for each restricted endpoint that calls it."""
    return {
        "model-repository": lambda: client.get_model_repository_index(headers=headers),
        "model-config": lambda: client.get_model_config("decode", headers=headers),
        "statistics": lambda: client.get_inference_statistics(headers=headers),
        "trace": lambda: client.get_trace_settings(headers=headers),
        "logging": lambda: client.get_log_settings(headers=headers),
        "shared-memory": lambda: client.get_system_shared_memory_status(headers=headers),
    }


@pytest.mark.parametrize("name", OPERATOR_ENDPOINTS)
def test_restricted_over_grpc(server: Server, name: str) -> None:
    with grpc.InferenceServerClient(server.grpc) as client:
        for headers in (None, {GRPC_PREFIX + ADMIN_HEADER: "another-key-of-16"}):
            with pytest.raises(InferenceServerException, match="This protocol is restricted"):
                calls(client, headers)[name]()
        calls(client, {GRPC_PREFIX + ADMIN_HEADER: ADMIN_KEY})[name]()


def test_models_cannot_be_changed_even_with_the_key(server: Server) -> None:
    """Model control is off, not merely restricted."""
    for action in ("load", "unload"):
        assert status(admin(f"{server.http}/v2/repository/models/search/{action}", "POST", b"{}")) == 503
    check(server.http, token=READ_TOKEN)


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
        with contextlib.suppress(urllib.error.URLError):
            seen_ready |= status(f"{server.http}/v2/health/ready") == 200
        time.sleep(0.1)
    if server.process.poll() is None:
        server.stop()
        raise AssertionError("the server went on without its catalog")
    assert server.process.returncode not in (0, None)
    assert not seen_ready
    assert "file is not a database" in server.log.read_text()
