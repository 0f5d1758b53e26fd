"""What every request passes before the application: names, pages, rates and sizes; and the headers of every answer."""

import asyncio
import re
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.limits import InFlight, Rate, client_of
from web.problems import Problem
from web.settings import LOOPBACK, Settings

UPLOADS = re.compile(r"/api/(?:recognize|entries|entries/[^/]+/views)")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::[0-9]{1,5})?")
_CLOSE = {"Connection": "close"}  # what is still to come of the body is not read
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
        rate: of requests.
    """

    def __init__(self, app: ASGIApp, settings: Settings, rate: Rate) -> None:
        self._app, self._settings, self._rate = app, settings, rate
        self._names = {*LOOPBACK, *(name.lower() for name in settings.names)}
        self._in_flight = InFlight("requests", settings.in_flight, settings.all_in_flight)
        self._sockets = InFlight("sockets", settings.sockets, settings.all_sockets)
        self._held = 0  # bytes of bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        client = client_of(address_of(scope))
        answer = _with_headers(send)
        try:
            self._check(scope)
            self._rate.take(client)
            if scope["type"] == "websocket":
                with self._sockets.of(client):
                    await self._app(scope, receive, send)
                return
            body = _Body(receive, _most_bytes(scope, self._settings), self._settings.body_seconds, self._hold)
            with self._in_flight.of(client):
                try:
                    body.check(Headers(scope=scope))
                    await self._app(scope, body.receive, answer)
                finally:
                    self._held -= body.held
        except Problem as problem:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": problem.detail})
            else:
                await problem.response()(scope, receive, answer)

    def _check(self, scope: Scope) -> None:
        """Refuse names that are not the gateway's, which a foreign page may have lead here, and foreign pages."""
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        host = hosts[0].lower() if len(hosts) == 1 else ""
        named = _HOST.fullmatch(host)
        if named is None or named[1] not in self._names:
            raise Problem(421, "foreign-name", "The gateway has another name; its operator can add one with --name.")
        scheme = "https" if scope["scheme"] in ("https", "wss") else "http"
        if any(origin.lower() != f"{scheme}://{host}" for origin in origins):
            raise Problem(403, "foreign-page", "A page of another site may not ask this gateway.")

    def _hold(self, size: int) -> None:
        if self._held + size > self._settings.held_bytes:
            raise Problem(
                503, "gateway-busy", "The gateway has too many photos at a time.", {"Retry-After": "2", **_CLOSE}
            )
        self._held += size


class _Body:
    """The body of a request, which is refused as soon as it is too large or too slow.

    Args:
        receive: of ASGI.
        most: bytes.
        seconds: for all of it.
        hold: counts bytes that are held, and may refuse them.
    """

    def __init__(self, receive: Receive, most: int, seconds: float, hold: Callable[[int], None]) -> None:
        self._receive, self._most, self._hold = receive, most, hold
        self._seconds = seconds
        self._until: float | None = None
        self._complete = False
        self.held = 0

    def check(self, headers: Headers) -> None:
        """Refuse a body that says itself that it is too large."""
        said = headers.get("content-length", "0")
        if not (said.isascii() and said.isdecimal() and int(said[:20]) <= self._most):
            raise self._too_large()

    async def receive(self) -> Message:
        """The next message, as ASGI's `receive`."""
        if self._complete:
            return await self._receive()
        now = asyncio.get_running_loop().time()
        self._until = self._until or now + self._seconds
        try:
            message = await asyncio.wait_for(self._receive(), max(self._until - now, 0.001))
        except asyncio.TimeoutError:
            raise Problem(408, "too-slow", f"The body did not arrive in {self._seconds:g} s.", _CLOSE) from None
        if message["type"] != "http.request":
            return message
        size = len(message.get("body", b""))
        if self.held + size > self._most:
            raise self._too_large()
        self._hold(size)
        self.held += size
        self._complete = not message.get("more_body", False)
        return message

    def _too_large(self) -> Problem:
        return Problem(413, "too-large", f"The body has more than {self._most} bytes.", _CLOSE)


def address_of(scope: Scope) -> str:
    """The address that asks."""
    return scope["client"][0] if scope.get("client") else ""


def is_own_page(connection: HTTPConnection) -> bool:
    """Whether a page of the gateway asks; the door has refused all others, and programs name none."""
    return "origin" in connection.headers


def _most_bytes(scope: Scope, settings: Settings) -> int:
    upload = scope["method"] == "POST" and UPLOADS.fullmatch(scope["path"])
    return settings.upload_bytes if upload else settings.text_bytes


def _with_headers(send: Send) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return answer
