"""Recognizing and enrolling through the gateway."""

import json

import pytest

from tests.web.conftest import Browser, form, raw
from tests.web.stand import COIN, DOUBT, EMPTY, PHOTO, REVERSE, Stand

FIELDS = {"name": "10 won", "country": "South Korea", "currency": "won", "denomination": "10", "year": 1998}


def enroll(browser: Browser, *photos: bytes, **fields: object) -> tuple[int, dict]:
    answer = browser.change("POST", "/api/entries", **form(*photos, fields=json.dumps({**FIELDS, **fields})))
    return answer.status_code, answer.json()


def test_a_photo_as_it_is(browser: Browser) -> None:
    answer = browser.http.post("/api/recognize", **raw(PHOTO)).json()["coin"]
    assert answer["found"] and answer["known"]
    assert answer["ellipse"] == {"cx": 60.0, "cy": 50.0, "a": 40.0, "b": 30.0, "angle": 20.0}
    assert [match["entry"]["name"] for match in answer["matches"]] == ["2 Euro"]


def test_a_photo_in_a_form(browser: Browser) -> None:
    assert browser.http.post("/api/recognize", **form(PHOTO)).json()["coin"]["known"]


def test_a_photo_without_a_coin_is_an_answer(browser: Browser) -> None:
    answer = browser.http.post("/api/recognize", **raw(EMPTY))
    assert answer.status_code == 200
    said: dict[str, object] = {
        "found": False,
        "known": False,
        "margin": 0.0,
        "ellipse": None,
        "matches": [],
        "notes": [],
    }
    assert answer.json()["coin"].items() >= said.items()


def test_every_coin(browser: Browser) -> None:
    answer = browser.http.post("/api/recognize?all=true&k=1", **raw(PHOTO)).json()
    assert answer["coin"] is None and answer["pair"] is None
    assert [coin["matches"][0]["entry"]["name"] for coin in answer["coins"]] == ["2 Euro"]
    assert answer["sums"] == {"EUR": "1"}
    assert browser.http.post("/api/recognize", **raw(PHOTO)).json()["sums"] is None


def test_two_photos_are_the_sides_of_one_coin(browser: Browser) -> None:
    pair = browser.http.post("/api/recognize", **form(PHOTO, REVERSE)).json()["pair"]
    assert [match["entry"]["id"] for match in pair["matches"]] == [COIN]
    assert len(pair["answers"]) == 2


def test_two_photos_and_every_coin_do_not_go_together(browser: Browser) -> None:
    assert browser.http.post("/api/recognize?all=true", **form(PHOTO, REVERSE)).status_code == 400


def test_options_and_filters_reach_the_server(browser: Browser, stand: Stand) -> None:
    query = "k=3&verify=false&candidates=7&country=Austria&metadata.mint=Vienna"
    browser.http.post(f"/api/recognize?{query}", **raw(PHOTO))
    model, parameters = stand.photos.calls[-1]
    assert model == "coin_search"
    assert parameters == {"k": 3, "verify": False, "candidates": 7, "country": "Austria", "metadata.mint": "Vienna"}


@pytest.mark.parametrize("query", ["colour=red", "k=0", "k=1001", "k=many", "k=1&k=2", "year=soon", "candidates=0"])
def test_a_query_that_means_nothing_is_refused(browser: Browser, query: str) -> None:
    answer = browser.http.post(f"/api/recognize?{query}", **raw(PHOTO))
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_is_no_photo_is_refused(browser: Browser) -> None:
    answer = browser.http.post("/api/recognize", **raw(b"a letter"))
    said = {"type": "urn:mintmark:invalid-photo", "status": 422, "detail": "photo is not an image"}
    assert answer.status_code == 422
    assert answer.json().items() >= said.items()
    assert browser.http.post("/api/recognize", **raw(b"")).status_code == 422


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/x-www-form-urlencoded", ""])
def test_other_bodies_are_refused(browser: Browser, kind: str) -> None:
    answer = browser.http.post("/api/recognize", content=PHOTO, headers={"Content-Type": kind})
    assert answer.status_code == 415


