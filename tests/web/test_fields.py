"""What the gateway says of an entry's fields is what the server does."""

from ensemble.entry import FIELDS, FILTERS, SIDE, SIDES
from tests.web.conftest import Browser, OpenBrowser
from tests.web.stand import Stand


def test_every_field_is_described(browser: Browser) -> None:
    answer = browser.http.get("/api/fields").json()
    assert answer["sides"] == list(SIDES)
    assert [one["name"] for one in answer["fields"]] == [name for name in FIELDS if name != SIDE]
    year = next(one for one in answer["fields"] if one["name"] == "year")
    assert year == {
        **{"name": "year", "kind": "whole number", "doc": "year of issue", "most": 5000},
        **{"required": False, "filter": True, "sort": True},
    }


def test_the_server_filters_and_sorts_by_what_is_said(browser: Browser) -> None:
    for one in browser.http.get("/api/fields").json()["fields"]:
        assert one["filter"] == (one["name"] in FILTERS)
        value = 1990 if one["kind"] == "whole number" else "x"
        assert browser.http.get("/api/entries", params={"sort": one["name"]}).status_code == (
            200 if one["sort"] else 400
        )
        if one["filter"]:
            assert browser.http.get("/api/entries", params={one["name"]: value}).json()["entries"] == []


def test_it_needs_who_may_read(guarded: Stand, open_browser: OpenBrowser) -> None:
    assert open_browser(guarded).http.get("/api/fields").status_code == 401
