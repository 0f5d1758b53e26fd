"""A gateway before a server in memory, and a browser that asks it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from tests.web.stand import TOKENS, Stand
from web.app import create
from web.settings import Settings

ORIGIN = "http://localhost"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Browser:
    """A page of the gateway in a browser: it keeps the cookie and sends the headers that a page's script does."""

    http: TestClient

    def log_in(self, token: str) -> Response:
        """Send a token."""
        return self.http.post("/api/session", json={"token": token}, headers={"Origin": ORIGIN})

    def headers(self) -> Mapping[str, str]:
        """Of a change."""
        return {"Origin": ORIGIN, "X-CSRF-Token": self.http.get("/api/session").json()["csrf"]}

    def change(self, method: str, path: str, **body: Any) -> Response:
        """Ask for a change."""
        return self.http.request(method, path, headers=self.headers(), **body)


OpenBrowser = Callable[..., Browser]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """A server that needs no token."""
    stand = Stand(tmp_path / "catalog")
    yield stand
    stand.close()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Stand]:
    """A server that needs a token for reading, and another one for changing."""
    stand = Stand(tmp_path / "guarded", TOKENS)
    yield stand
    stand.close()


@pytest.fixture
def open_browser(clock: Clock) -> Iterator[OpenBrowser]:
    """Opens a browser at a new gateway before a server."""
    with ExitStack() as stack:

        def open_at(stand: Stand, tls: bool = False, host: str = "testclient", **settings: Any) -> Browser:
            app = create(Settings(**settings), stand.connect, clock)
            url = f"{'https' if tls else 'http'}://localhost"
            client = TestClient(app, base_url=url, raise_server_exceptions=False, client=(host, 50_000))
            return Browser(stack.enter_context(client))

        yield open_at


@pytest.fixture
def browser(stand: Stand, open_browser: OpenBrowser) -> Browser:
    """A browser at a gateway before a server that needs no token."""
    return open_browser(stand)


def raw(photo: bytes) -> dict[str, Any]:
    """The body that is a photo, for a request."""
    return {"content": photo, "headers": {"Content-Type": "image/jpeg"}}


def form(*photos: bytes, fields: str | None = None) -> dict[str, Any]:
    """A form of photos and fields, for a request."""
    files = [("photo", (f"{number}.jpg", photo, "image/jpeg")) for number, photo in enumerate(photos)]
    return {"files": files} if fields is None else {"files": files, "data": {"fields": fields}}
