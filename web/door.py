"""What every request passes before the application: names, pages, rates and sizes; and the headers of every answer."""

import re
import time
from collections.abc import Callable
from contextlib import nullcontext

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from web.body import Body
from web.limits import InFlight, Rate, client_of
from web.problems import Problem
from web.settings import LOOPBACK, Settings

API = "/api/"  # where the server is asked; all else are files, of which a browser fetches many at a time
UPLOADS = re.compile(r"/api/(?:recognize|entries|entries/[^/]+/views)")
TABLES = "/api/tables"
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::[0-9]{1,5})?")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


class Door:
    """Lets requests through that may come in.

    Args:
        app: behind it.
        settings: names and limits.
        clock: seconds.
    """

    def __init__(self, app: ASGIApp, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._settings = app, settings
        self._requests = Rate("requests", settings.requests, settings.request_burst, clock)
        self._files = Rate("files", settings.files, settings.file_burst, clock)
        self._names = {*LOOPBACK, *(name.lower() for name in settings.names)}
        self._in_flight = InFlight("requests", settings.in_flight, settings.all_in_flight)
        self._sockets = InFlight("sockets", settings.sockets, settings.all_sockets)
        self._held = 0  # bytes of bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        await (self._socket if scope["type"] == "websocket" else self._request)(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = Body(
            receive, Headers(scope=scope), _most_bytes(scope, self._settings), self._settings.body_seconds, self._hold
        )
        answer = _with_headers(send, body)
        try:
            client = self._let_in(scope)
            with self._in_flight.of(client) if scope["path"].startswith(API) else nullcontext():
                body.check()
                await self._app(scope, body.receive, answer)
        except Problem as problem:
            await problem.response()(scope, receive, answer)
        finally:
            self._held -= body.held

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _with_headers(send)
        try:
            with self._sockets.of(self._let_in(scope)):
                await self._app(scope, receive, answer)
        except Problem as problem:
            await WebSocket(scope, receive, answer).send_denial_response(problem.response())

    def _let_in(self, scope: Scope) -> str:
        """The client that asks, if it may come in."""
        self._check(scope)
        client = client_of(address_of(scope))
        (self._requests if scope["path"].startswith(API) else self._files).take(client)
        return client

    def _check(self, scope: Scope) -> None:
        """Refuse names that are not the gateway's, which a foreign page may have lead here, and foreign pages."""
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        host = hosts[0].lower() if len(hosts) == 1 else ""
        named = _HOST.fullmatch(host)
        if named is None or named[1] not in self._names:
            raise Problem(421, "foreign-name", "The gateway has another name; its operator can add one with --name.")
        scheme = "https" if is_secure(scope) else "http"
        if any(origin.lower() != f"{scheme}://{host}" for origin in origins):
            raise Problem(403, "foreign-page", "A page of another site may not ask this gateway.")

    def _hold(self, size: int) -> None:
        if self._held + size > self._settings.held_bytes:
            raise Problem(503, "gateway-busy", "The gateway has too many photos at a time.", {"Retry-After": "2"})
        self._held += size


def address_of(scope: Scope) -> str:
    """The address that asks."""
    return scope["client"][0] if scope.get("client") else ""


def is_secure(scope: Scope) -> bool:
    """Whether it asks over TLS."""
    return scope["scheme"] in ("https", "wss")


def is_own_page(connection: HTTPConnection) -> bool:
    """Whether a page of the gateway asks; the door has refused all others, and programs name none."""
    return "origin" in connection.headers


def _most_bytes(scope: Scope, settings: Settings) -> int:
    if scope["method"] == "POST" and scope["path"] == TABLES:
        return settings.table_bytes + settings.text_bytes
    upload = scope["method"] == "POST" and UPLOADS.fullmatch(scope["path"])
    return settings.upload_bytes if upload else settings.text_bytes


def _with_headers(send: Send, body: Body | None = None) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
            if body is not None and body.unread:
                headers["Connection"] = "close"  # else its rest may come for as long as the client likes
        await send(message)

    return answer
