"""The gate over gRPC: every call that clients may make, and no other, passed on to Triton's socket."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc import aio
from tritonclient.grpc import service_pb2

from ensemble.access import check_token
from ensemble.audit import REFUSED, record
from ensemble.errors import AccessError, shortened
from server.gate.counts import CANCELLED, FAILED, FULL, OK, TIMEOUT, Counts, code_of, folder_of
from server.gate.rules import ADMIN_HEADER, PRIORITY_HEADER, Asked, RefusedError, check, has_right, takes_turn
from server.gate.settings import GateSettings, grpc_target
from server.gate.state import STARTING, State

SERVICE = "/inference.GRPCInferenceService/"
OPEN = ("ServerLive", "ModelReady", "ServerMetadata", "ModelMetadata")  # beside ServerReady and ModelInfer
# With the operator's key. Shared memory is not among them: whoever may name a region reads and writes that of others.
OPERATORS = ("RepositoryIndex", "ModelConfig", "ModelStatistics", "TraceSetting", "LogSettings")
HEALTH = "/grpc.health.v1.Health/Check"
FORWARDED = {  # headers, and what they may look like
    "authorization": re.compile(r".*"),
    "traceparent": re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"),  # W3C Trace Context, 3.2
    "tracestate": re.compile(r"[ -~]{1,512}"),
}

# s, ms: a connection without a call is closed, one that says nothing sooner, and one whose other end is gone.
_IDLE_MS, _HANDSHAKE_MS, _PING_MS, _PONG_MS = 300_000, 20_000, 60_000, 20_000
_NOT_SERVING = b"\x08\x02"  # a message HealthCheckResponse
_IDENTITY_ONLY = 1  # no compression: a few bytes could become gigabytes

_ERROR_BYTES = (1 << 31) - 1  # the most that gRPC takes

_TO_TRITON = [  # no limit on answers, whose requests were limited; found again soon after it was away
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Triton's errors hold what a client sent, a model's name of a megabyte too; they are shortened here.
    ("grpc.max_metadata_size", _ERROR_BYTES),
    ("grpc.absolute_max_metadata_size", _ERROR_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
]

Handler = Callable[[bytes, aio.ServicerContext], Awaitable[bytes]]


class Refusal(Exception):
    """A call is answered by an error."""

    def __init__(self, status: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.status, self.details = status, details


def server_options(settings: GateSettings) -> list[tuple[str, int]]:
    """Arguments of the gRPC library for the port that clients reach."""
    return [
        ("grpc.max_receive_message_length", settings.message_bytes),
        ("grpc.max_send_message_length", settings.message_bytes),
        ("grpc.so_reuseport", int(settings.shared)),
        ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_ONLY),
        ("grpc.max_connection_idle_ms", _IDLE_MS),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS),
        ("grpc.keepalive_time_ms", _PING_MS),
        ("grpc.keepalive_timeout_ms", _PONG_MS),
    ]


class Calls(grpc.GenericRpcHandler):
    """What each method of the service does.

    Args:
        channel: to Triton.
        state: of Triton.
        settings: of the gate.
        counts: told of every inference.
    """

    def __init__(self, channel: aio.Channel, state: State, settings: GateSettings, counts: Counts) -> None:
        self._state = state
        self._counts = counts
        self._admin_key = settings.admin_key
        self._priority_token = settings.priority_token
        self._reading = settings.reading
        self._most_photos, self._photos = settings.most_photos, 0
        self._calls = {name: channel.unary_unary(name) for name in self._methods()}
        handlers: dict[str, Handler] = {
            HEALTH: self._serving,
            SERVICE + "ServerReady": self._ready,
            SERVICE + "ModelInfer": self._infer,
            **{SERVICE + name: self._pass_on(SERVICE + name) for name in OPEN},
            **{SERVICE + name: self._for_operator(SERVICE + name) for name in OPERATORS},
        }
        self._handlers = {name: _with_errors(handler) for name, handler in handlers.items()}

    @staticmethod
    def _methods() -> list[str]:
        return [HEALTH, *(SERVICE + name for name in (*OPEN, *OPERATORS, "ServerReady", "ModelInfer"))]

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """The handler of a method; None where the gate has no such method."""
        handler = self._handlers.get(handler_call_details.method)
        return None if handler is None else grpc.unary_unary_rpc_method_handler(handler)

    def _pass_on(self, method: str) -> Handler:
        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            return await self._forward(method, request, context)

        return handle

    def _for_operator(self, method: str) -> Handler:
        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            if not has_right(_headers(context).get(ADMIN_HEADER, ""), self._admin_key):
                record(REFUSED, why="the operator's key is missing or wrong", method=method, peer=context.peer())
                raise Refusal(grpc.StatusCode.PERMISSION_DENIED, "this endpoint is the operator's")
            return await self._forward(method, request, context)

        return handle

    async def _ready(self, request: bytes, context: aio.ServicerContext) -> bytes:
        """Answer at once: where Triton has just ended, a call that waited for it would say that it had not."""
        if self._state.healthy:
            try:
                answer: bytes = await self._calls[SERVICE + "ServerReady"](request, timeout=context.time_remaining())
                return answer
            except aio.AioRpcError:
                pass
        return bytes(service_pb2.ServerReadyResponse(ready=False).SerializeToString())

    async def _serving(self, request: bytes, context: aio.ServicerContext) -> bytes:
        """Health as balancers ask for it: a server that is not ready does not serve."""
        return await self._forward(HEALTH, request, context) if self._state.healthy else _NOT_SERVING

    async def _infer(self, request: bytes, context: aio.ServicerContext) -> bytes:
        began, seen, code = time.monotonic(), None, FAILED
        try:
            seen = self._let_in(request, context)
            answer = await self._in_turn(seen, request, context)
            self._counts.photos(seen.model, answer)
            code = OK
            return answer
        except Refusal as refusal:
            code = code_of(refusal.details, refusal.status)
            raise
        except asyncio.CancelledError:  # the client has gone, or its time was over
            code = TIMEOUT if context.time_remaining() == 0 else CANCELLED
            raise
        finally:
            self._counts.answered(seen.model if seen else "", code, time.monotonic() - began)

    def _let_in(self, request: bytes, context: aio.ServicerContext) -> Asked:
        headers = _headers(context)
        try:
            check_token(headers, self._reading, "reading")
            seen = asked(request, has_right(headers.get(PRIORITY_HEADER, ""), self._priority_token))
            check(seen)
        except AccessError as error:
            record(REFUSED, why=str(error), peer=context.peer())
            raise Refusal(grpc.StatusCode.UNAUTHENTICATED, error.answer) from error
        except RefusedError as error:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error
        return seen

    async def _in_turn(self, seen: Asked, request: bytes, context: aio.ServicerContext) -> bytes:
        if not (self._most_photos and takes_turn(seen)):
            return await self._forward(SERVICE + "ModelInfer", request, context)
        if self._photos >= self._most_photos:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, f"{FULL}: {self._photos} photos are under way")
        self._photos += 1
        try:
            return await self._forward(SERVICE + "ModelInfer", request, context)
        finally:
            self._photos -= 1

    async def _forward(self, method: str, request: bytes, context: aio.ServicerContext) -> bytes:
        if not self._state.listening:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, STARTING.answer)
        headers = _headers(context)
        kept = [
            (name, headers[name]) for name in FORWARDED.keys() & headers if FORWARDED[name].fullmatch(headers[name])
        ]
        try:
            # If Triton is away for a moment, the call waits for it, as long as its client does.
            answer: bytes = await self._calls[method](
                request, metadata=kept, timeout=context.time_remaining(), wait_for_ready=True
            )
            return answer
        except aio.AioRpcError as error:
            raise Refusal(error.code(), shortened(error.details() or "")) from error


def _with_errors(handler: Handler) -> Handler:
    """The handler, with its refusals as the errors of gRPC."""

    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        try:
            return await handler(request, context)
        except Refusal as refusal:
            await context.abort(refusal.status, refusal.details)
            raise  # never reached: abort raises

    return handle


def asked(request: bytes, may_overtake: bool = False) -> Asked:
    """What the rules look at in a message `ModelInferRequest`.

    Raises:
        RefusedError: it is none.
    """
    try:
        message: Any = service_pb2.ModelInferRequest.FromString(request)
    except DecodeError as error:
        raise RefusedError("the message is no ModelInferRequest") from error
    return Asked(
        message.model_name,
        list(message.parameters),
        [list(one.shape) for one in message.inputs],
        [list(one.parameters) for one in message.inputs],
        [list(one.parameters) for one in message.outputs],
        len(request),
        may_overtake,
    )


def _headers(context: aio.ServicerContext) -> dict[str, str]:
    return {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}


def to_triton(sockets: Path) -> aio.Channel:
    """A channel to the Triton whose sockets are in a folder."""
    return aio.insecure_channel(grpc_target(sockets), options=_TO_TRITON)


async def serve(settings: GateSettings, state: State) -> tuple[aio.Server, asyncio.Task[None]]:
    """Open the gRPC port; returns what is lost when it is collected.

    Raises:
        OSError: the port cannot be opened, or a file of TLS cannot be read.
    """
    channel = to_triton(Path(settings.sockets))
    server = aio.server(options=server_options(settings))
    counts = Counts(settings.number)
    server.add_generic_rpc_handlers([Calls(channel, state, settings, counts)])
    where = f"{settings.address}:{settings.grpc}"
    try:
        if settings.certificate:
            server.add_secure_port(where, _credentials(settings))
        else:
            server.add_insecure_port(where)
        if settings.local:
            server.add_insecure_port(f"unix:{settings.local}")
    except RuntimeError as error:
        raise OSError(f"cannot listen on {where}: {error}") from error
    await server.start()
    return server, asyncio.create_task(counts.keep(folder_of(settings.sockets)))


def _credentials(settings: GateSettings) -> grpc.ServerCredentials:
    pair = (Path(settings.key).read_bytes(), Path(settings.certificate).read_bytes())
    authority = Path(settings.client_authority).read_bytes() if settings.client_authority else None
    return grpc.ssl_server_credentials([pair], authority, require_client_auth=authority is not None)
