"""Looking after a collection through the gateway: lists, changes, pictures, the past."""

import pytest

from ensemble.entry import FIELDS
from tests.web.conftest import Browser
from tests.web.stand import COIN, Stand


def test_pages_follow_the_cursor(browser: Browser, stand: Stand) -> None:
    for number in range(5):
        stand.enroll(f"w{number}", f"{number} won", year=2000 - number)
    cursor, found, pages = "", [], 0
    while pages == 0 or cursor:
        page = browser.http.get("/api/entries", params={"sort": "year", "limit": 2, "cursor": cursor}).json()
        found += [entry["id"] for entry in page["entries"]]
        cursor, pages = page["next"], pages + 1
    assert pages > 2
    assert found == ["w4", "w3", "w2", "w1", "w0", COIN]


def test_lists_search_filter_and_sort(browser: Browser, stand: Stand) -> None:
    stand.enroll("w10", "10 won", year=1998)
    stand.enroll("w100", "100 won", year=1970)

    def found(**query: str) -> list[str]:
        answer = browser.http.get("/api/entries", params=query)
        return [entry["id"] for entry in answer.json()["entries"]]

    assert found(text="won") == ["w10", "w100"]
    assert found(country="Austria") == [COIN]
    assert found(text="won", sort="year") == ["w100", "w10"]
    assert found(text="won", sort="year", descending="true") == ["w10", "w100"]
    assert browser.http.get("/api/entries", params={"colour": "red"}).status_code == 400
    assert browser.http.get("/api/entries", params={"sort": "colour"}).status_code == 400
    assert browser.http.get("/api/entries", params={"cursor": "x", "sort": "year"}).status_code == 400


def test_an_entry_is_changed_and_removed(browser: Browser) -> None:
    changed = browser.change("PATCH", f"/api/entries/{COIN}", json={"year": 2002, "metadata": {"mint": "Vienna"}})
    assert (changed.json()["year"], changed.json()["metadata"]) == (2002, {"mint": "Vienna"})
    assert browser.change("PATCH", f"/api/entries/{COIN}", json={"year": None}).json()["year"] is None
    assert browser.change("DELETE", f"/api/entries/{COIN}").status_code == 204
    assert browser.http.get(f"/api/entries/{COIN}").status_code == 404
    assert browser.change("DELETE", f"/api/entries/{COIN}").status_code == 404


@pytest.mark.parametrize(
    "changes", [{}, {"entry_id": "x"}, {"self": 1}, {"id": "x"}, {"year": "soon"}, {"name": ""}, [], None, "x"]
)
def test_changes_that_are_wrong_are_refused(browser: Browser, changes: object) -> None:
    assert browser.change("PATCH", f"/api/entries/{COIN}", json=changes).status_code in (400, 422)
    assert browser.http.get(f"/api/entries/{COIN}").json()["entry"]["name"] == "2 Euro"


