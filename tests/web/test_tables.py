"""Tables that a page reads, and rows that it uploads."""

import importlib
import io
import json
from typing import Any

import pytest

from tests.web.conftest import Browser, OpenBrowser, form
from tests.web.stand import CHANGE, COIN, EMPTY, PHOTO, READ, REVERSE, Stand
from web import table_process
from web.tables import TableRows

openpyxl: Any = importlib.import_module("openpyxl")  # has no types

HEADER = "path,entry,name,country,currency,denomination,side,year,mint\n"
TABLE = (
    HEADER
    + "a.jpg,w10,10 won,South Korea,won,10,obverse,1998,Seoul\n"
    + "b.jpg,w10,,,,,reverse,,\n"
    + 'c.jpg,,2 euro,Austria,euro,"2,0",obverse,,\n'
)
WON = {"name": "10 won", "country": "South Korea", "currency": "won", "denomination": "10", "year": 1998}
EURO = {"name": "2 euro", "country": "Austria", "currency": "euro", "denomination": "2"}
ROWS: list[dict[str, Any]] = [
    {
        "row": 2,
        "fields": {"entry": "w10", **WON, "metadata": {"mint": "Seoul"}},
        "photos": {"obverse": "a.jpg"},
        "problem": "",
    },
    {"row": 3, "fields": {"entry": "w10"}, "photos": {"reverse": "b.jpg"}, "problem": ""},
    {"row": 4, "fields": EURO, "photos": {"obverse": "c.jpg"}, "problem": ""},
]


def read(browser: Browser, table: bytes | str, kind: str = "text/csv") -> Any:
    """What the gateway says of a table."""
    content = table.encode() if isinstance(table, str) else table
    headers = {**browser.headers(), "Content-Type": kind}
    return browser.http.post("/api/tables", headers=headers, content=content)


def spreadsheet(rows: list[list[str]]) -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def row_of(row: dict[str, Any], photo: bytes) -> dict[str, Any]:
    """A row as a page uploads it."""
    (side,) = row["photos"]
    return form(photo, fields=json.dumps({**row["fields"], "side": side}))


def test_the_rows_of_a_table(browser: Browser) -> None:
    before = browser.http.get("/api/status").json()
    answer = read(browser, TABLE)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    TableRows.model_validate(answer.json())
    assert answer.json() == {"rows": ROWS, "notes": []}
    sent = browser.change("POST", "/api/tables", files={"table": ("labels.csv", TABLE)})
    assert sent.json() == answer.json()
    assert browser.http.get("/api/status").json() == before


def test_a_spreadsheet_says_the_same(browser: Browser) -> None:
    cells = [line.split(",") for line in TABLE.replace('"2,0"', "2").splitlines()]
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert read(browser, spreadsheet(cells), kind).json()["rows"] == ROWS


def test_what_is_wrong_with_a_row_is_its_own(browser: Browser) -> None:
    table = (
        HEADER
        + "a.jpg,,10 won,South Korea,won,10,top,,\n"
        + "b.jpg,,10 won,South Korea,won,10,obverse,soon,\n"
        + "c.jpg,,10 won,South Korea,won,,obverse,,\n"
        + ",x,10 won,South Korea,won,10,obverse,,\n"
        + "e.jpg,,10 won,South Korea,won,10,both,,\n"
        + "f.jpg,,10 won,South Korea,won,10,obverse,,,,more\n"
        + "g.jpg,,10 won,South Korea,won,10,obverse,,\n"
    )
    problems = [row["problem"] for row in read(browser, table).json()["rows"]]
    words = ("'top'", "year", "denomination", "path", "both", "columns", "")
    for problem, word in zip(problems, words, strict=True):
        assert word in problem and bool(word) == bool(problem), problem


def test_a_collection_of_numista_names_photos_by_numbers(browser: Browser) -> None:
    table = "N# number (with link);Title;Issuer;Currency;Face value;Year\n1340;10 won;South Korea;won;10;1998\n"
    (row,) = read(browser, table).json()["rows"]
    assert row["photos"] == {"obverse": "1340-obverse.*", "reverse": "1340-reverse.*"}
    assert row["fields"]["entry"] == "numista-1340-1998" and not row["problem"]


@pytest.mark.parametrize(
    "table",
    [b"", b"\n", b"name;year\na;1\n", b"\xff\xfe\x00", b"PK\x03\x04 broken", b"\0" * 300, b'path\n"a', b"x" * 200_000],
)
def test_what_is_no_table(browser: Browser, table: bytes) -> None:
    answer = read(browser, table)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:mintmark:invalid-table"), answer.text


