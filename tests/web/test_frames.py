"""Camera frames over the WebSocket."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier, Event
from typing import Any

import pytest
from starlette.testclient import WebSocketDenialResponse, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from tests.web.conftest import ORIGIN, Browser, Clock, OpenBrowser
from tests.web.stand import CHANGE, EMPTY, PHOTO, READ, Stand

PATH = "/api/frames"


def frame(number: int, photo: bytes = PHOTO) -> bytes:
    return number.to_bytes(4, "big") + photo


def connect(browser: Browser, query: str = "", **headers: str) -> WebSocketTestSession:
    return browser.http.websocket_connect(f"ws://localhost{PATH}{query}", headers={"Origin": ORIGIN, **headers})


def closed(socket: WebSocketTestSession) -> int:
    """The code with which the gateway closes."""
    with pytest.raises(WebSocketDisconnect) as closing:
        socket.receive_json()
    return closing.value.code


def test_each_frame_is_answered(browser: Browser, stand: Stand) -> None:
    with connect(browser, "?k=1&country=Austria") as socket:
        socket.send_bytes(frame(7))
        answer = socket.receive_json()
        assert (answer["frame"], answer["found"], answer["known"]) == (7, True, True)
        assert answer["ellipse"]["cx"] == 60
        assert [match["entry"]["name"] for match in answer["matches"]] == ["2 Euro"]
        socket.send_bytes(frame(2**32 - 1, EMPTY))
        answer = socket.receive_json()
        assert (answer["frame"], answer["found"], answer["matches"]) == (2**32 - 1, False, [])
    assert stand.photos.calls[0][1] == {"k": 1, "country": "Austria"}


def test_the_newest_frame_takes_the_place_of_the_one_that_waits(browser: Browser, stand: Stand) -> None:
    begun, go_on = Event(), Event()
    recognize = stand.recognize

    def slowly(*asked: Any) -> Any:
        begun.set()
        assert go_on.wait(60)
        return recognize(*asked)

    stand.recognize = slowly
    with connect(browser) as socket:
        socket.send_bytes(frame(1))
        assert begun.wait(60)
        for number in (2, 3, 4):
            socket.send_bytes(frame(number))
        for _ in range(5):  # by then the gateway has them
            browser.http.get("/api/session")
        go_on.set()
        assert [socket.receive_json()["frame"] for _ in range(2)] == [1, 4]
    assert len(stand.photos.calls) == 2


def test_what_is_wrong_with_a_frame_is_its_own(browser: Browser) -> None:
    with connect(browser) as socket:
        for number, photo in ((1, b"no jpeg"), (2, b""), (3, b"\xff\xd8\xff damaged")):
            socket.send_bytes(frame(number, photo))
            answer = socket.receive_json()
            assert (answer["frame"], answer["problem"]["type"]) == (number, "urn:mintmark:invalid-photo")
        socket.send_bytes(frame(4))
        assert socket.receive_json()["known"]


def test_every_coin_of_a_frame(browser: Browser) -> None:
    with connect(browser, "?all=true&k=1") as socket:
        socket.send_bytes(frame(1))
        answer = socket.receive_json()
        posted = browser.http.post("/api/recognize?all=true&k=1", content=PHOTO, headers={"Content-Type": "image/jpeg"})
        assert (answer["frame"], answer["found"], answer["sums"]) == (1, True, {"EUR": "1"})
        assert answer["coins"] == posted.json()["coins"]
        socket.send_bytes(frame(2, EMPTY))
        answer = socket.receive_json()
        assert (answer["found"], answer["coins"], answer["sums"]) == (False, [], {})


def test_a_frame_that_takes_too_long_lets_the_next_one_go(stand: Stand, open_browser: OpenBrowser) -> None:
    go_on = Event()
    recognize = stand.recognize

    def stuck(*asked: Any) -> Any:
        assert go_on.wait(60)
        return recognize(*asked)

    stand.recognize = stuck
    with connect(open_browser(stand, frame_seconds=0.05)) as socket:
        socket.send_bytes(frame(1))
        answer = socket.receive_json()
        assert (answer["frame"], answer["problem"]["type"]) == (1, "urn:mintmark:server-timeout")
        stand.recognize = recognize
        socket.send_bytes(frame(2))
        answer = socket.receive_json()
        assert (answer["frame"], answer["known"]) == (2, True)
        go_on.set()


def test_four_phones_share_the_server(browser: Browser, stand: Stand) -> None:
    """The server takes one frame at a time; each phone sends the next one when it has an answer, and one more waits."""
    one_at_a_time, recognize, all_there = ThreadPoolExecutor(1), stand.recognize, Barrier(4)
    answered, calls = [0] * 4, count()

    def in_turn(*asked: Any) -> Any:
        if next(calls) < 4:
            all_there.wait(60)
        return one_at_a_time.submit(in_a_while, *asked).result()

    def in_a_while(*asked: Any) -> Any:
        time.sleep(0.002)
        return recognize(*asked)

    def phone(number: int) -> None:
        with connect(browser) as socket:
            socket.send_bytes(frame(0))
            while sum(answered) < 200:
                socket.send_bytes(frame(1))
                socket.receive_json()
                answered[number] += 1

    stand.recognize = in_turn
    with one_at_a_time, ThreadPoolExecutor(4) as phones:
        list(phones.map(phone, range(4)))
    assert max(answered) - min(answered) <= 10


@pytest.mark.parametrize("message", ["text", b"", b"abc"])
def test_messages_that_are_no_frames_close_the_socket(browser: Browser, message: str | bytes) -> None:
    with connect(browser) as socket:
        (socket.send_text if isinstance(message, str) else socket.send_bytes)(message)  # type: ignore[operator]
        assert closed(socket) == 1003


def test_frames_that_are_too_large_close_the_socket(stand: Stand, open_browser: OpenBrowser) -> None:
    with connect(open_browser(stand, frame_bytes=100)) as socket:
        socket.send_bytes(frame(1, PHOTO + b"x" * 100))
        assert closed(socket) == 1009


def test_too_many_frames_close_the_socket(stand: Stand, open_browser: OpenBrowser) -> None:
    with connect(open_browser(stand, frames=0.001)) as socket:
        socket.send_bytes(frame(1))
        assert closed(socket) == 1008


def test_a_socket_that_says_nothing_is_closed(stand: Stand, open_browser: OpenBrowser) -> None:
    with connect(open_browser(stand, silent_seconds=0.05)) as socket:
        assert closed(socket) == 1008


def test_sockets_at_a_time_are_bounded(stand: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(stand, sockets=1)
    with connect(browser), pytest.raises(WebSocketDenialResponse) as denied, connect(browser):
        pass
    assert denied.value.status_code == 429
    with connect(browser) as socket:
        socket.send_bytes(frame(1))
        assert socket.receive_json()["known"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403), ({"Host": "evil.example"}, 421)],
)
def test_pages_and_names_of_others_get_no_socket(browser: Browser, headers: dict[str, str], status: int) -> None:
    with pytest.raises(WebSocketDenialResponse) as denied, connect(browser, **headers):
        pass
    assert denied.value.status_code == status
    assert denied.value.headers["x-content-type-options"] == "nosniff"


def test_a_socket_needs_who_may_read(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(guarded)
    with pytest.raises(WebSocketDenialResponse) as denied, connect(browser):
        pass
    assert denied.value.status_code == 401
    with connect(browser, Authorization=f"Bearer {READ}") as socket:
        socket.send_bytes(frame(1))
        assert socket.receive_json()["known"]
    browser.log_in(READ)
    with connect(browser) as socket:
        socket.send_bytes(frame(1))
        assert socket.receive_json()["known"]


def test_a_cookie_alone_opens_no_socket(guarded: Stand, open_browser: OpenBrowser) -> None:
    """A browser names the page that asks; what does not is no browser."""
    browser = open_browser(guarded)
    browser.log_in(READ)
    with pytest.raises(WebSocketDenialResponse) as denied, browser.http.websocket_connect(f"ws://localhost{PATH}"):
        pass
    assert denied.value.status_code == 403


def test_a_socket_ends_with_its_session(guarded: Stand, open_browser: OpenBrowser, clock: Clock) -> None:
    browser = open_browser(guarded, session_seconds=100)
    browser.log_in(CHANGE)
    with connect(browser) as socket:
        socket.send_bytes(frame(1))
        assert socket.receive_json()["known"]
        clock.now += 100
        socket.send_bytes(frame(2))
        assert closed(socket) == 1008


@pytest.mark.parametrize("query", ["?k=0", "?k=1&k=2"])
def test_a_query_that_means_nothing_opens_no_socket(browser: Browser, query: str) -> None:
    with pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)), connect(browser, query):
        pass
