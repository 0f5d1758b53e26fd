"""The gateway before a real server: a coin is enrolled, recognized, and seen in a camera frame."""

import json
from collections.abc import Iterator
from dataclasses import asdict

import httpx2
import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.server.conftest import TOKEN, Coin, Running, gateway_before, jpeg

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def gateway(server: Running) -> Iterator[str]:
    """The URL of a gateway in a process of its own."""
    with gateway_before(server) as url:
        yield url


def test_from_the_login_to_the_frame(gateway: str, coins: list[Coin]) -> None:
    coin = coins[0]
    with httpx2.Client(base_url=gateway, headers={"Origin": gateway}, timeout=60) as page:
        assert page.get("/api/health").json() == {"ready": True}
        assert page.get("/api/session").json()["role"] == "read"
        assert page.post("/api/session", json={"token": "wrong"}).status_code == 401
        session = page.post("/api/session", json={"token": TOKEN}).json()
        assert session["role"] == "change"
        change = {"X-CSRF-Token": session["csrf"]}

        fields = json.dumps(asdict(coin.fields))
        photo = ("front.jpg", jpeg(coin.catalog), "image/jpeg")
        enrolled = page.post("/api/entries", headers=change, files={"photo": photo}, data={"fields": fields}).json()
        entry = enrolled["entry"]["id"]
        assert page.get("/api/history").json()["events"][0]["who"] == "owner"

        query = jpeg(coin.query)
        image = {"Content-Type": "image/jpeg"}
        answer = page.post("/api/recognize?k=1", content=query, headers=image).json()["coin"]
        assert answer["known"]
        match = answer["matches"][0]
        assert match["entry"]["id"] == entry
        picture = page.get(f"/api/pictures/{entry}/{match['view']}")
        assert picture.content.startswith(b"\xff\xd8\xff")
        assert page.post("/api/recognize?all=true", content=query, headers=image).json()["coins"][0]["known"]

        url = f"{gateway.replace('http', 'ws', 1)}/api/frames?k=1"
        with connect(url, origin=Origin(gateway)) as camera:
            camera.send((7).to_bytes(4, "big") + query)
            frame = json.loads(camera.recv())
        assert (frame["frame"], frame["known"]) == (7, True)
        assert frame["ellipse"] == answer["ellipse"]
        assert frame["matches"][0]["entry"]["id"] == entry

        refused = page.post("/api/recognize", content=b"no photo", headers=image)
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:mintmark:invalid-photo")
        assert page.delete(f"/api/entries/{entry}", headers=change).status_code == 204
        assert page.get(f"/api/entries/{entry}").status_code == 404
