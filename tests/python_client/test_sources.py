"""Collections of other programs as sources: OpenNumismat's files of every age, Numista's exports."""

import csv
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mintmark import InvalidRequest
from mintmark._enrolment.opening import open_source
from tests.python_client.fake_coin_server import Coin, FakeCoinServer
from tests.python_client.samples import Capture, MakePhoto, Run

# As OpenNumismat's source code makes them, in part.
COINS = (
    "CREATE TABLE coins (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, title TEXT, value NUMERIC, unit TEXT,"
    " country TEXT, year INTEGER, period TEXT, mint TEXT, mintmark TEXT, type TEXT, series TEXT, status TEXT,"
    " material TEXT, weight NUMERIC, grade TEXT, catalognum1 TEXT, payprice NUMERIC, image {image},"
    " obverseimg {image}, reverseimg {image})"
)
DOLLAR = {
    **{"title": "1 Dollar 1978", "value": 1, "unit": "Dollar", "country": "United States", "year": 1978},
    **{"mintmark": "D", "material": "Copper-nickel", "weight": 22.68, "catalognum1": "KM# 203"},
    **{"grade": "AU", "payprice": 3.5, "status": "owned"},
}
MakeCollection = Callable[..., Path]


def picture(number: int) -> bytes:
    return cv2.imencode(".jpg", np.full((80, 80, 3), 10 * number, np.uint8))[1].tobytes()


@pytest.fixture
def collection(server: FakeCoinServer, tmp_path: Path) -> MakeCollection:
    """Makes a collection of some coins; 'obverse' and 'reverse' are pictures. The server sees a coin in each."""

    def make(version: int, *coins: dict[str, Any], name: str = "My coins.db") -> Path:
        path = tmp_path / name
        file = sqlite3.connect(path)
        file.execute(COINS.format(image="BLOB" if version == 1 else "INTEGER"))
        table = "photos" if version >= 3 else "images"
        file.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, title TEXT, image BLOB)")
        for coin in coins:
            row = dict(coin)
            for side in ("obverse", "reverse"):
                if (data := row.pop(side, None)) is not None:
                    server.photos.setdefault(data, Coin((1,)))
                    if version > 1:
                        data = file.execute(f"INSERT INTO {table} (image) VALUES (?)", (data,)).lastrowid
                    row[f"{side}img"] = data
            columns, marks = ", ".join(row), ", ".join("?" * len(row))
            file.execute(f"INSERT INTO coins ({columns}) VALUES ({marks})", tuple(row.values()))
        file.commit()
        file.close()
        return path

    return make


@pytest.mark.parametrize("version", [1, 2, 3, 10])
def test_an_opennumismat_collection(
    run: Run, server: FakeCoinServer, collection: MakeCollection, capsys: Capture, version: int
) -> None:
    """Both sides with what is said of the coin; not what is said of the owner's piece. Twice changes nothing."""
    cents = {"title": "", "value": 0.25, "unit": "Dollar", "country": "United States", "year": "", "mintmark": ""}
    path = collection(
        version,
        {**DOLLAR, "obverse": picture(1), "reverse": picture(2)},
        {**cents, "reverse": picture(3)},
        {**cents, "title": "wish"},
    )
    assert run("enroll", "--from", path) == 0
    out, err = capsys.readouterr()
    assert out == "enrolled 3 of 3: 2 new entries, 1 more photo of an entry\n"
    assert "1 of 3 coins have no picture of a side and are left out" in err
    assert server.catalog.entries["My-coins-1"] == {
        **{"id": "My-coins-1", "name": "1 Dollar 1978", "country": "United States", "currency": "Dollar"},
        **{"denomination": "1", "year": 1978, "mint_mark": "D"},
        "metadata": {"material": "Copper-nickel", "weight": "22.68", "catalognum1": "KM# 203"},
    }
    other = server.catalog.entries["My-coins-2"]
    assert (other["name"], other["denomination"], other["year"], other["metadata"]) == ("0.25 Dollar", "0.25", None, {})
    sides = sorted((view.entry[-1], view.side) for view in server.catalog.views)  # rows are enrolled several at a time
    assert sides == [("1", "obverse"), ("1", "reverse"), ("2", "reverse")]
    before = path.read_bytes()
    assert run("enroll", "--from", path) == 0
    assert capsys.readouterr().out == "enrolled 3 of 3: 3 already there\n"
    assert path.read_bytes() == before, "a collection is only read"


def test_rows_of_a_collection_that_failed_become_a_table_with_pictures(
    run: Run, server: FakeCoinServer, collection: MakeCollection, capsys: Capture
) -> None:
    path = collection(3, {**DOLLAR, "country": "", "obverse": picture(1)}, {**DOLLAR, "obverse": b"junk"})
    del server.photos[b"junk"]
    file = sqlite3.connect(path)
    file.execute("INSERT INTO coins (title, value, unit, country, obverseimg) VALUES ('x', 1, 'Mark', 'Germany', 99)")
    file.commit()
    file.close()
    assert run("enroll", "--from", path) == 1
    err = capsys.readouterr().err
    assert f"{path}: coin 1, obverse: no country" in err and f"{path}: coin 3, obverse: {path} has no picture 99" in err
    failed = path.with_name("My coins.failed.csv")
    with failed.open(newline="", encoding="utf-8-sig") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["path"] for row in rows] == [
        "My coins.failed-photos/1-obverse.jpg",
        "My coins.failed-photos/2-obverse",
        "",
    ]
    assert (path.parent / rows[0]["path"]).read_bytes() == picture(1)
    failed.write_text(failed.read_text(encoding="utf-8-sig").replace("1 Dollar 1978,,", "1 Dollar 1978,USA,", 1))
    assert run("enroll", "--from", failed) == 1
    assert capsys.readouterr().out.startswith("enrolled 1 of 3: 1 new entry, 2 failed")
    assert server.catalog.entries["My-coins-1"]["country"] == "USA"


