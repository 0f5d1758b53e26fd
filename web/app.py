"""The application: `create` puts the parts together."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from web import problems
from web.door import Door
from web.gateway import Gateway
from web.limits import Rate
from web.proxies import Forwarded, Proxies
from web.routes import entries, fields, frames, past, photos, pictures, session, status, tables
from web.routes.page import Page
from web.server import Connect, Server
from web.sessions import Sessions
from web.settings import Settings
from web.tracing import TELEMETRY

ROUTERS = (
    session.router,
    photos.router,
    entries.router,
    fields.router,
    pictures.router,
    past.router,
    status.router,
    tables.router,
    frames.router,
)


def create(settings: Settings, connect: Connect, clock: Callable[[], float] = time.monotonic) -> ASGIApp:
    """The gateway as an ASGI application.

    Args:
        settings: names and limits.
        connect: gives a client of the server that sends a token, '' for none.
        clock: seconds, of sessions and rates.
    """
    server = Server(connect, settings.threads, settings.role_seconds, clock)
    sessions = Sessions(settings.sessions, settings.session_seconds, clock)
    logins = Rate("logins", settings.logins / 60, settings.logins, clock)
    gateway = Gateway(settings, server, sessions, logins)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        server.close()
        gateway.tables.close()

    app = FastAPI(
        title="Mintmark",
        description="Recognizes coins: a photo goes in, and the matching catalog entries come out.",
        version="1",
        openapi_url="/api/openapi.json",
        docs_url=None,  # their pages load scripts of others
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        responses=problems.DESCRIBED,
        telemetry=TELEMETRY,
    )
    app.state.gateway = gateway
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router, prefix="/api")
    app.mount("/", Page())
    return Forwarded(Door(app, settings, clock), Proxies(settings.proxies))
