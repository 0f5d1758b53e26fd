"""Logging in and out."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, StringConstraints
from starlette.requests import Request

from web.access import access_of, check_meant, checked
from web.cookies import session_id, set_session
from web.gateway import Shared
from web.sessions import Role

router = APIRouter(tags=["session"])

MOST_TOKEN = 1000  # characters
Token = Annotated[str, StringConstraints(min_length=1, max_length=MOST_TOKEN, pattern=r"^[!-~]+$")]


class Login(BaseModel):
    """A token of the server."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=MOST_TOKEN, pattern=r"^[!-~]+$")] = Field(
        repr=False
    )


class SessionState(BaseModel):
    """Who asks. `csrf`: what the header X-CSRF-Token of a change must say. `logged_in`: there is a session to end."""

    role: Role
    csrf: str
    logged_in: bool


@router.post("/session")
async def log_in(login: Login, request: Request, response: Response, gateway: Shared) -> SessionState:
    """Begin a session with a token of the server, which stays in the gateway. The one before ends."""
    role = await checked(gateway, request, login.token)
    gateway.sessions.end(session_id(request))
    name, session = gateway.sessions.start(login.token, role)
    set_session(request, response, name, int(gateway.settings.session_seconds))
    return SessionState(role=role, csrf=session.csrf, logged_in=True)


@router.get("/session")
async def say_session(request: Request, gateway: Shared) -> SessionState:
    """Say who asks: the role `change` without a session where the server needs no token."""
    access = await access_of(request)
    return SessionState(role=access.role, csrf=access.csrf, logged_in=access.session is not None)


@router.delete("/session", status_code=204)
async def log_out(request: Request, response: Response, gateway: Shared) -> None:
    """End the session."""
    check_meant(request, await access_of(request))
    gateway.sessions.end(session_id(request))
    set_session(request, response, "", 0)
