"""Connections: how many a client may have, and how long the head of a request may take. uvicorn bounds neither."""

import asyncio
from collections import Counter
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from web.limits import client_of
from web.proxies import Proxies
from web.settings import Settings


def limited(settings: Settings) -> type[H11Protocol]:
    """The protocol of uvicorn for HTTP, within the settings' limits."""
    open_of: Counter[str] = Counter()
    proxies = Proxies(settings.proxies)

    class Limited(H11Protocol):
        """Closes connections beyond the limit, and those whose request does not begin in time."""

        _client_name: str | None = None
        _head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._client_name = client_of(self.client[0] if self.client else "")
            open_of[self._client_name] += 1
            if open_of[self._client_name] > settings.connections and not self._is_proxy():
                transport.close()
            self._wait_for_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._stop_waiting()
            elif self._head_timer is None:
                self._wait_for_head()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._leave()

        def handle_websocket_upgrade(self, event: h11.Request) -> None:
            super().handle_websocket_upgrade(event)
            self._leave()  # sockets are counted by themselves

        def _is_proxy(self) -> bool:
            return self.client is not None and self.client[0] in proxies

        def _wait_for_head(self) -> None:
            self._head_timer = self.loop.call_later(settings.head_seconds, self.transport.close)

        def _stop_waiting(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

        def _leave(self) -> None:
            self._stop_waiting()
            if self._client_name is not None:
                open_of[self._client_name] -= 1
                if not open_of[self._client_name]:
                    del open_of[self._client_name]
                self._client_name = None

    return Limited
