"""What the routes share: the server, the sessions, the limits."""

import secrets
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from web.limits import Rate
from web.server import Server
from web.sessions import Sessions
from web.settings import Settings
from web.tables import TableReader


@dataclass(frozen=True)
class Gateway:
    """One gateway.

    Attributes:
        settings: names and limits.
        server: behind it.
        sessions: that last.
        logins: rate of them.
        tables: reads them, one at a time.
        csrf: what the header of a change must say where no session is needed.
    """

    settings: Settings
    server: Server
    sessions: Sessions
    logins: Rate
    tables: TableReader = field(default_factory=TableReader)
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)


def gateway_of(connection: HTTPConnection) -> Gateway:
    """The gateway of a request's application."""
    gateway: Gateway = connection.app.state.gateway
    return gateway


async def _shared(connection: HTTPConnection) -> Gateway:
    """`gateway_of` for FastAPI, which asks what is not async in a thread."""
    return gateway_of(connection)


Shared = Annotated[Gateway, Depends(_shared)]
