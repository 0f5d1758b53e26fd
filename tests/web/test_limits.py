"""How much one client may ask, and what is too large."""

from inspect import iscoroutinefunction
from threading import Event, Thread
from typing import Any

import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute

from tests.web.conftest import Browser, Clock, OpenBrowser, form, raw
from tests.web.stand import COIN, PHOTO, Stand
from web.app import ROUTERS
from web.limits import client_of
from web.routes.page import FOLDER


def test_too_many_requests_wait(stand: Stand, open_browser: OpenBrowser, clock: Clock) -> None:
    browser = open_browser(stand, requests=2, request_burst=3)
    assert [browser.http.get("/api/health").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = browser.http.get("/api/health")
    assert refused.json()["type"] == "urn:mintmark:too-many-requests"
    assert refused.headers["retry-after"] == "1"
    clock.now += 0.5
    assert browser.http.get("/api/health").status_code == 200


def test_the_pages_files_are_counted_apart(stand: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(stand, requests=0.001, request_burst=1, files=0.001, file_burst=2)
    asked = ("/", "/scripts/main.js", "/api/health", "/nothing.js", "/api/health")
    assert [browser.http.get(path).status_code for path in asked] == [200, 200, 200, 429, 429]


def test_many_may_open_the_page_behind_one_address(stand: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(stand)
    paths = [f"/{one.relative_to(FOLDER)}" for one in FOLDER.rglob("*") if one.is_file()]
    for _ in range(2 * 6):  # each fetches a file twice: the page, and what keeps it
        assert {browser.http.get(path).status_code for path in paths} == {200}


@pytest.mark.parametrize(("limit", "status"), [("in_flight", 429), ("all_in_flight", 503)])
def test_requests_at_a_time_are_bounded(stand: Stand, open_browser: OpenBrowser, limit: str, status: int) -> None:
    browser = open_browser(stand, **{limit: 1})
    begun, go_on, answers = Event(), Event(), []
    browser.http.get("/api/session")
    recognize = stand.recognize

    def slowly(*asked: Any) -> Any:
        begun.set()
        assert go_on.wait(60)
        return recognize(*asked)

    stand.recognize = slowly
    thread = Thread(target=lambda: answers.append(browser.http.post("/api/recognize", **raw(PHOTO))))
    thread.start()
    assert begun.wait(60)
    refused = browser.http.get("/api/health")
    go_on.set()
    thread.join()
    assert (refused.status_code, "retry-after" in refused.headers) == (status, True)
    assert answers[0].status_code == 200
    assert browser.http.get("/api/health").status_code == 200


def test_bodies_that_are_too_large_are_refused(stand: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(stand, photo_bytes=1000, text_bytes=1000)
    for refused in (
        browser.http.post("/api/recognize", **raw(b"x" * 1001)),
        browser.http.post("/api/recognize", **raw(b"x" * 10_000)),
        browser.http.post("/api/recognize", **form(b"x" * 1001)),
        browser.change("PATCH", f"/api/entries/{COIN}", json={"name": "x" * 1000}),
        browser.http.post("/api/session", content=b"x" * 1001),
        browser.http.get("/api/entries", headers={"Content-Length": "9" * 30}),
    ):
        assert (refused.status_code, refused.json()["type"]) == (413, "urn:mintmark:too-large")
    assert "recognize" not in str(stand.photos.calls)


def test_a_body_that_does_not_say_how_long_it_is(stand: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(stand, photo_bytes=1000, text_bytes=1000)
    answer = browser.http.post(
        "/api/recognize", content=iter([b"x" * 500] * 100), headers={"Content-Type": "image/jpeg"}
    )
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")


def test_bodies_together_are_bounded(stand: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(stand, held_bytes=1000)
    for _ in range(3):  # what was refused does not count any more
        refused = browser.http.post("/api/recognize", **raw(b"x" * 1001))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    for _ in range(80):
        assert browser.http.post("/api/recognize", **raw(PHOTO)).status_code == 200


def test_what_every_request_needs_takes_no_thread() -> None:
    """FastAPI asks a dependency that is not async in a thread, which took a third of the gateway's time."""
    for router in ROUTERS:
        for route in (one for one in router.routes if isinstance(one, APIRoute | APIWebSocketRoute)):
            waiting = list(route.dependant.dependencies)
            while waiting:
                dependency = waiting.pop()
                waiting += dependency.dependencies
                assert iscoroutinefunction(dependency.call), f"{route.path}: {dependency.call}"
            assert iscoroutinefunction(route.endpoint), route.path


def test_a_client_is_an_address_or_a_network(browser: Browser) -> None:
    assert client_of("192.0.2.1") == "192.0.2.1"
    assert client_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert client_of("2001:db8:1:2:3::4%eth0") == client_of("2001:db8:1:2:ffff::1") != client_of("2001:db8:1:3::1")
