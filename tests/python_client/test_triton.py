"""The gRPC transport against a small server that speaks Triton's protocol."""

import json
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from ensemble.errors import ERRORS
from mintmark import (
    Client,
    EntryNotFound,
    InvalidPhoto,
    InvalidRequest,
    MintmarkError,
    NoCoinFound,
    RequestTimeout,
    ServerBusy,
    ServerError,
    ServerUnavailable,
    TritonTransport,
    Unauthorized,
)
from mintmark._errors import BY_CODE
from mintmark._transports.triton import error_of
from tests.python_client.samples import Capture, entry_object

Answer = Callable[[Any, grpc.ServicerContext], Any]


class Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Answers with the function that a test puts here."""

    answer: Answer

    def ModelInfer(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Answer one inference."""
        return self.answer(request, context)


@pytest.fixture
def servicer() -> Servicer:
    """Its `answer` is what the server does."""
    return Servicer()


@pytest.fixture
def url(servicer: Servicer) -> Iterator[str]:
    """Address of a running server."""
    server = grpc.server(ThreadPoolExecutor(8))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def _bytes(*values: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def _respond(**tensors: tuple[str, list[int], bytes]) -> Any:
    response = service_pb2.ModelInferResponse()
    for name, (dtype, shape, raw) in tensors.items():
        response.outputs.add(name=name, datatype=dtype, shape=shape)
        response.raw_output_contents.append(raw)
    return response


def _search_response(ellipse: bytes = struct.pack("<5f", 1, 2, 4, 3, 5)) -> Any:
    entry = json.dumps({**entry_object("7", name="złoty", side="x"), "view": "v1"}, ensure_ascii=False).encode()
    return _respond(
        coin_id=("BYTES", [1, 2], _bytes(b"7", b"")),
        score=("FP32", [1, 2], struct.pack("<2f", 0.5, -1)),
        cosine=("FP32", [1, 2], struct.pack("<2f", 0.7, -1)),
        correlation=("FP32", [1, 2], struct.pack("<2f", 0.6, -2)),
        angle=("FP32", [1, 2], struct.pack("<2f", 90, 0)),
        entry=("BYTES", [1, 2], _bytes(entry, b"")),
        known=("BOOL", [1, 1], b"\x01"),
        margin=("FP32", [1, 1], struct.pack("<f", 0.25)),
        ellipse=("FP32", [1, 5], ellipse),
        found=("FP32", [1, 1], struct.pack("<f", 1)),
        coin_probability=("FP32", [1, 1], struct.pack("<f", 0.9)),
        warnings=("BYTES", [1, 1], _bytes(b"")),
    )


def test_request_and_answer(servicer: Servicer, url: str) -> None:
    """Photo, parameter and token arrive; strings, numbers and booleans come back."""
    requests: list[Any] = []

    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        requests.append((request, dict(context.invocation_metadata())))
        return _search_response()

    servicer.answer = answer
    with Client(url, token="secret") as client:
        result = client.recognize(b"photo\x00", k=2)
    request, headers = requests[0]
    assert request.model_name == "coin_search"
    assert request.parameters["k"].int64_param == 2
    assert (request.inputs[0].name, request.inputs[0].datatype, list(request.inputs[0].shape)) == (
        "encoded",
        "BYTES",
        [1, 1],
    )
    assert request.raw_input_contents[0] == _bytes(b"photo\x00")
    assert headers["authorization"] == "Bearer secret"
    assert result.margin == 0.25
    assert result.known and result.ellipse is not None and result.ellipse.a == 4
    assert [(match.entry.name, match.score) for match in result.matches] == [("złoty", 0.5)]


def test_many_threads(servicer: Servicer, url: str) -> None:
    """Threads that use one client get their own answers."""

    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        number = float(request.raw_input_contents[0][4:])
        return _search_response(struct.pack("<5f", number, 2, 4, 3, 5))

    servicer.answer = answer
    with Client(url) as client, ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: client.recognize(str(n).encode(), k=2), range(200)))
    assert [result.ellipse.cx for result in results if result.ellipse] == list(range(200))


@pytest.mark.parametrize("raw", [b"", b"\x00" * 3, b"\x00" * 8])
def test_tensors_cut_short(servicer: Servicer, url: str, raw: bytes) -> None:
    """Fewer bytes than the shape needs are a ServerError."""
    servicer.answer = lambda request, context: _search_response(raw)
    with Client(url) as client, pytest.raises(ServerError):
        client.recognize(b"photo", k=2)


def test_strings_cut_short(servicer: Servicer, url: str) -> None:
    """A length prefix that promises too many bytes is a ServerError."""
    servicer.answer = lambda request, context: _respond(response=("BYTES", [1, 1], b"\x09\x00"))
    with Client(url) as client, pytest.raises(ServerError):
        client.status()


def test_empty_answer(servicer: Servicer, url: str) -> None:
    """An answer without outputs is a ServerError."""
    servicer.answer = lambda request, context: _respond()
    with Client(url) as client, pytest.raises(ServerError, match="lacks"):
        client.recognize(b"photo", k=2)


def test_status_of_the_server_becomes_an_error(servicer: Servicer, url: str) -> None:
    """The error has the server's words."""
    servicer.answer = lambda request, context: context.abort(grpc.StatusCode.UNAUTHENTICATED, "wrong token")
    with Client(url) as client, pytest.raises(Unauthorized, match="wrong token"):
        client.status()


