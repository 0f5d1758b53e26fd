"""Who asks, and whether they may: by the cookie of a session, by a bearer token, or as everybody."""

import hmac
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from web.cookies import session_id
from web.door import address_of, is_own_page
from web.gateway import Gateway, gateway_of
from web.limits import client_of
from web.problems import Problem
from web.sessions import Role, Session

CSRF_HEADER = "X-CSRF-Token"


@dataclass(frozen=True)
class Access:
    """Somebody who asks.

    Attributes:
        token: that the server is asked with.
        role: what they may do.
        csrf: what the header of a change must say; '' where a program asks, whom no page can imitate.
        session: by which they ask; None for a bearer token and for everybody.
    """

    token: str = field(repr=False)
    role: Role
    csrf: str = field(repr=False)
    session: Session | None = None


async def access_of(connection: HTTPConnection) -> Access:
    """Who asks.

    Raises:
        Problem: 401, the bearer token is wrong; 429, too many of them were.
        MintmarkError: the server does not say what the token may do.
    """
    gateway = gateway_of(connection)
    header = connection.headers.get("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Problem(401, "unauthorized", "The header 'authorization' must be 'Bearer TOKEN'.")
        return Access(token, await checked(gateway, connection, token), "")
    session = gateway.sessions.get(session_id(connection))
    if session is not None:
        return Access(session.token, session.role, session.csrf, session)
    return Access("", await gateway.server.role(""), gateway.csrf)


async def checked(gateway: Gateway, connection: HTTPConnection, token: str) -> Role:
    """The role of a token that somebody sends. A wrong one counts as a login, and the server is asked of few at a time.

    What comes while the server is being asked about the same token waits for that answer, and counts once.

    Raises:
        Problem: 401, it is wrong; 429, too many.
    """
    server, client = gateway.server, client_of(address_of(connection.scope))
    counts = server.remembered(token) in (None, Role.NONE) and not server.is_checking(token)
    if counts:
        gateway.logins.take(client)
    role: Role | None = None
    try:
        role = await server.role(token)
    finally:
        if counts and role is not Role.NONE:  # a wrong one counts, and not that the server does not say
            gateway.logins.give_back(client)
    if role is Role.NONE:
        raise Problem(401, "unauthorized", "The token is wrong.")
    return role


async def reader(connection: HTTPConnection) -> Access:
    """Who may read.

    Raises:
        Problem: 401, they may not.
    """
    access = await access_of(connection)
    if access.role is Role.NONE:
        raise Problem(401, "unauthorized", "This needs a token: log in at /api/session, or send it as a bearer token.")
    return access


async def changer(connection: HTTPConnection) -> Access:
    """Who may change, and means to: no foreign page can make a browser send this.

    Raises:
        Problem: 401 or 403, they may not; 403, the header or the origin is missing or wrong.
    """
    access = await reader(connection)
    check_meant(connection, access)
    if access.role is not Role.CHANGE:
        # Without a token, one helps; with one that only reads, another one would.
        status, kind = (403, "forbidden") if access.token else (401, "unauthorized")
        raise Problem(status, kind, "Changing the catalog needs a token that may.")
    return access


def check_meant(connection: HTTPConnection, access: Access) -> None:
    """Refuse what a foreign page may have made a browser send."""
    if not access.csrf:
        return
    if not is_own_page(connection):
        raise Problem(403, "no-origin", "A change needs the header 'Origin', which browsers send, or a bearer token.")
    given = connection.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), access.csrf.encode()):
        raise Problem(
            403, "no-csrf", f"A change needs the header {CSRF_HEADER} with the value that GET /api/session says."
        )


Reader = Annotated[Access, Depends(reader)]
Changer = Annotated[Access, Depends(changer)]
