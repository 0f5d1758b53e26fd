"""The gate over HTTP: metrics, and where HTTP is on, health, metadata and inference for programs of this machine.

Any web page that is open in a browser can send requests to loopback. So a request names a host that is this server's,
and no page that was not allowed.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, UnixConnector, web
from aiohttp.http_exceptions import HttpProcessingError

from ensemble.access import check_token
from ensemble.audit import REFUSED, record
from ensemble.contract import ENCODED
from ensemble.errors import AccessError
from server.gate.counts import CANCELLED, FAILED, OK, Counts, code_of, folder_of, written
from server.gate.rules import ADMIN_HEADER, PRIORITY_HEADER, Asked, RefusedError, check, has_right
from server.gate.settings import HTTP_SOCKET, METRICS_SOCKET, GateSettings
from server.gate.state import STARTING, State

MOST_CONNECTIONS = 512  # of one port; those that wait for longest without a request make room for new ones
BODY_TIMEOUT = 60.0  # s, in which a request must have arrived
TRITON_TIMEOUT = 300.0  # s
METRICS_TIMEOUT = 5.0  # s; Prometheus waits for 10, and the gate's own must come where Triton's do not
HEADER_LENGTH = "Inference-Header-Content-Length"  # of the JSON before tensors in binary form
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_TYPES = ("application/json", "application/octet-stream")  # that no page sends without the browser asking first
_MODEL = "/v2/models/{model}"
OPEN = ("/v2/health/live", "/v2", _MODEL, _MODEL + "/ready", _MODEL + "/versions/{version}")
OPERATORS = (
    ("POST", "/v2/repository/index"),
    ("GET", _MODEL + "/config"),
    ("GET", "/v2/models/stats"),
    ("GET", _MODEL + "/stats"),
    ("GET", "/v2/trace/setting"),
    ("GET", "/v2/logging"),
)
_NO_REQUEST = (web.RequestPayloadError, HttpProcessingError)  # what came is none, or its body cannot be read

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Web:
    """The handlers of one gate.

    Args:
        settings: of the gate.
        state: of Triton.
    """

    def __init__(self, settings: GateSettings, state: State) -> None:
        self._settings = settings
        self._state = state
        self._counts = Counts(settings.number)
        self._hosts = {*_LOOPBACK, *settings.hosts}

    def inference(self) -> web.Application:
        """The application of the HTTP port."""
        application = self._application(self._own_name, self._no_page)
        for path in OPEN:
            application.router.add_get(path, self._pass_on)
        for method, path in OPERATORS:
            application.router.add_route(method, path, self._for_operator)
        application.router.add_get("/v2/health/ready", self._ready)
        for path in (_MODEL, _MODEL + "/versions/{version}"):
            application.router.add_post(path + "/infer", self._infer)
        return application

    def metrics(self) -> web.Application:
        """The application of the port for metrics."""
        application = self._application(self._no_page)  # whoever watches the server may know it by any name
        application.router.add_get("/metrics", self._metrics)
        return application

    def _application(self, *middlewares: Any) -> web.Application:
        return web.Application(middlewares=middlewares, client_max_size=self._settings.message_bytes)

    @web.middleware
    async def _own_name(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse names that are not this server's: a page may have its own name lead here."""
        host = request.headers.get("Host", "")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if name.lower() not in self._hosts:
            return _error(403, "this server has another name; its operator can add a host")
        return await handler(request)

    @web.middleware
    async def _no_page(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse web pages, and what they can send without the browser asking first."""
        origin = request.headers.get("Origin")
        if origin is not None and origin not in self._settings.origins:
            return _error(403, "this web page may not ask this server; its operator can add an origin")
        kind = request.headers.get("Content-Type")
        if kind is not None and request.can_read_body and kind.partition(";")[0].strip().lower() not in _TYPES:
            return _error(415, f"the content type must be {' or '.join(_TYPES)}")
        return await handler(request)

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        return await self._forward(request, HTTP_SOCKET, request.rel_url.raw_path, b"", {})

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        """Triton's, while it runs, and the gate's own."""
        answer = await self._forward(request, METRICS_SOCKET, "/metrics", b"", {})
        answers = answer.status == 200
        of_triton = (answer.body or b"") if answers else b""
        self._counts.ready(self._state.healthy and answers)  # one that hangs still runs
        own = written(folder_of(self._settings.sockets), self._counts).encode()
        return web.Response(body=bytes(of_triton) + own, content_type="text/plain", charset="utf-8")  # type: ignore[arg-type]

    async def _ready(self, request: web.Request) -> web.StreamResponse:
        return await self._pass_on(request) if self._state.healthy else web.Response(status=503)

    async def _for_operator(self, request: web.Request) -> web.StreamResponse:
        if not has_right(request.headers.get(ADMIN_HEADER, ""), self._settings.admin_key):
            record(REFUSED, why="the operator's key is missing or wrong", method=request.path, peer=request.remote)
            return _error(403, "this endpoint is the operator's")
        body = b"{}" if request.method == "POST" else b""
        return await self._forward(request, HTTP_SOCKET, request.rel_url.raw_path, body, {})

    async def _infer(self, request: web.Request) -> web.StreamResponse:
        began, code = time.monotonic(), FAILED
        try:
            answer = await self._answered(request)
            code = _code_of(answer)
            return answer
        except (asyncio.CancelledError, ConnectionError):
            code = CANCELLED
            raise
        finally:
            self._counts.answered(request.match_info["model"], code, time.monotonic() - began)

    async def _answered(self, request: web.Request) -> web.Response:
        try:
            check_token(request.headers, self._settings.reading, "reading")
        except AccessError as error:
            record(REFUSED, why=str(error), peer=request.remote)
            return _error(401, error.answer)
        try:
            body = await asyncio.wait_for(request.read(), BODY_TIMEOUT)
        except asyncio.TimeoutError:
            return _error(408, f"the request did not arrive in {BODY_TIMEOUT:.0f} s")
        except web.HTTPRequestEntityTooLarge:
            return _error(413, f"the request has more than {self._settings.message_bytes} bytes")
        except web.RequestPayloadError:
            return _error(400, "the body of the request cannot be read")
        try:
            said, tensors = parsed(body, request.headers.get(HEADER_LENGTH))
            may_overtake = has_right(request.headers.get(PRIORITY_HEADER, ""), self._settings.priority_token)
            check(asked(said, len(body), may_overtake))
        except RefusedError as error:
            return _error(400, str(error))
        # Written again: Triton's reader might understand the client's text in another way.
        text = json.dumps(said, allow_nan=False).encode()
        headers = {"Content-Type": _TYPES[1], HEADER_LENGTH: str(len(text))} if tensors else {"Content-Type": _TYPES[0]}
        if "authorization" in request.headers:  # in ASCII, as tokens are: a model could not read other bytes
            headers["authorization"] = request.headers["authorization"].encode("ascii", "replace").decode()
        return await self._forward(request, HTTP_SOCKET, request.rel_url.raw_path, text + tensors, headers)

    async def _forward(
        self, request: web.Request, socket: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> web.Response:
        seconds = METRICS_TIMEOUT if socket == METRICS_SOCKET else TRITON_TIMEOUT
        connector = UnixConnector(str(Path(self._settings.sockets) / socket))
        try:
            async with (
                ClientSession(connector=connector, timeout=ClientTimeout(seconds)) as session,
                session.request(request.method, f"http://triton{path}", data=body or None, headers=headers) as answer,
            ):
                kept = {
                    name: answer.headers[name] for name in ("Content-Type", HEADER_LENGTH) if name in answer.headers
                }
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)
        except ClientConnectorError:
            return _error(503, STARTING.answer)
        # From here on Triton may have carried out the request, so it must not be told to come again.
        except asyncio.TimeoutError:
            return _error(504, f"the server did not answer in {seconds:.0f} s")
        except (ClientError, OSError):
            return _error(502, "the server ended before it had answered")


class Connections:
    """Keeps room for new connections: of too many, those without a request are closed, the oldest first."""

    def __init__(self, most: int = MOST_CONNECTIONS) -> None:
        self._most = most
        self._idle: dict[asyncio.BaseTransport, None] = {}  # in the order in which they became so

    def waits(self, transport: asyncio.BaseTransport) -> None:
        """A connection has no request."""
        self._idle = {one: None for one in self._idle if not one.is_closing()} | {transport: None}
        for old in list(self._idle)[: max(0, len(self._idle) - self._most)]:
            self._idle.pop(old)
            old.close()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Keep the connection while its request is answered."""
        transport = request.transport
        if transport is not None:
            self._idle.pop(transport, None)
        try:
            return await handler(request)
        finally:
            if transport is not None and not transport.is_closing():
                self.waits(transport)


class Door(asyncio.Protocol):
    """Counts a new connection, then hands it to the server.

    Args:
        server: makes the protocol of a connection.
        connections: of the port.
    """

    def __init__(self, server: Callable[[], Any], connections: Connections) -> None:
        self._server = server
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._connections.waits(transport)
        protocol = self._server()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


def parsed(body: bytes, header_length: str | None) -> tuple[dict[str, Any], bytes]:
    """The JSON of an inference request, and the tensors in binary form behind it.

    A body without any JSON, which its header says has the length 0, is a photo file.

    Raises:
        RefusedError: it is none.
    """
    if header_length == "0":
        return _of_photo(body)
    if header_length is not None and not (header_length.isdecimal() and len(header_length) < 12):
        raise RefusedError(f"{HEADER_LENGTH} is no length")
    length = len(body) if header_length is None else int(header_length)
    try:
        said = json.loads(body[:length])
        json.dumps(said, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"the request is not JSON: {str(error)[:200]}") from error
    if not isinstance(said, dict):
        raise RefusedError("the request is no JSON object")
    return said, body[length:]


def _of_photo(photo: bytes) -> tuple[dict[str, Any], bytes]:
    """The request for a photo: Triton's own form of it fits only models with a single input of a fixed shape."""
    tensor = len(photo).to_bytes(4, "little") + photo
    of_it = {"name": ENCODED.name, "shape": [1, 1], "datatype": ENCODED.dtype.value}
    return {"inputs": [{**of_it, "parameters": {"binary_data_size": len(tensor)}}]}, tensor


def asked(said: Mapping[str, Any], size: int, may_overtake: bool = False) -> Asked:
    """What the rules look at in the JSON of an inference request.

    Raises:
        RefusedError: a part of it has another type than Triton's protocol says.
    """
    inputs, outputs = (_objects(said.get(name, [])) for name in ("inputs", "outputs"))
    shapes = [one.get("shape", []) for one in inputs]
    if any(not isinstance(shape, list) or any(type(length) is not int for length in shape) for shape in shapes):
        raise RefusedError("the shape of an input is no list of whole numbers")
    of_inputs, of_outputs = ([_names(one) for one in tensors] for tensors in (inputs, outputs))
    return Asked("", _names(said), shapes, of_inputs, of_outputs, size, may_overtake)


def _objects(values: Any) -> list[dict[str, Any]]:
    if not isinstance(values, list) or any(not isinstance(one, dict) for one in values):
        raise RefusedError("inputs and outputs are lists of JSON objects")
    return values


def _names(said: Mapping[str, Any]) -> list[str]:
    parameters = said.get("parameters", {})
    if not isinstance(parameters, dict):
        raise RefusedError("parameters are a JSON object")
    return list(parameters)


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)