def test_timeout(servicer: Servicer, url: str) -> None:
    """The server answers too late."""

    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        time.sleep(0.5)
        return _respond()

    servicer.answer = answer
    with Client(url, timeout=0.1) as client, pytest.raises(RequestTimeout):
        client.status()


def test_nobody_listens() -> None:
    """The error names the address."""
    with Client("127.0.0.1:1", timeout=5) as client, pytest.raises(ServerUnavailable, match=r"127\.0\.0\.1:1"):
        client.status()


def test_address_with_scheme() -> None:
    """The error says what an address looks like."""
    with pytest.raises(InvalidRequest, match="HOST:PORT"):
        TritonTransport("http://localhost:8001")


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        ("INVALID_ARGUMENT", "[INVALID_PHOTO] photo is truncated", InvalidPhoto),
        ("INVALID_ARGUMENT", "[INVALID_PARAMETER] k must be 1 to 1000", InvalidRequest),
        ("INVALID_ARGUMENT", "[INVALID_ENTRY] the entry x of this photo has another name", InvalidRequest),
        ("NOT_FOUND", "[ENTRY_NOT_FOUND] no entry x", EntryNotFound),
        ("NOT_FOUND", "in ensemble 'coin_enroll', [ENTRY_NOT_FOUND] no entry has the id x", EntryNotFound),
        ("NOT_FOUND", "[NO_COIN] no coin found in the photo: nothing was enrolled", NoCoinFound),
        ("NOT_FOUND", "Request for unknown model: 'coin_enroll' is not found", ServerError),
        ("INVALID_ARGUMENT", "in ensemble 'e', [UNAUTHORIZED] unauthorized: wrong token", Unauthorized),
        ("UNAVAILABLE", "[CATALOG_UNAVAILABLE] disk is full", ServerUnavailable),
        ("INVALID_ARGUMENT", "[WHATEVER] of a newer server", InvalidRequest),
        ("UNAUTHENTICATED", "", Unauthorized),
        ("PERMISSION_DENIED", "", Unauthorized),
        ("UNAVAILABLE", "", ServerUnavailable),
        ("UNAVAILABLE", "[request id: <id_unknown>] Exceeds maximum queue size", ServerBusy),
        ("UNAVAILABLE", "in ensemble 'coin_search', Request timeout expired", ServerBusy),
        ("DEADLINE_EXCEEDED", "", RequestTimeout),
        ("INTERNAL", "", ServerError),
    ],
)
def test_error_of_status(status: str, message: str, kind: type[MintmarkError]) -> None:
    """Each code becomes one kind of error; without a code, each status does."""
    assert type(error_of(f"StatusCode.{status}", message, "host:1")) is kind


def test_every_code_has_its_error() -> None:
    """The client knows the server's codes, and no others."""
    assert set(BY_CODE) == {error.code for error in ERRORS}


def test_error_messages_are_one_line() -> None:
    """Line ends, the code and the ensemble's prefix are taken off."""
    message = "in ensemble 'coin_search', [INVALID_PHOTO] bad\n  photo"
    assert str(error_of("StatusCode.INVALID_ARGUMENT", message, "host:1")) == "bad photo"
    assert type(error_of(None, "?", "host:1")) is ServerError


@pytest.mark.parametrize(
    "message",
    [
        "Exceeds maximum queue size",
        "[request id: <id_unknown>] Exceeds maximum queue size",
        "in ensemble 'coin_search', [request id: 7] Exceeds maximum queue size",
        "[request id: 7] in ensemble 'coin_search', Exceeds maximum queue size",
    ],
)
def test_what_triton_puts_before_a_message_is_left_out(message: str) -> None:
    """Also before messages without a code, which are its own."""
    error = error_of("StatusCode.UNAVAILABLE", message, "host:1")
    assert str(error) == "server host:1 is busy, try again later: Exceeds maximum queue size"


def test_filters_travel_as_parameters(servicer: Servicer, url: str) -> None:
    """Numbers and booleans are sent as text."""
    requests: list[Any] = []

    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        requests.append(request)
        return _search_response()

    servicer.answer = answer
    with Client(url) as client:
        client.recognize(b"photo", k=2, filters={"year": 1990, "metadata.proof": True})
    values = {name: value.string_param for name, value in requests[0].parameters.items() if name != "k"}
    assert values == {"year": "1990", "metadata.proof": "true"}


@pytest.mark.parametrize("token", ["se cret", "secret\n", "sécret"])
def test_token_that_no_header_can_carry(url: str, token: str) -> None:
    """It is refused at once. The error does not show it, as gRPC's own error would."""
    with pytest.raises(InvalidRequest, match="token") as error:
        Client(url, token=token)
    assert "cret" not in str(error.value)


def test_token_is_in_no_error_and_no_repr(servicer: Servicer, url: str, capsys: Capture) -> None:
    """No error and no repr shows the token."""
    servicer.answer = lambda request, context: context.abort(grpc.StatusCode.INTERNAL, "broken")
    with Client(url, token="s3cr3t") as client, pytest.raises(ServerError) as error:
        client.status()
    shown = (
        repr(client) + str(vars(error.value)) + str(error.value) + repr(error.value.__cause__) + repr(client._transport)
    )
    assert "s3cr3t" not in shown + "".join(capsys.readouterr())