def test_other_bodies_are_no_tables(browser: Browser) -> None:
    assert read(browser, TABLE, "application/json").status_code == 415
    assert browser.change("POST", "/api/tables", files={"photo": ("a.csv", TABLE)}).status_code == 400


def test_tables_that_are_too_large(stand: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(stand, table_bytes=200_000, text_bytes=1000)
    for size in (200_000, 300_000):
        assert read(browser, HEADER + "x" * size).status_code == 413
    rows = HEADER + "a,,b,c,d,1,edge,,\n" * (table_process.MOST_ROWS + 1)
    answer = read(open_browser(stand), rows)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:mintmark:too-large")


def test_a_spreadsheet_that_unfolds_to_more_than_there_is(browser: Browser) -> None:
    """The rectangle between two cells that are far apart has billions."""
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.active["A1"], book.active["XFD1048576"] = "path", "x"
    book.save(file)
    assert read(browser, file.getvalue(), "application/octet-stream").status_code == 413
    assert read(browser, TABLE).json()["rows"] == ROWS


def test_reading_a_table_needs_who_may_change(guarded: Stand, open_browser: OpenBrowser) -> None:
    browser = open_browser(guarded)
    browser.log_in(READ)
    assert read(browser, TABLE).status_code == 403
    browser.log_in(CHANGE)
    assert read(browser, TABLE).status_code == 200


def test_the_example_is_a_table(browser: Browser) -> None:
    example = browser.http.get("/api/tables/example.csv")
    assert example.headers["content-type"] == "text/csv; charset=utf-8"
    (row,) = read(browser, example.content).json()["rows"]
    assert not row["problem"] and row["photos"]
    assert browser.change("POST", "/api/entries?once=true", **row_of(row, PHOTO)).status_code == 201


def test_rows_are_uploaded_once_however_often_they_are_sent(browser: Browser, stand: Stand) -> None:
    third = b"\xff\xd8\xff a third photo"
    stand.photos.photos[third] = stand.photos.photos[PHOTO]
    outcomes = []
    for _ in range(2):
        for row, photo in zip(read(browser, TABLE).json()["rows"], (PHOTO, REVERSE, third), strict=True):
            answer = browser.change("POST", "/api/entries?once=true", **row_of(row, photo))
            assert answer.status_code == 201, answer.text
            outcomes.append(answer.json()["outcome"])
    assert outcomes == ["new", "added", "new", "known", "known", "known"]
    assert browser.http.get("/api/status").json()["entries"] == 3
    shown = browser.http.get("/api/entries/w10").json()
    assert [view["side"] for view in shown["views"]] == ["obverse", "reverse"]
    assert shown["entry"]["metadata"] == {"mint": "Seoul"}


def test_two_photos_at_once(browser: Browser) -> None:
    path, fields = "/api/entries?once=true", json.dumps({**EURO, "year": 2002})
    first = browser.change("POST", path, **form(PHOTO, REVERSE, fields=fields)).json()
    again = browser.change("POST", path, **form(PHOTO, REVERSE, fields=fields)).json()
    assert (first["outcome"], again["outcome"]) == ("new", "known")
    assert first["entry"] == again["entry"] and first["entry"]["year"] == 2002
    assert len(browser.http.get(f"/api/entries/{first['entry']['id']}").json()["views"]) == 2
    more = browser.change("POST", path, **form(PHOTO, EMPTY, fields=fields)).json()
    assert (more["outcome"], more["refused"]) == ("known", "the photo shows no coin")


@pytest.mark.parametrize(
    ("fields", "photo", "status"),
    [
        ({"side": "obverse", "entry": "none"}, PHOTO, 404),
        ({"side": "obverse", "name": "x"}, PHOTO, 400),
        ({"side": "both", "entry": COIN}, PHOTO, 400),
        ({"side": "obverse", "entry": COIN, "year": "1998"}, PHOTO, 400),
        ({"side": "obverse", "entry": COIN, "name": "another"}, PHOTO, 400),
        ({"side": "obverse", "entry": COIN, "colour": "red"}, PHOTO, 400),
        ({"side": "obverse", "entry": COIN}, EMPTY, 422),
        ({"side": "obverse", "entry": COIN}, b"a letter", 422),
    ],
)
def test_rows_that_are_refused(browser: Browser, fields: dict[str, object], photo: bytes, status: int) -> None:
    answer = browser.change("POST", "/api/entries?once=true", **form(photo, fields=json.dumps(fields)))
    assert answer.status_code == status, answer.text
    assert browser.http.get("/api/status").json()["views"] == 1
