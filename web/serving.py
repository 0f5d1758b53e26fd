"""How uvicorn runs the gateway."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from web.app import create
from web.connections import Listening, Refusable, limited
from web.server import Connect
from web.settings import NUMBER_BYTES, Settings

HEAD_BYTES = 32_768  # of the head of a request
_STOP_SECONDS = 10  # for requests under way when the gateway stops


@dataclass(frozen=True)
class Certificates:
    """PEM files: of the gateway, and of the authority whose clients alone may connect; None lets everyone connect."""

    certificate: Path
    key: Path
    client_authority: Path | None = None


class _Configured(uvicorn.Config):
    """A config whose socket bounds its connections."""

    def __init__(self, settings: Settings, app: ASGIApp, **said: Any) -> None:
        super().__init__(app, **said)
        self._settings = settings

    def bind_socket(self) -> socket:
        """As uvicorn's. Exits with status 1 where the address is taken."""
        return Listening(super().bind_socket(), self._settings)


def configured(
    settings: Settings, connect: Connect, host: str, port: int, tls: Certificates | None = None
) -> uvicorn.Config:
    """The gateway, ready to run.

    Args:
        settings: names and limits.
        connect: gives a client of the server that sends a token, '' for none.
        host: address to listen on.
        port: 0 picks a free one.
        tls: None leaves it in plain text.
    """
    return _Configured(
        settings,
        create(settings, connect),
        host=host,
        port=port,
        loop="asyncio",  # uvloop would not ask the socket
        http=limited(settings),
        ws=Refusable,
        ws_max_size=settings.frame_bytes + NUMBER_BYTES,
        ws_per_message_deflate=False,  # pictures do not get smaller, and a small message may become a large one
        h11_max_incomplete_event_size=HEAD_BYTES,
        proxy_headers=False,  # anybody could say to be another client
        server_header=False,
        access_log=False,
        log_level="warning",
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
        ssl_ca_certs=str(tls.client_authority) if tls and tls.client_authority else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if tls and tls.client_authority else ssl.CERT_NONE,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )


class Announced(uvicorn.Server):
    """Says where it listens, as soon as it does."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets or [self.config.bind_socket()])
        for one in (one for server in getattr(self, "servers", ()) for one in server.sockets):
            host, port = one.getsockname()[:2]
            print(f"ready: {'https' if self.config.is_ssl else 'http'}://{in_header(host)}:{port}", flush=True)


def in_header(host: str) -> str:
    """An address as it stands in the header Host."""
    return f"[{host}]" if ":" in host else host