@pytest.mark.parametrize(
    "body",
    [
        b'{"\\ud800": 1}',
        b'{"name": "\\ud800"}',
        b'{"side": "\\ud800"}',
        b'{"metadata": {"a": NaN}}',
        b'{"metadata": ' + b'{"a":' * 900 + b"1" + b"}" * 901,
        b"[" * 60_000,
        b'{"year": ' + b"9" * 5000 + b"}",
        b"\xff\xfe",
        b"",
    ],
)
def test_bodies_that_are_no_good_json(browser: Browser, body: bytes) -> None:
    kind = {**browser.headers(), "Content-Type": "application/json"}
    for method, path in (("PATCH", f"/api/entries/{COIN}"), ("PATCH", "/api/views/1"), ("POST", "/api/session")):
        answer = browser.http.request(method, path, content=body, headers=kind)
        assert answer.status_code in (400, 401, 422), (path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


def test_json_that_does_not_say_so_is_refused(browser: Browser) -> None:
    """A page of another site may send text without being asked."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/octet-stream"):
        headers = {**browser.headers(), "Content-Type": kind}
        assert browser.http.post("/api/undo", content=b"{}", headers=headers).status_code == 422


def test_a_view_shows_another_side_and_goes(browser: Browser, stand: Stand) -> None:
    stand.enroll(COIN, "2 Euro", "reverse", country="Austria")
    first, second = (view["id"] for view in browser.http.get(f"/api/entries/{COIN}").json()["views"])
    assert browser.change("PATCH", f"/api/views/{second}", json={"side": "edge"}).status_code == 204
    assert browser.http.get(f"/api/entries/{COIN}").json()["views"][1]["side"] == "edge"
    assert browser.change("PATCH", f"/api/views/{second}", json={}).status_code == 400
    assert browser.change("PATCH", f"/api/views/{second}", json={"sides": "edge"}).status_code == 422
    assert browser.change("DELETE", f"/api/views/{second}").status_code == 204
    assert [view["id"] for view in browser.http.get(f"/api/entries/{COIN}").json()["views"]] == [first]
    assert browser.change("DELETE", "/api/views/999").status_code == 404


def test_history_and_undo(browser: Browser) -> None:
    browser.change("PATCH", f"/api/entries/{COIN}", json={"year": 2002})
    browser.change("DELETE", f"/api/entries/{COIN}")
    events = browser.http.get("/api/history").json()["events"]
    assert [event["kind"] for event in events] == ["removed", "updated", "added"]
    assert browser.change("POST", "/api/undo", json={}).json()["kind"] == "removed"
    assert browser.http.get(f"/api/entries/{COIN}").json()["entry"]["year"] == 2002
    assert browser.change("POST", "/api/undo", json={"event": events[1]["number"]}).json()["kind"] == "updated"
    assert browser.http.get(f"/api/entries/{COIN}").json()["entry"]["year"] is None
    page = browser.http.get(f"/api/entries/{COIN}/history?limit=2").json()
    rest = browser.http.get(f"/api/entries/{COIN}/history", params={"cursor": page["next"]}).json()
    assert [event["kind"] for event in page["events"] + rest["events"]] == [
        *("updated", "added", "removed", "updated", "added")
    ]


def test_pictures_are_kept_by_the_browser(browser: Browser) -> None:
    (view,) = browser.http.get(f"/api/entries/{COIN}").json()["views"]
    picture = browser.http.get(view["picture"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8\xff")
    assert picture.headers["cache-control"].startswith("private")
    tag = picture.headers["etag"]
    assert tag.startswith('"')
    for known in (tag, f'"other", W/{tag}', "*"):
        again = browser.http.get(view["picture"], headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert browser.http.get(view["picture"], headers={"If-None-Match": '"other"'}).status_code == 200
    assert browser.http.get(f"/api/pictures/{COIN}/999").status_code == 404
    assert browser.http.get("/api/pictures/none/1").status_code == 404


def test_the_picture_of_an_entry_is_that_of_its_first_photo(browser: Browser, stand: Stand) -> None:
    stand.enroll("x", side="obverse")
    stand.enroll("x", side="reverse")
    first, second = (browser.http.get(view["picture"]) for view in browser.http.get("/api/entries/x").json()["views"])
    stand.asked.clear()
    cover = browser.http.get("/api/pictures/x")
    assert cover.content == first.content != second.content
    assert cover.headers["etag"] == first.headers["etag"] != second.headers["etag"]
    assert browser.http.get("/api/pictures/x", headers={"If-None-Match": cover.headers["etag"]}).status_code == 304
    assert browser.http.get("/api/pictures/none").status_code == 404
    assert {operation for _, operation in stand.asked} == {"picture"}


def test_similar_entries(browser: Browser, stand: Stand) -> None:
    stand.enroll("w10", "10 won")
    assert [one["entry"]["id"] for one in browser.http.get(f"/api/similar/{COIN}").json()] == ["w10"]
    assert browser.http.get("/api/similar/none").status_code == 404


def test_status_and_health(browser: Browser) -> None:
    assert browser.http.get("/api/status").json()["entries"] == 1
    assert browser.http.get("/api/health").json() == {"ready": True}


def test_openapi_has_types_for_every_answer(browser: Browser) -> None:
    document = browser.http.get("/api/openapi.json").json()
    assert {"Answer", "Enrolled", "EntryPage", "EventPage", "CatalogStatus"} <= set(document["components"]["schemas"])
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            assert "application/problem+json" in said["responses"]["default"]["content"], (path, method)
            (status, good) = next((status, one) for status, one in said["responses"].items() if status[0] == "2")
            if status != "204":
                assert all(kind == "image/jpeg" or one["schema"] for kind, one in good["content"].items()), path
    filters = {one["name"] for one in document["paths"]["/api/entries"]["get"]["parameters"]}
    assert {name for name, field in FIELDS.items() if field.filter} <= filters
