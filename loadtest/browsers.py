"""What a page in a browser sends to the gateway: photos over HTTP, and camera frames over a WebSocket."""

import http.client
import itertools
import json
import socket
import threading
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from loadtest.host import TIMEOUT
from mintmark import MintmarkError

NUMBER_BYTES = 4  # of a frame, before its JPEG


class RefusedError(MintmarkError):
    """The gateway answered with a problem; the message is its type."""


class Poster:
    """Posts photos, as the file itself; each thread has a connection of its own, which stays open.

    Args:
        url: of the gateway.
    """

    def __init__(self, url: str) -> None:
        self._where = urlsplit(url)
        self._open, self._all = threading.local(), ExitStack()

    def ask(self, photo: bytes) -> dict[str, Any]:
        """The answer about a photo. Raises RefusedError."""
        connection = self._connection()
        connection.request("POST", "/api/recognize", photo, {"Content-Type": "image/jpeg"})
        answer = connection.getresponse()
        said: dict[str, Any] = json.loads(answer.read())
        if answer.status != 200:
            raise RefusedError(said["type"])
        return said

    def close(self) -> None:
        """Close all connections."""
        self._all.close()

    def _connection(self) -> http.client.HTTPConnection:
        kept: http.client.HTTPConnection | None = getattr(self._open, "connection", None)
        if kept is None:
            kept = http.client.HTTPConnection(self._where.hostname or "", self._where.port, timeout=TIMEOUT)
            self._all.callback(kept.close)
            kept.connect()
            kept.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.connection = kept
        return kept


class Camera:
    """Sends frames, each when the one before is answered; each thread has a socket of its own.

    Args:
        url: of the gateway.
    """

    def __init__(self, url: str) -> None:
        self._url, self._origin = f"{url.replace('http', 'ws', 1)}/api/frames", Origin(url)
        self._open, self._all = threading.local(), ExitStack()
        self._numbers = itertools.count()

    def ask(self, photo: bytes) -> dict[str, Any]:
        """The answer about a frame. Raises RefusedError."""
        kept = self._socket()
        kept.send((next(self._numbers) % 2**32).to_bytes(NUMBER_BYTES, "big") + photo)
        said: dict[str, Any] = json.loads(kept.recv(TIMEOUT))
        if said["problem"]:
            raise RefusedError(said["problem"]["type"])
        return said

    def close(self) -> None:
        """Close all sockets."""
        self._all.close()

    def _socket(self) -> ClientConnection:
        kept: ClientConnection | None = getattr(self._open, "socket", None)
        if kept is None:
            kept = self._all.enter_context(connect(self._url, origin=self._origin, compression=None, proxy=None))
            self._open.socket = kept
        return kept
