"""Connections: how many there may be, how long they may keep the gateway waiting, and how a socket is refused."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from web.limits import client_of
from web.proxies import Proxies
from web.settings import Settings


class Listening(socket.socket):
    """Takes connections up to the settings' limits. More are closed at once, before TLS costs or waits for anything.

    Args:
        bound: a socket with its address, which this one takes over.
        settings: limits, and proxies, which connect for many.
    """

    def __init__(self, bound: socket.socket, settings: Settings) -> None:
        super().__init__(fileno=bound.detach())
        self._settings, self._proxies = settings, Proxies(settings.proxies)
        self._open: Counter[str] = Counter()

    def accept(self) -> tuple[socket.socket, Any]:
        """As sockets do. ConnectionAbortedError: there are too many."""
        accepted, address = super().accept()
        client = client_of(address[0])
        most = self._settings.connections
        if self._open.total() >= self._settings.all_connections or (
            self._open[client] >= most and address[0] not in self._proxies
        ):
            accepted.close()
            raise ConnectionAbortedError("too many connections")
        self._open[client] += 1
        return _Counted(accepted, lambda: self._leave(client)), address

    def _leave(self, client: str) -> None:
        self._open[client] -= 1
        if not self._open[client]:
            del self._open[client]


class _Counted(socket.socket):
    """A connection that says when it is closed."""

    def __init__(self, accepted: socket.socket, closed: Callable[[], None]) -> None:
        super().__init__(fileno=accepted.detach())
        self._say_closed = closed

    def close(self) -> None:
        there = self.fileno() >= 0
        super().close()
        if there:
            self._say_closed()


class Refusable(WebSocketsSansIOProtocol):
    """A socket that may be refused with an answer: uvicorn takes that for a failure of the application, and logs it."""

    async def send(self, message: Any) -> None:
        """See ASGI."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True


def limited(settings: Settings) -> type[H11Protocol]:
    """The protocol of uvicorn for HTTP, within the settings' limits."""

    class Limited(H11Protocol):
        """Closes connections whose request does not begin in time, and those whose client leaves its answer unread."""

        _head_timer: asyncio.TimerHandle | None = None
        _unread_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait_for_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._stop_waiting()
            elif self._head_timer is None:
                self._wait_for_head()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._unread_timer = self.loop.call_later(settings.unread_seconds, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._forgive()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._stop_waiting()
            self._forgive()

        def handle_websocket_upgrade(self, event: h11.Request) -> None:
            super().handle_websocket_upgrade(event)
            self._stop_waiting()

        def _wait_for_head(self) -> None:
            self._head_timer = self.loop.call_later(settings.head_seconds, self.transport.close)

        def _stop_waiting(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

        def _forgive(self) -> None:
            if self._unread_timer is not None:
                self._unread_timer.cancel()
                self._unread_timer = None

    return Limited