def _code_of(answer: web.Response) -> str:
    """What an answer is counted as, see server/gate/counts.py."""
    if answer.status == 200:
        return OK
    try:
        said = json.loads(bytes(answer.body or b""))["error"]  # type: ignore[arg-type]
    except (ValueError, KeyError, TypeError):
        said = ""
    timed_out = grpc.StatusCode.DEADLINE_EXCEEDED if answer.status == 504 else grpc.StatusCode.UNKNOWN
    return code_of(str(said), grpc.StatusCode.INVALID_ARGUMENT if answer.status < 500 else timed_out)


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether the log is to say so. Clients repeat their mistakes without end, and what they sent may hold a token."""
    return record.exc_info is None or not isinstance(record.exc_info[1], (*_NO_REQUEST, ConnectionError))


async def serve(settings: GateSettings, state: State) -> list[asyncio.Server]:
    """Open the ports of metrics and, where it is on, of HTTP.

    Raises:
        OSError: a port cannot be opened.
    """
    logging.getLogger("aiohttp.server").addFilter(_is_ours)
    pages = Web(settings, state)
    ports = [(settings.address, settings.metrics, pages.metrics())]
    if settings.http:
        ports.append((settings.http_address, settings.http, pages.inference()))
    servers = []
    for address, port, application in ports:
        connections = Connections()
        application.middlewares.insert(0, connections.middleware)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        servers.append(await _listen(runner, connections, address, port))
    return servers


async def _listen(runner: web.AppRunner, connections: Connections, address: str, port: int) -> asyncio.Server:
    def door() -> Door:
        return Door(runner.server, connections)  # type: ignore[arg-type]

    return await asyncio.get_running_loop().create_server(door, address, port)
