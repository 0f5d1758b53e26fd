"""Logging in and out, roles, and what a session lets pass."""

from concurrent.futures import ThreadPoolExecutor, wait
from http.cookies import SimpleCookie

import pytest

from ensemble import variables
from mintmark import ServerUnavailable
from tests.web.conftest import ORIGIN, Browser, Clock, OpenBrowser, form, raw
from tests.web.stand import CHANGE, COIN, PHOTO, READ, TOKENS, Stand


def roles(browser: Browser) -> tuple[str, bool]:
    said = browser.http.get("/api/session").json()
    return said["role"], said["logged_in"]


def test_without_tokens_everybody_may_change(browser: Browser) -> None:
    assert roles(browser) == ("change", False)
    assert browser.change("PATCH", f"/api/entries/{COIN}", json={"year": 2002}).status_code == 200


def test_who_has_no_token_may_nothing(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(guarded)
    assert roles(browser) == ("none", False)
    for path in ("entries", f"entries/{COIN}", "history", f"pictures/{COIN}", f"pictures/{COIN}/1", "status"):
        answer = browser.http.get(f"/api/{path}")
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:mintmark:unauthorized"), path
    assert browser.http.post("/api/recognize", **raw(PHOTO)).status_code == 401
    assert browser.change("DELETE", f"/api/entries/{COIN}").status_code == 401
    assert browser.http.get("/api/health").json() == {"ready": True}


def test_health_is_told_without_a_token_and_without_refused_ones(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(guarded)
    assert [browser.http.get("/api/health").json() for _ in range(5)] == [{"ready": True}] * 5
    assert len(guarded.asked) <= 1
    guarded.ready = False  # it starts, or serves on before it stops
    answer = browser.http.get("/api/health")
    assert (answer.status_code, answer.json()) == (503, {"ready": False})


def test_the_token_for_reading_only_reads(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(guarded)
    assert browser.log_in(READ).json()["role"] == "read"
    assert browser.http.post("/api/recognize", **raw(PHOTO)).json()["coin"]["known"]
    asked = len(guarded.asked)
    for method, path, body in (
        ("PATCH", f"/api/entries/{COIN}", {"json": {"year": 1}}),
        ("DELETE", f"/api/entries/{COIN}", {}),
        ("POST", "/api/undo", {"json": {}}),
        ("POST", "/api/entries", form(PHOTO, fields="{}")),
        ("POST", f"/api/entries/{COIN}/views", form(PHOTO, fields="{}")),
        ("PATCH", "/api/views/1", {"json": {"side": "edge"}}),
        ("DELETE", "/api/views/1", {}),
    ):
        assert browser.change(method, path, **body).status_code == 403, path
    assert len(guarded.asked) == asked


@pytest.mark.parametrize("token", [READ, CHANGE])
def test_asking_for_a_role_is_no_refused_change(guarded: Stand, open_browser: OpenBrowser, token: str) -> None:
    """Refusals are counted by the server, and stand in its audit log."""
    open_browser(guarded).log_in(token)
    assert [operation for sent, operation in guarded.asked if sent == token] == ["rights"]


def test_the_token_for_changing_changes(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(guarded)
    assert browser.log_in(CHANGE).json()["role"] == "change"
    assert browser.change("PATCH", f"/api/entries/{COIN}", json={"year": 2002}).status_code == 200
    assert browser.http.get("/api/history").json()["events"][0]["who"] == "owner"


def test_where_reading_is_open_a_session_is_for_changes(stand: Stand, open_browser: OpenBrowser) -> None:
    stand.tokens = {variables.TOKEN: CHANGE}
    browser = open_browser(stand)
    assert roles(browser) == ("read", False)
    assert browser.http.get("/api/entries").status_code == 200
    assert browser.change("DELETE", f"/api/entries/{COIN}").status_code == 401
    assert browser.log_in("wrong").status_code == 401
    assert browser.log_in(CHANGE).status_code == 200
    assert browser.change("DELETE", f"/api/entries/{COIN}").status_code == 204


@pytest.mark.parametrize("token", ["not-right", "", "with space", "ümlaut", "x" * 1001, "a\r\nb", None, 7])
def test_wrong_tokens_begin_no_session(guarded: Stand, open_browser: OpenBrowser, token: object) -> None:
    browser = open_browser(guarded)
    answer = browser.http.post("/api/session", json={"token": token})
    assert answer.status_code in (401, 422)
    assert "set-cookie" not in answer.headers
    if token:
        assert str(token) not in answer.text


def test_checking_a_token_changes_nothing(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(guarded)
    before = guarded.catalog.store
    browser.log_in(CHANGE)
    events = browser.http.get("/api/history").json()["events"]
    assert [event["kind"] for event in events] == ["added"]
    assert before is guarded.catalog.store


def test_the_cookie_is_out_of_reach(guarded: Stand, open_browser: OpenBrowser) -> None:
    answer = open_browser(guarded).log_in(CHANGE)
    cookie = SimpleCookie(answer.headers["set-cookie"])["mintmark"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")
    assert int(cookie["max-age"]) == 12 * 3600
    assert not cookie["domain"] and not cookie["secure"]
    assert CHANGE not in answer.text + str(answer.headers)


def test_under_tls_the_cookie_stays_there(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(guarded, tls=True)
    answer = browser.http.post("/api/session", json={"token": CHANGE}, headers={"Origin": "https://localhost"})
    cookie = SimpleCookie(answer.headers["set-cookie"])["__Host-mintmark"]
    assert cookie["secure"] and cookie["path"] == "/" and not cookie["domain"]


def test_a_session_that_was_chosen_before_is_not_taken(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(guarded)
    browser.http.cookies.set("mintmark", "chosen-by-an-attacker", domain="localhost.local")
    browser.log_in(CHANGE)
    browser.http.cookies.clear()
    browser.http.cookies.set("mintmark", "chosen-by-an-attacker", domain="localhost.local")
    assert browser.http.get("/api/entries").status_code == 401


def test_a_login_ends_the_session_before(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(guarded)
    first = browser.log_in(CHANGE).cookies["mintmark"]
    second = browser.log_in(CHANGE).cookies["mintmark"]
    assert first != second
    assert browser.http.get("/api/entries").status_code == 200
    browser.http.cookies.clear()
    assert browser.http.get("/api/entries", headers={"Cookie": f"mintmark={first}"}).status_code == 401


def test_logging_out(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(guarded)
    name = browser.log_in(CHANGE).cookies["mintmark"]
    assert browser.http.delete("/api/session", headers={"Origin": ORIGIN}).status_code == 403
    assert browser.change("DELETE", "/api/session").status_code == 204
    assert browser.http.get("/api/entries", headers={"Cookie": f"mintmark={name}"}).status_code == 401


def test_sessions_end_after_their_time(guarded: Stand, open_browser: OpenBrowser, clock: Clock) -> None:
    browser = open_browser(guarded, session_seconds=100)
    browser.log_in(CHANGE)
    clock.now += 99
    assert browser.http.get("/api/entries").status_code == 200
    clock.now += 1
    assert browser.http.get("/api/entries").status_code == 401


def test_sessions_are_bounded(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(guarded, sessions=2)
    names = []
    for _ in range(3):
        browser.http.cookies.clear()
        names.append(browser.log_in(CHANGE).cookies["mintmark"])
    browser.http.cookies.clear()
    answers = [browser.http.get("/api/entries", headers={"Cookie": f"mintmark={name}"}) for name in names]
    assert [answer.status_code for answer in answers] == [401, 200, 200]


def test_a_token_that_the_server_does_not_take_any_more(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(guarded)
    browser.log_in(CHANGE)
    guarded.tokens = {**TOKENS, variables.TOKEN: "another"}
    assert browser.http.get("/api/entries").status_code == 401


def test_right_tokens_are_no_guesses(guarded: Stand, open_browser: OpenBrowser, clock: Clock) -> None:
    browser = open_browser(guarded, logins=1)
    for token in (CHANGE, READ) * 3:
        clock.now += 31  # the role is not remembered any more
        answer = browser.http.get("/api/entries", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, browser.log_in(token).status_code) == (200, 200)
    assert browser.log_in("guess").status_code == 401
    assert browser.log_in("guess").status_code == 429


def test_programs_send_the_token_itself(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(guarded)
    bearer = {"Authorization": f"Bearer {CHANGE}"}
    assert browser.http.get("/api/session", headers=bearer).json() == {"role": "change", "csrf": "", "logged_in": False}
    assert browser.http.delete(f"/api/entries/{COIN}", headers=bearer).status_code == 204
    reading = {"Authorization": f"Bearer {READ}"}
    assert browser.http.post("/api/undo", json={}, headers=reading).status_code == 403
    for wrong in ("Bearer wrong", "Bearer", "Basic YTpi", "", f"Token {CHANGE}"):
        assert browser.http.get("/api/entries", headers={"Authorization": wrong}).status_code == 401


def test_requests_at_once_with_a_right_token_are_one_login(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser, go_on = open_browser(guarded, logins=1), guarded.hold()
    bearer = {"Authorization": f"Bearer {CHANGE}"}
    with ThreadPoolExecutor(4) as programs:
        asked = [programs.submit(browser.http.get, "/api/entries", headers=bearer) for _ in range(4)]
        wait(asked, 0.5)
        go_on.set()
    assert [one.result().status_code for one in asked] == [200] * 4


def test_a_login_does_not_count_while_the_server_is_away(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(guarded, logins=1)
    guarded.error = ServerUnavailable("away")
    assert [browser.log_in(CHANGE).status_code for _ in range(3)] == [503] * 3
    guarded.error = None
    assert browser.log_in(CHANGE).status_code == 200
