"""The cookie that holds the id of a session."""

from starlette.requests import HTTPConnection
from starlette.responses import Response

from web.door import is_secure


def _name(connection: HTTPConnection) -> str:
    """Name of the cookie. With __Host-, a browser takes it from this very host over TLS alone."""
    return "__Host-mintmark" if is_secure(connection.scope) else "mintmark"


def session_id(connection: HTTPConnection) -> str:
    """The id that a browser sends; '' if it sends none."""
    return connection.cookies.get(_name(connection), "")


def set_session(connection: HTTPConnection, response: Response, session: str, seconds: int) -> None:
    """Let the browser keep an id for some seconds; for 0, let it forget the one that it has."""
    secure = is_secure(connection.scope)
    response.set_cookie(_name(connection), session, seconds, path="/", secure=secure, httponly=True, samesite="strict")
