"""The gateway before a server on which reading needs a token, too: it gives nobody more than the server does."""

import pytest
from fastapi.testclient import TestClient

from mintmark import Client
from tests.attacks.conftest import CHANGE, READ
from tests.server.conftest import Running
from web.app import create
from web.settings import Settings

pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    ("token", "role", "reads", "changes"),
    [("", "none", 401, 401), (READ, "read", 200, 403), (CHANGE, "change", 200, 404)],
)
def test_a_token_is_worth_what_it_is_to_the_server(
    attacked: Running, photo: bytes, token: str, role: str, reads: int, changes: int
) -> None:
    def connect(token: str) -> Client:
        return Client(attacked.url, token=token or None)

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with TestClient(create(Settings(), connect), base_url="http://localhost", headers=headers) as gateway:
        said = gateway.get("/api/session").json()
        assert said["role"] == role
        assert gateway.get("/api/health").json() == {"ready": True}
        image = {"Content-Type": "image/jpeg"}
        assert gateway.post("/api/recognize", content=photo, headers=image).status_code == reads
        own = {"Origin": "http://localhost", "X-CSRF-Token": said["csrf"]}
        assert gateway.delete("/api/entries/nothing", headers=own).status_code == changes
        assert gateway.get("/api/status", headers={"Authorization": "Bearer guess"}).status_code == 401
