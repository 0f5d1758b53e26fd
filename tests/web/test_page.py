"""The page's files come as they are, nothing else of the machine does, and index.html names all that a view needs."""

import re

import pytest

from tests.web.conftest import Browser
from web.routes.page import FOLDER

TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


def test_the_files_come_with_their_types_and_are_asked_about_each_time(browser: Browser) -> None:
    for path in (one for one in FOLDER.rglob("*") if one.suffix in TYPES):
        answer = browser.http.get(f"/{path.relative_to(FOLDER)}")
        assert answer.content == path.read_bytes()
        assert answer.headers["content-type"].startswith(TYPES[path.suffix])
        assert answer.headers["cache-control"] == "no-cache"
        again = browser.http.get(f"/{path.relative_to(FOLDER)}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert browser.http.get("/").content == (FOLDER / "index.html").read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/../app.py",
        "/%2e%2e/app.py",
        "/scripts/..%2f..%2f..%2fapp.py",
        "/..%5capp.py",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/scripts/%00main.js",
        "/scripts",
        "/scripts/",
        "/.git/config",
        "/tsconfig.json",
    ],
)
def test_what_is_no_file_of_the_page_is_not_there(browser: Browser, path: str) -> None:
    answer = browser.http.get(path, follow_redirects=False)
    assert answer.status_code == 404, path
    assert answer.json()["type"] == "urn:mintmark:http"


def test_the_page_cannot_be_changed(browser: Browser) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert browser.http.request(method, "/index.html", headers={"Origin": "http://localhost"}).status_code == 405


def test_index_names_every_script_and_style() -> None:
    named = set(re.findall(r'(?:href|src)="/([^"]+\.(?:js|css))"', (FOLDER / "index.html").read_text()))
    there = {str(one.relative_to(FOLDER)) for one in FOLDER.rglob("*") if one.suffix in (".js", ".css")}
    assert named == there - {"worker.js"}, "they are fetched at once, and kept for when there is no connection"
