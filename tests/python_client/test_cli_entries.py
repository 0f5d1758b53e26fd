"""The commands that change, list and show entries."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mintmark import View
from mintmark._cli.options import option
from mintmark._contract import OPTIONAL, REQUIRED, SIDE
from mintmark._pictures.entry import draw_views
from tests.python_client.fake_coin_server import Coin, FakeCoinServer
from tests.python_client.samples import OPTIONS, SAID, Capture, MakePhoto, Run, WriteTable, make_entry

UNSAID = (*REQUIRED[1:], SIDE)  # where the name alone is said


def test_enroll_list_remove(run: Run, photo: MakePhoto, capsys: Capture) -> None:
    """An entry is enrolled, listed and removed."""
    assert run("enroll", photo("a.png", Coin((1,))), *OPTIONS, "--year", 1990) == 0
    assert capsys.readouterr().out == "id1\n"
    assert run("list") == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == [*REQUIRED, *OPTIONAL, "id"]
    assert row.split() == ["1", "złoty", "Poland", "PLN", "1", "1990", "id1"]
    assert header.index("currency") == row.index("PLN"), "aligned"
    assert run("list", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["year"] == 1990
    assert run("remove", "id1") == 0
    assert run("list") == 0
    assert capsys.readouterr().out == "removed id1, 1 złoty; `mintmark undo id1` brings it back\nthe catalog is empty\n"
    assert run("list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_remove_many(run: Run, server: FakeCoinServer, capsys: Capture) -> None:
    """A missing entry is named, and the others go on."""
    for name in "abc":
        server.add(name, (1,), entry=name)
    assert run("remove", "a", "x", "c") == 1
    out, error = capsys.readouterr()
    assert [line.split(",")[0] for line in out.splitlines()] == ["removed a", "removed c"]
    assert error == "mintmark: no entry has the id x\n"
    assert list(server.catalog.entries) == ["b"]


def test_list_of_many(run: Run, server: FakeCoinServer, capsys: Capture) -> None:
    """It prints one header and all rows."""
    for number in range(1201):
        server.add(f"coin {number}", (1,))
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1202 and sum(line.startswith("name ") for line in lines) == 1
    assert run("list", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)) == 1201


def test_enroll_with_an_id(run: Run, server: FakeCoinServer, photo: MakePhoto, capsys: Capture) -> None:
    """With all fields, a new entry gets the id. With the side alone, the photo is added to the entry that has it."""
    assert run("enroll", photo("a.png", Coin((1,))), *OPTIONS, "--entry", "pl:1") == 0
    assert run("enroll", photo("b.png", Coin((0, 1))), "--side", "obverse", "--entry", "pl:1") == 0
    assert capsys.readouterr().out == "pl:1\npl:1\n"
    assert [view.side for view in server.catalog.views] == ["reverse", "obverse"]
    assert run("enroll", photo("c.png", Coin((0, 1))), "--side", "obverse", "--entry", "pl:2") == 1
    assert capsys.readouterr().err == "mintmark: no entry has the id pl:2\n"


def test_enroll_both_sides(run: Run, server: FakeCoinServer, photo: MakePhoto, capsys: Capture) -> None:
    """Two photos make one entry of two views; sides may be said for each."""
    photos = [photo(f"{number}.png", Coin((number, 1))) for number in range(6)]
    told = [word for name in REQUIRED for word in (option(name), "x")]
    assert run("enroll", *photos[:2], *told) == 0
    assert run("enroll", *photos[2:5], *told, "--side", "reverse", "--side", "obverse", "--side", "edge") == 0
    assert run("enroll", photos[5], "--entry", "id1", "--side", "reverse") == 0
    assert capsys.readouterr().out == "id1\nid2\nid1\n"
    views = [(view.entry, view.side) for view in server.catalog.views]
    assert views[:2] == [("id1", "obverse"), ("id1", "reverse")]
    assert views[2:] == [("id2", "reverse"), ("id2", "obverse"), ("id2", "edge"), ("id1", "reverse")]
    with pytest.raises(SystemExit):
        run("enroll", *photos[:3], *told, "--side", "reverse", "--side", "edge")
    assert "--side is given 2 times for 3 photos" in capsys.readouterr().err


def test_a_wrong_side_is_refused_before_any_photo_is_sent(
    run: Run, server: FakeCoinServer, photo: MakePhoto, capsys: Capture
) -> None:
    photos = [photo("a.png", Coin((1,))), photo("b.png", Coin((0, 1)))]
    told = [word for name in REQUIRED for word in (option(name), "x")]
    assert run("enroll", *photos, *told, "--side", "obverse", "--side", "back") == 1
    line = "mintmark: side is 'back': did you mean 'reverse'? a side is obverse, reverse or edge\n"
    assert capsys.readouterr() == ("", line) and not server.calls


def test_a_photo_that_fails_does_not_undo_the_coins_others(
    run: Run, server: FakeCoinServer, photo: MakePhoto, capsys: Capture
) -> None:
    photos = [photo("a.png", Coin((1,))), photo("b.png"), photo("c.png", Coin((0, 1)))]
    told = [word for name in REQUIRED for word in (option(name), "x")]
    assert run("enroll", *photos, *told, "--side", "obverse") == 1
    out, err = capsys.readouterr()
    assert out == "id1\n" and "b.png: the photo shows no coin; the coin's other photos are in the catalog" in err
    assert len(server.catalog.views) == 2
    assert run("enroll", photos[1], photos[0], *told) == 1, "the entry is not made of a photo without a coin"
    assert capsys.readouterr().out == "" and len(server.catalog.entries) == 1


def test_enroll_in_doubt(run: Run, photo: MakePhoto, write_table: WriteTable, capsys: Capture) -> None:
    """The photo is enrolled, and a line says what to look at."""
    doubtful = photo("a.png", Coin((1,), doubts="it is small"))
    assert run("enroll", doubtful, *OPTIONS) == 0
    said = "mintmark: it is small\nmintmark: a new entry, id1, 1 złoty: its reverse\n"
    assert capsys.readouterr() == ("id1\n", said)
    photo("b.png", Coin((1,), doubts="it is small"))
    table = write_table("labels.csv", [{**ROW, "path": "b.png", "side": "reverse"}])
    assert run("enroll", "--from", table) == 0
    out, err = capsys.readouterr()
    assert out == "enrolled 1 of 1: 1 new entry\n"
    assert f"mintmark: {table}:2: enrolled, but it is small" in err


def test_enroll_without_coin(run: Run, photo: MakePhoto, capsys: Capture) -> None:
    """One line says why."""
    assert run("enroll", photo("a.png"), *OPTIONS) == 1
    assert capsys.readouterr().err == "mintmark: the photo shows no coin\n"


def test_enroll_usage(run: Run, capsys: Capture) -> None:
    """Missing fields are named. --from allows no photo and no field."""
    for words, message in (
        (["a.png", "--name", "x"], ", ".join(map(option, UNSAID))),
        (["a.png", "--name", "x", "--entry", "y"], ", ".join(map(option, UNSAID))),
        (["a.png", "--entry", "y"], "missing: --side"),
        (OPTIONS, "PHOTO"),
        (["--from", "labels.csv", "a.png"], "--from takes neither"),
        (["--from", "labels.csv", "--entry", "x"], "--from takes neither"),
    ):
        with pytest.raises(SystemExit) as exit_info:
            run("enroll", *words)
        assert exit_info.value.code == 2
        assert message in capsys.readouterr().err


ROW = {"path": "a.png", **SAID}


def test_enroll_table(
    run: Run, server: FakeCoinServer, photo: MakePhoto, write_table: WriteTable, capsys: Capture
) -> None:
    """Good rows are enrolled, other columns as metadata. Bad rows are named by their line."""
    photo("a.png", Coin((1,)))
    photo("b.png")
    photo("d.png", Coin((1,)))
    rows = [{**ROW, "side": "reverse", "year": "1990", "mint": "Warsaw"}]
    bad = ({"path": "b.png"}, {"path": "c.png"}, {"year": "old"}, {"path": "d.png", "name": ""})
    rows += [{**rows[0], **cells} for cells in bad]
    rows += [{**rows[0], "path": "d.png", "year": "", "mint": ""}]
    table = write_table("labels.csv", rows)
    assert run("enroll", "--from", table) == 1
    out, text = capsys.readouterr()
    failed = table.with_name("labels.failed.csv")
    assert out == f"enrolled 2 of 6: 2 new entries, 4 failed; mend {failed} and give it with --from\n"
    err = text.splitlines()
    assert [line.split(": ")[1] for line in err[1:-1]] == [f"{table}:{line}" for line in (3, 4, 5, 6)]
    assert (err[0], err[-1][:10]) == ("rows: 6", "rows: 6 of")
    first, last = server.catalog.entries.values()
    assert (first["year"], first["metadata"]) == (1990, {"mint": "Warsaw"})
    assert (last["year"], last["metadata"]) == (None, {})


def test_enroll_table_of_entries(
    run: Run, server: FakeCoinServer, photo: MakePhoto, write_table: WriteTable, capsys: Capture
) -> None:
    """Rows with the same id are one coin. Its fields must be given once, and must not differ."""
    for name in ("a.png", "b.png", "c.png"):
        photo(name, Coin((1,)))
    first = {**ROW, "side": "reverse", "year": "1990", "entry": "pl-1", "metadata": '{"weight": 2.1}', "mint": "Warsaw"}
    rows = [first, {"path": "b.png", "side": "obverse", "entry": "pl-1"}, {**first, "path": "c.png"}]
    rows += [{**first, "year": "1991"}, {"path": "b.png", "entry": "pl-1"}, {**first, "entry": "x", "metadata": "[]"}]
    assert run("enroll", "--from", write_table("labels.csv", rows)) == 1
    out, err = capsys.readouterr()
    assert out.startswith("enrolled 3 of 6: 1 new entry, 2 more photos of entries, 3 failed; mend ")
    different = (
        ":5: entry pl-1 is there with other fields (year is 1990, the row says 1991): give --update to change it"
    )
    assert different in err and ":6: no side" in err and ":7: the metadata is not" in err
    assert list(server.catalog.entries) == ["pl-1"]
    assert server.catalog.entries["pl-1"]["metadata"] == {"weight": 2.1, "mint": "Warsaw"}
    assert [view.side for view in server.catalog.views] == ["reverse", "obverse", "reverse"]


def test_enroll_table_without_column(run: Run, write_table: WriteTable, capsys: Capture) -> None:
    """The missing columns are named."""
    assert run("enroll", "--from", write_table("labels.csv", [{"path": "a", "name": "b"}])) == 1
    assert f"lacks the column {', '.join(UNSAID)}" in capsys.readouterr().err


def test_show(run: Run, server: FakeCoinServer, capsys: Capture) -> None:
    """It prints fields, metadata and photos."""
    server.add("1 złoty", (1,), entry="x", side="obverse", year=1990, metadata={"mint": "Warsaw"})
    server.add("1 złoty", (1,), entry="x", side="reverse", year=1990, metadata={"mint": "Warsaw"})
    server.catalog.views[0].embeddings.clear()
    server.catalog.views[1].picture = b""
    assert run("show", "x") == 0
    out = capsys.readouterr().out
    assert "name          1 złoty" in out and "mint          Warsaw" in out and "2 photos" in out
    rows = [line.split() for line in out.splitlines()[-2:]]
    assert rows[0][0] == "obverse" and rows[0][-2:] == ["stale", "v1"]
    assert rows[1] == ["reverse", "none", "v2"]
    assert run("show", "x", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["entry"]["metadata"] == {"mint": "Warsaw"}
    assert [(view["side"], view["stale"]) for view in answer["views"]] == [("obverse", True), ("reverse", False)]
    assert run("show", "gone") == 1
    assert capsys.readouterr().err == "mintmark: no entry has the id gone\n"


def test_show_draws_a_sheet(run: Run, server: FakeCoinServer, tmp_path: Path) -> None:
    """The sheet shows the stored pictures."""
    for side in ("obverse", "reverse"):
        server.add("1 złoty", (1,), entry="x", side=side)
    sheet = tmp_path / "sheet.png"
    assert run("show", "x", "--draw", sheet) == 0
    drawn = cv2.imread(str(sheet))
    stored = [cv2.imdecode(np.frombuffer(view.picture, np.uint8), cv2.IMREAD_COLOR) for view in server.catalog.views]
    for picture in stored:
        assert (
            np.abs(drawn.astype(int) - picture[len(picture) // 2, len(picture) // 2]).max(axis=2) < 3
        ).sum() > 10_000


@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_sheet_holds_any_number_of_pictures(count: int) -> None:
    """Broken and missing pictures, and a name longer than the sheet, do no harm."""
    views = [View(f"v{number}", "obverse", bool(number % 2), b"junk" if number % 3 else b"") for number in range(count)]
    entry = make_entry("x", name="ż" * 300, metadata={"a": {"b": [1]}})
    sheet = draw_views(entry, views)
    assert sheet.dtype == np.uint8 and sheet.shape[2] == 3 and (sheet < 100).any()
    assert (sheet[:, -20:] > 200).all(), "nothing is written over the edge"


def test_update(run: Run, server: FakeCoinServer, capsys: Capture) -> None:
    """It changes fields and single keys of the metadata. Everything else stays."""
    server.add("1 złoty", (1,), entry="x", year=1990, metadata={"mint": "A", "weight": 2.1, "old": [1]})
    words = ("--name", "2 złote", "--denomination", 2, "--set", "mint=War=saw", "--set", "note=", "--unset", "old")
    assert run("update", "x", *words) == 0
    assert "2 złote" in capsys.readouterr().out
    entry = server.catalog.entries["x"]
    assert (entry["name"], entry["country"], entry["denomination"], entry["year"]) == ("2 złote", "Austria", "2", 1990)
    assert entry["metadata"] == {"mint": "War=saw", "weight": 2.1, "note": ""}
    assert run("update", "x", "--year", 1991) == 0
    assert entry["year"] == 1991 and entry["metadata"]["weight"] == 2.1
    assert run("update", "x", "--year", "") == 0
    assert entry["year"] is None


def test_update_refused(run: Run, server: FakeCoinServer, capsys: Capture) -> None:
    """The key or the entry does not exist."""
    server.add("coin", (1,), entry="x", metadata={"mint": "A"})
    assert run("update", "x", "--unset", "mark") == 1
    assert capsys.readouterr().err == "mintmark: the metadata of x has no mark; it has mint\n"
    assert run("update", "y", "--name", "z") == 1
    assert capsys.readouterr().err == "mintmark: no entry has the id y\n"


def test_status(run: Run, server: FakeCoinServer, capsys: Capture) -> None:
    """It prints an aligned table, or an object with --json. For stale views it says what to do."""
    server.add("coin", (1,))
    assert run("status") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["entries         1", "views           1"] and "model           abc123" in lines
    assert run("status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["index"] == {"kind": "Flat"}
    server.catalog.views[0].mapped = False
    assert run("status") == 0
    without = "1 view without a relief map, judged by the embedding alone: run `mintmark reembed`"
    assert capsys.readouterr().out.splitlines()[-1] == without
    server.catalog.views[0].mapped, server.catalog.model = True, "new"
    assert run("status") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 stale view not searched: run `mintmark reembed`"