def test_what_is_no_collection(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE notes (id INTEGER)")
    other.commit()
    other.close()
    with pytest.raises(InvalidRequest, match="is no OpenNumismat collection"):
        open_source(str(tmp_path / "other.db"))
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes((tmp_path / "other.db").read_bytes()[:100] + b"\xff" * 8000)
    with pytest.raises(InvalidRequest, match="OpenNumismat collection"):
        open_source(str(damaged))


# --- Numista ----------------------------------------------------------------------------------------------------------

HEADER = (
    "Country,Issuer,Currency,Face value,Title,Type,Year range,Shape,Composition,Weight,Diameter,Year,Gregorian year,"
    "Mintmark,Quantity,Grade,Estimate (USD),{number},Buying price (USD),Private comment"
)
EISENHOWER = (
    "United States,United States of America,Dollar,1,1 Dollar - Eisenhower,Standard circulation coin,1971-1978,Round,"
    "Copper-nickel,22.68,38.1,1978,1978,D,1,AU,2.10,{number},3.50,nice"
)
FUAD = (
    "Egypt,Kingdom of Egypt,Millieme,5,5 Milliemes - Fuad I,Standard circulation coin,1924-1935,Scalloped,"
    "Copper-nickel,5,21,1352,1933,H,2,VF,1.40,1234,,"
)


@pytest.mark.parametrize(("header", "number"), [("N# number", "1340"), ("N# number (with link)", "N# 1340")])
def test_a_numista_export(
    run: Run, server: FakeCoinServer, photo: MakePhoto, tmp_path: Path, capsys: Capture, header: str, number: str
) -> None:
    """Photos lie beside it by Numista's number and the side. A row without one is named."""
    photo("1340-obverse.png", Coin((1,)))
    photo("1340_reverse.png", Coin((1,)))
    photo("13400-obverse.png", Coin((1,)))
    (tmp_path / "1340-notes.txt").touch()
    table = tmp_path / "export.csv"
    table.write_text("\n".join((HEADER.format(number=header), EISENHOWER.format(number=number), FUAD)))
    assert run("enroll", "--from", table) == 1
    out, err = capsys.readouterr()
    assert out.startswith("enrolled 2 of 3: 1 new entry, 1 more photo of an entry, 1 failed")
    assert f"{table}:3: no photo 1234-obverse.* or 1234-reverse.* in {tmp_path}" in err
    assert list(server.catalog.entries.values()) == [
        {
            **{"id": "numista-1340-1978-D", "name": "1 Dollar - Eisenhower", "country": "United States of America"},
            **{"currency": "Dollar", "denomination": "1", "year": 1978, "mint_mark": "D"},
            "metadata": {
                **{"numista": "1340", "type": "Standard circulation coin", "shape": "Round"},
                **{"composition": "Copper-nickel", "weight": "22.68", "diameter": "38.1"},
            },
        }
    ]
    assert [view.side for view in server.catalog.views] == ["obverse", "reverse"]
    photo("1234-obverse.png", Coin((1,)))
    assert run("enroll", "--from", table.with_name("export.failed.csv")) == 0
    assert server.catalog.entries["numista-1234-1933-H"]["year"] == 1933


def test_a_numista_export_with_paths_of_ones_own(
    run: Run, server: FakeCoinServer, photo: MakePhoto, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    photo("photos/mine.png", Coin((1,)))
    table = tmp_path / "export.csv"
    lines = (
        HEADER.format(number="N# number") + ",Path,Side,Entry",
        EISENHOWER.format(number=1) + ",mine.png,obverse,ike",
    )
    table.write_text("\n".join(lines))
    assert run("enroll", "--from", table, "--photos", tmp_path / "photos") == 0
    assert list(server.catalog.entries) == ["ike"]


def test_a_numista_spreadsheet(
    run: Run, server: FakeCoinServer, photo: MakePhoto, tmp_path: Path, capsys: Capture
) -> None:
    pytest.importorskip("python_calamine")
    photo("1234-obverse.png", Coin((1,)))
    book = pytest.importorskip("openpyxl").Workbook()
    book.active.append(HEADER.format(number="N# number").split(","))
    book.active.append([int(cell) if cell.isdecimal() else cell for cell in FUAD.split(",")])
    book.save(tmp_path / "export.xlsx")
    assert run("enroll", "--from", tmp_path / "export.xlsx", "--jsonl") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["outcome"], said["entry"]) == ("new", "numista-1234-1933-H")
    assert server.catalog.entries["numista-1234-1933-H"]["denomination"] == "5"
