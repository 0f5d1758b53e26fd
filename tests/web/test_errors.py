"""Errors of the server become problems, and nothing of the inside is told."""

import pytest

from mintmark import (
    EntryNotFound,
    InvalidPhoto,
    InvalidRequest,
    NoCoinFound,
    RequestTimeout,
    ServerBusy,
    ServerError,
    ServerUnavailable,
    Unauthorized,
    UnfitPhoto,
)
from tests.web.conftest import Browser
from tests.web.stand import Stand

INSIDE = "10.0.0.7:8001"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidRequest, 400),
        (Unauthorized, 401),
        (EntryNotFound, 404),
        (InvalidPhoto, 422),
        (NoCoinFound, 422),
        (UnfitPhoto, 422),
    ],
)
def test_what_is_wrong_with_a_request_is_said(
    browser: Browser, stand: Stand, error: type[Exception], status: int
) -> None:
    browser.http.get("/api/session")
    stand.error = error("the reason")
    answer = browser.http.get("/api/status")
    assert (answer.status_code, answer.json()["status"], answer.json()["detail"]) == (status, status, "the reason")


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (ServerBusy, 503, True),
        (ServerUnavailable, 503, True),
        (RequestTimeout, 504, False),
        (ServerError, 502, False),
        (RuntimeError, 500, False),
    ],
)
def test_what_is_wrong_with_the_server_is_not(
    browser: Browser, stand: Stand, error: type[Exception], status: int, retry: bool
) -> None:
    browser.http.get("/api/session")
    stand.error = error(f"server {INSIDE} failed")
    answer = browser.http.get("/api/status")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert INSIDE not in answer.text and "Traceback" not in answer.text
    assert ("retry-after" in answer.headers) == retry


def test_a_server_that_does_not_answer_is_not_healthy(browser: Browser, stand: Stand) -> None:
    stand.error = ServerUnavailable("nothing listens there")
    answer = browser.http.get("/api/health")
    assert (answer.status_code, answer.json()) == (503, {"ready": False})


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/api/nothing", 404), ("PUT", "/api/entries", 405)])
def test_what_is_not_there(browser: Browser, method: str, path: str, status: int) -> None:
    answer = browser.http.request(method, path)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
