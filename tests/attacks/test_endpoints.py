"""Calls that no client needs, pages of browsers, and requests that would crash Triton: over gRPC and over HTTP."""

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc as plain
import numpy as np
import pytest
import tritonclient.grpc as grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from ensemble.contract import CATALOG, REQUEST, RESPONSE
from mintmark import Client, Tls
from tests.certificates import make_certificates
from tests.server.conftest import Running, launch

pytestmark = pytest.mark.server

LIST = b'{"operation": "list"}'
JSON = {"Content-Type": "application/json"}
INFER = f"/v2/models/{CATALOG.name}/infer"
CHUNKS = 1_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with HTTP."""
    running = launch(tmp_path_factory.mktemp("open"), "--http")
    yield running
    running.stop()


@pytest.fixture
def good(server: Running) -> Iterator[Client]:
    """A client that is answered before an attack and after it."""
    with Client(server.url) as client:
        client.status()
        yield client
        client.status()


def asking(**options: object) -> Callable[[grpc.InferenceServerClient], object]:
    """A request for the list of entries, with more in it."""

    def ask(client: grpc.InferenceServerClient) -> object:
        text = grpc.InferInput(REQUEST.name, [1, 1], "BYTES")
        text.set_data_from_numpy(np.array([[LIST]], object))
        return client.infer(CATALOG.name, [text], **options)

    return ask


def in_shared_memory(client: grpc.InferenceServerClient) -> object:
    text = grpc.InferInput(REQUEST.name, [1, 1], "BYTES")
    text.set_shared_memory("region", 64, 1 << 40)
    return client.infer(CATALOG.name, [text])


def into_shared_memory(client: grpc.InferenceServerClient) -> object:
    output = grpc.InferRequestedOutput(RESPONSE.name)
    output.set_shared_memory("region", 64)
    return asking(outputs=[output])(client)


ATTACKS: dict[str, tuple[Callable[[grpc.InferenceServerClient], object], str]] = {
    "division by zero": (asking(outputs=[grpc.InferRequestedOutput(RESPONSE.name, class_count=1)]), "class_count"),
    "input in shared memory": (in_shared_memory, "shared memory"),
    "output in shared memory": (into_shared_memory, "shared memory"),
    "register": (lambda client: client.register_system_shared_memory("r", "/region", 64), "UNIMPLEMENTED"),
    "unregister": (lambda client: client.unregister_system_shared_memory(), "UNIMPLEMENTED"),
    "regions": (lambda client: client.get_system_shared_memory_status(), "UNIMPLEMENTED"),
    "regions of a GPU": (lambda client: client.get_cuda_shared_memory_status(), "UNIMPLEMENTED"),
    "load": (lambda client: client.load_model("search"), "UNIMPLEMENTED"),
    "unload": (lambda client: client.unload_model("search"), "UNIMPLEMENTED"),
    "index": (lambda client: client.get_model_repository_index(), "PERMISSION_DENIED"),
    "config": (lambda client: client.get_model_config("search"), "PERMISSION_DENIED"),
    "statistics": (lambda client: client.get_inference_statistics(), "PERMISSION_DENIED"),
    "no more errors": (lambda client: client.update_log_settings({"log_error": False}), "PERMISSION_DENIED"),
    "traces": (lambda client: client.update_trace_settings(settings={"trace_level": ["TENSORS"]}), "PERMISSION_DENIED"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_over_grpc(server: Running, good: Client, name: str) -> None:
    attack, answer = ATTACKS[name]
    with grpc.InferenceServerClient(server.url) as client, pytest.raises(InferenceServerException, match=answer):
        attack(client)


def test_a_small_message_does_not_become_a_large_one(server: Running, good: Client) -> None:
    """A gigabyte of zeros is a megabyte when compressed."""
    with plain.insecure_channel(server.url, options=[("grpc.max_send_message_length", -1)]) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        message = service_pb2.ModelInferRequest(model_name=CATALOG.name, raw_input_contents=[bytes(1 << 28)])
        with pytest.raises(plain.RpcError) as caught:
            stub.ModelInfer(message, compression=plain.Compression.Gzip, timeout=60)
        assert caught.value.code() in (plain.StatusCode.UNIMPLEMENTED, plain.StatusCode.RESOURCE_EXHAUSTED)
        with pytest.raises(plain.RpcError) as caught:
            stub.ModelInfer(message, timeout=60)
        assert caught.value.code() is plain.StatusCode.RESOURCE_EXHAUSTED


def test_streams_are_not_taken(server: Running, good: Client) -> None:
    with plain.insecure_channel(server.url) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(plain.RpcError) as caught:
            next(stub.ModelStreamInfer(iter([service_pb2.ModelInferRequest()])))
        assert caught.value.code() is plain.StatusCode.UNIMPLEMENTED


def test_with_tls_too(tmp_path: Path) -> None:
    pem = make_certificates(tmp_path)
    files = ("--tls-cert", str(pem / "server.pem"), "--tls-key", str(pem / "server.key"))
    running = launch(tmp_path / "server", *files)
    try:
        with (
            Client(running.url, tls=Tls(ca=pem / "ca.pem")) as good,
            grpc.InferenceServerClient(running.url, ssl=True, root_certificates=str(pem / "ca.pem")) as client,
        ):
            good.status()
            for attack, answer in ATTACKS.values():
                with pytest.raises(InferenceServerException, match=answer):
                    attack(client)
            good.status()
    finally:
        running.stop()


# --- HTTP -------------------------------------------------------------------------------------------------------------


def body(**more: object) -> str:
    """A request for the list of entries, with more in it."""
    text = {"name": REQUEST.name, "datatype": "BYTES", "shape": [1, 1], "data": [LIST.decode()]}
    return json.dumps({"inputs": [text], **more})


def status(server: Running, method: str, path: str, text: str | None = None, **headers: str) -> int:
    connection = http.client.HTTPConnection(server.http.removeprefix("http://"), timeout=60)
    try:
        connection.request(method, path, text, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def test_a_program_of_this_machine_is_answered(server: Running) -> None:
    assert status(server, "POST", INFER, body(), Content_Type="application/json") == 200
    assert status(server, "POST", INFER, body()) == 200
    assert status(server, "GET", "/v2/health/ready") == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://page.example", **JSON},
        {"Origin": "null"},
        {"Host": "page.example:80", **JSON},  # a name of the page's that leads to loopback
        {"Host": "", **JSON},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
    ],
)
def test_pages_are_not(server: Running, good: Client, headers: dict[str, str]) -> None:
    given = {name.replace("-", "_"): value for name, value in headers.items()}
    assert status(server, "POST", INFER, body(), **given) in (403, 415)


@pytest.mark.parametrize(
    "text",
    [
        body(inputs=[{"name": REQUEST.name, "datatype": "BYTES", "shape": [2**62, 1], "data": []}]),
        body(inputs=[{"name": REQUEST.name, "datatype": "FP32", "shape": [2**31, 2**31], "data": [1]}]),
        body(outputs=[{"name": RESPONSE.name, "parameters": {"classification": 1}}]),
        body(outputs=[{"name": RESPONSE.name, "parameters": {"shared_memory_region": "r"}}]),
        '{"inputs": ' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
    ids=["huge shape", "huge product", "division by zero", "shared memory", "deep"],
)
def test_requests_that_crash_triton_are_refused(server: Running, good: Client, text: str) -> None:
    assert status(server, "POST", INFER, text, Content_Type="application/json") == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/systemsharedmemory/status"),
        ("POST", "/v2/systemsharedmemory/region/r/register"),
        ("POST", "/v2/repository/index"),
        ("POST", "/v2/repository/models/search/unload"),
        ("GET", "/v2/logging"),
        ("POST", "/v2/logging"),
        ("GET", "/v2/trace/setting"),
        ("GET", "/v2/models/stats"),
        ("GET", "/v2/models/search/config"),
        ("POST", "/v2/models/search/generate"),
        ("GET", "//etc/passwd"),
        ("GET", "/v2/models/..%2f..%2flogging"),
    ],
)
def test_endpoints_of_the_operator_are_closed(server: Running, good: Client, method: str, path: str) -> None:
    text = "{}" if method == "POST" else None
    assert status(server, method, path, text, Content_Type="application/json") in (400, 403, 404, 405)


@pytest.mark.parametrize("where", ["http", "metrics"])
def test_a_million_chunks_of_a_byte(server: Running, good: Client, where: str) -> None:
    url = server.http if where == "http" else server.metrics.removesuffix("/metrics")
    host, port = url.removeprefix("http://").split(":")
    path = INFER if where == "http" else "/metrics"
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with socket.create_connection((host, int(port)), timeout=120) as connection:
        connection.sendall(head)
        try:
            connection.sendall(b"1\r\na\r\n" * CHUNKS + b"0\r\n\r\n")
        except OSError:
            return  # the server has had enough
        assert connection.recv(100).startswith(b"HTTP/1.1 4")


def test_nothing_secret_is_on_a_command_line(server: Running) -> None:
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _own(path, server)]
    triton = [line for line in lines if b"tritonserver" in line]
    assert triton
    for line in triton:
        assert b"restricted" not in line
        assert not [word for word in line.split(b"\0") if b"address=" in word and b"address=unix:/" not in word]


def _own(path: Path, server: Running) -> bool:
    try:
        return int((path.parent / "stat").read_text().rsplit(")", 1)[1].split()[1]) == server.process.pid
    except OSError:
        return False