def test_forms_of_other_parts_are_refused(browser: Browser) -> None:
    for files in ([("picture", PHOTO)], [("photo", PHOTO)] * 3, [("photo", PHOTO), ("fields", b"{}")]):
        assert browser.http.post("/api/recognize", files=files).status_code == 400
    assert browser.http.post("/api/recognize", data={"fields": "{}"}, files={}).status_code in (400, 415)


def test_an_enrolled_coin_is_there(browser: Browser) -> None:
    status, answer = enroll(browser, PHOTO, side="obverse", entry="w10", metadata={"mint": "Seoul"})
    assert status == 201
    assert answer["doubts"] == [DOUBT] and answer["refused"] == ""
    shown = browser.http.get("/api/entries/w10").json()
    assert shown["entry"] == {**FIELDS, "id": "w10", "mint_mark": None, "metadata": {"mint": "Seoul"}}
    assert [view["side"] for view in shown["views"]] == ["obverse"]


def test_two_photos_become_both_sides(browser: Browser) -> None:
    _, answer = enroll(browser, PHOTO, REVERSE)
    views = browser.http.get(f"/api/entries/{answer['entry']['id']}").json()["views"]
    assert [view["side"] for view in views] == ["obverse", "reverse"]
    _, answer = enroll(browser, PHOTO, REVERSE, side="reverse")
    views = browser.http.get(f"/api/entries/{answer['entry']['id']}").json()["views"]
    assert [view["side"] for view in views] == ["reverse", "obverse"]


def test_the_first_photo_stays_where_the_second_is_refused(browser: Browser) -> None:
    status, answer = enroll(browser, PHOTO, EMPTY, entry="w10")
    assert status == 201
    assert answer["refused"] == "the photo shows no coin"
    assert len(browser.http.get("/api/entries/w10").json()["views"]) == 1


def test_a_photo_without_a_coin_is_not_enrolled(browser: Browser) -> None:
    status, answer = enroll(browser, EMPTY, side="obverse", entry="w10")
    assert (status, answer["type"]) == (422, "urn:mintmark:no-coin")
    assert browser.http.get("/api/entries/w10").status_code == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"side": None},
        {"side": "top"},
        {"side": "obverse", "name": 7},
        {"side": "obverse", "year": "1998"},
        {"side": "obverse", "colour": "red"},
        {"side": "obverse", "entry": 7},
        {"side": "obverse", "entry": "../x"},
        {"side": "obverse", "metadata": []},
    ],
)
def test_fields_that_are_wrong_are_refused(browser: Browser, fields: dict[str, object]) -> None:
    status, answer = enroll(browser, PHOTO, **fields)
    assert status == 400, answer
    assert browser.http.get("/api/status").json()["entries"] == 1


@pytest.mark.parametrize("fields", ["", "[]", "{", "[" * 50_000, '{"name": "a"}', '{"side": "obverse"}'])
def test_fields_that_are_no_entry_are_refused(browser: Browser, fields: str) -> None:
    assert browser.change("POST", "/api/entries", **form(PHOTO, fields=fields)).status_code == 400


def test_another_photo_of_an_entry(browser: Browser) -> None:
    path = f"/api/entries/{COIN}/views"
    answer = browser.change("POST", path, **form(REVERSE, fields='{"side": "reverse"}'))
    assert answer.status_code == 201
    views = browser.http.get(f"/api/entries/{COIN}").json()["views"]
    assert [view["side"] for view in views] == ["obverse", "reverse"]
    assert browser.change("POST", path, **form(PHOTO, REVERSE, fields='{"side": "edge"}')).status_code == 400
    assert browser.change("POST", path, **form(PHOTO, fields='{"side": "edge", "name": "x"}')).status_code == 400
