"""A proxy before the gateway: whom it asks for is believed, and of nobody else."""

import pytest

from tests.web.conftest import ORIGIN, OpenBrowser
from tests.web.stand import CHANGE, Stand
from web.proxies import Proxies

PROXY = "192.0.2.1"
FOR = "X-Forwarded-For"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7", "198.51.100.7"),  # the first is what the client itself said
        ("198.51.100.7, 10.1.2.3", "198.51.100.7"),  # of two proxies in a row
        ("10.1.2.3, 10.1.2.4", "10.1.2.3"),
        ("198.51.100.7:1234", "198.51.100.7"),
        ("[2001:db8::1]:1234", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("198.51.100.7, unknown", PROXY),
        ("198.51.100.7, unknown, 10.1.2.3", "10.1.2.3"),
        ("", PROXY),
        (",,", PROXY),
    ],
)
def test_who_asked_the_proxy(forwarded: str, client: str) -> None:
    assert Proxies([PROXY, "10.0.0.0/8"]).asked_by(PROXY, forwarded) == client


def test_clients_behind_a_proxy_are_limited_one_by_one(stand: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(stand, host=PROXY, proxies=(PROXY,), request_burst=2, requests=0.001)

    def ask(client: str) -> int:
        return int(browser.http.get("/api/health", headers={FOR: client}).status_code)

    assert [ask("198.51.100.7") for _ in range(3)] == [200, 200, 429]
    assert ask("198.51.100.8") == 200
    assert ask("198.51.100.8, 198.51.100.7") == 429


@pytest.mark.parametrize("proxies", [(), ("192.0.2.2", "192.0.2.128/25")])
def test_nobody_else_is_believed(stand: Stand, open_browser: OpenBrowser, proxies: tuple[str, ...]) -> None:
    browser = open_browser(stand, host=PROXY, proxies=proxies, request_burst=2, requests=0.001)
    said = [{FOR: f"198.51.100.{number}", "X-Forwarded-Proto": "https"} for number in range(3)]
    assert [browser.http.get("/api/health", headers=one).status_code for one in said] == [200, 200, 429]


def test_the_scheme_of_who_asked_the_proxy(guarded: Stand, open_browser: OpenBrowser) -> None:
    """Its cookie goes over TLS alone, and its pages are those of the other scheme."""
    browser = open_browser(guarded, host=PROXY, proxies=(PROXY,))
    secure = {"X-Forwarded-Proto": "https"}
    answer = browser.http.post(
        "/api/session", json={"token": CHANGE}, headers={"Origin": "https://localhost", **secure}
    )
    assert answer.status_code == 200
    assert answer.headers["set-cookie"].startswith("__Host-mintmark=") and "Secure" in answer.headers["set-cookie"]
    name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
    again = browser.http.get("/api/session", headers={"Cookie": f"{name}={value}", **secure})
    assert again.json()["role"] == "change"
    assert browser.http.get("/api/session", headers={"Cookie": f"{name}={value}"}).json()["role"] == "none"
    refused = browser.http.post("/api/session", json={"token": CHANGE}, headers={"Origin": ORIGIN, **secure})
    assert refused.status_code == 403


@pytest.mark.parametrize("proto", ["ftp", "", "https, http", "wss"])
def test_schemes_that_are_none_or_older_are_left(stand: Stand, open_browser: OpenBrowser, proto: str) -> None:
    browser = open_browser(stand, host=PROXY, proxies=(PROXY,))
    headers = {"X-Forwarded-Proto": proto, "Origin": ORIGIN}
    assert browser.http.get("/api/session", headers=headers).status_code == 200
