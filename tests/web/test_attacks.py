"""What pages of others, and people without a right, try."""

from urllib.parse import quote

import pytest

from tests.web.conftest import ORIGIN, Browser, Clock, OpenBrowser, form
from tests.web.stand import CHANGE, COIN, PHOTO, Stand

SCRIPT = "<script>alert(1)</script>"
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture(params=["session", "open"])
def page(request: pytest.FixtureRequest, stand: Stand, guarded: Stand, open_browser: OpenBrowser) -> Browser:
    """A browser that may change: by its session, or because everybody may."""
    browser = open_browser(guarded if request.param == "session" else stand)
    if request.param == "session":
        browser.log_in(CHANGE)
    return browser


@pytest.mark.parametrize("without", ["Origin", "X-CSRF-Token"])
def test_changes_need_the_origin_and_the_header(page: Browser, without: str) -> None:
    headers = {name: value for name, value in page.headers().items() if name != without}
    for method, path, body in (
        ("DELETE", f"/api/entries/{COIN}", {}),
        ("PATCH", f"/api/entries/{COIN}", {"json": {"year": 1}}),
        ("POST", "/api/undo", {"json": {}}),
        ("POST", "/api/entries", form(PHOTO, fields="{}")),
        ("POST", f"/api/entries/{COIN}/views", form(PHOTO, fields="{}")),
        ("PATCH", "/api/views/1", {"json": {"side": "edge"}}),
        ("DELETE", "/api/views/1", {}),
    ):
        assert page.http.request(method, path, headers=headers, **body).status_code == 403, path
    assert page.http.get("/api/status").json()["entries"] == 1


@pytest.mark.parametrize("value", ["", "wrong", "ü"])
def test_another_value_of_the_header_is_refused(page: Browser, value: str) -> None:
    headers = [(b"Origin", ORIGIN.encode()), (b"X-CSRF-Token", value.encode())]
    assert page.http.delete(f"/api/entries/{COIN}", headers=headers).status_code == 403


def test_the_value_of_another_session_is_refused(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(guarded)
    other = browser.log_in(CHANGE).json()["csrf"]
    browser.http.cookies.clear()
    browser.log_in(CHANGE)
    headers = {"Origin": ORIGIN, "X-CSRF-Token": other}
    assert browser.http.delete(f"/api/entries/{COIN}", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "origin",
    ["https://localhost", "http://localhost:3000", "http://evil.example", "null", "", "http://localhost.evil.example"],
)
def test_pages_of_others_are_refused(page: Browser, origin: str) -> None:
    for method, path in (("DELETE", f"/api/entries/{COIN}"), ("GET", "/api/entries"), ("POST", "/api/session")):
        answer = page.http.request(method, path, headers={**page.headers(), "Origin": origin})
        assert answer.status_code == 403, path
        assert "access-control-allow-origin" not in answer.headers
    assert page.http.post("/api/recognize", content=PHOTO, headers={"Origin": origin}).status_code == 403


def test_no_page_of_others_is_allowed_to_ask(page: Browser) -> None:
    answer = page.http.options("/api/entries", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "localhost:80:80", "", "a b", "user@localhost"]
)
def test_names_of_others_are_refused(page: Browser, host: str) -> None:
    """A page may have its own name lead to this address."""
    answer = page.http.get("/api/health", headers={"Host": host})
    assert (answer.status_code, answer.json()["type"]) == (421, "urn:mintmark:foreign-name")


def test_own_names_are_known(stand: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(stand, names=("coins.example",))
    for host in ("localhost:8080", "127.0.0.1", "[::1]:8080", "coins.example", "Coins.Example:8443"):
        answer = browser.http.get("/api/health", headers={"Host": host, "Origin": f"http://{host.lower()}"})
        assert answer.status_code == 200, host


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e%2fx", "a%00b", "a%0d%0ab", "é", "x" * 65, "a b", "%FF"],
)
def test_paths_that_are_no_ids_lead_nowhere(browser: Browser, stand: Stand, path: str) -> None:
    for route in (f"entries/{path}", f"pictures/{path}/1", f"pictures/{COIN}/{path}", f"similar/{path}"):
        assert browser.http.get(f"/api/{route}").status_code in (404, 422), route
    assert {operation for _, operation in stand.asked} <= {"known", "rights"}  # which say what everybody may


def test_scripts_in_names_are_data(browser: Browser, stand: Stand) -> None:
    stand.enroll("x", SCRIPT, metadata={"note": SCRIPT})
    for path in ("/api/entries", "/api/entries/x", "/api/history"):
        answer = browser.http.get(path)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert browser.http.get("/api/entries/x").json()["entry"]["name"] == SCRIPT
    refused = browser.http.get(f"/api/entries?{quote(SCRIPT)}=1")
    assert refused.headers["content-type"] == "application/problem+json"


def test_every_answer_has_the_headers_that_protect(browser: Browser, stand: Stand) -> None:
    answers = [browser.http.get(path) for path in ("/api/entries", "/api/nothing", "/", f"/api/pictures/{COIN}/1")]
    answers.append(browser.http.get("/api/health", headers={"Host": "evil.example"}))
    stand.error = RuntimeError("inside")
    answers.append(browser.http.get("/api/entries"))
    assert answers[-1].status_code == 500
    for answer in answers:
        assert answer.headers.items() >= HEADERS.items()
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy
        assert "server" not in answer.headers
        kept = {"image/jpeg": "private, max-age=3600", "text/html; charset=utf-8": "no-cache"}
        assert answer.headers["cache-control"] == kept.get(answer.headers["content-type"], "no-store")


def test_too_many_logins_wait(guarded: Stand, open_browser: OpenBrowser, clock: Clock) -> None:
    browser = open_browser(guarded, logins=3)
    assert [browser.log_in(f"guess-{n}").status_code for n in range(3)] == [401] * 3
    for refused in (
        browser.log_in(CHANGE),
        browser.http.get("/api/entries", headers={"Authorization": "Bearer guess-4"}),
    ):
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) == 20
    asked = len(guarded.asked)
    browser.log_in("guess-5")
    assert len(guarded.asked) == asked
    clock.now += 20
    assert browser.log_in(CHANGE).status_code == 200
