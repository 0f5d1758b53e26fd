"""Enrolling a table: what fails is its row's alone, doing it twice changes nothing, and a stop loses nothing."""

import csv
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mintmark import InvalidRequest, RequestTimeout, ServerError, ServerUnavailable, Unauthorized
from mintmark._requests import fingerprint
from mintmark._retry import MOST_LOST
from tests.python_client.fake_coin_server import Coin, FakeCoinServer, Tensors
from tests.python_client.samples import SAID, Capture, MakePhoto, Run, WriteTable, run_on

ROW = {"path": "a.png", "entry": "", **SAID, "side": "reverse", "year": "1990"}
ONE_BY_ONE = ("--concurrency", "1")
Results = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def photos(photo: MakePhoto) -> list[str]:
    """Names of five photos of coins, beside the tables."""
    return [photo(f"{name}.png", Coin((1,))).name for name in "abcde"]


@pytest.fixture
def table(photos: list[str], write_table: WriteTable) -> Path:
    """A table of these photos, of as many coins."""
    return write_table("labels.csv", [{**ROW, "path": name, "name": f"coin {name}"} for name in photos])


@pytest.fixture
def results(run: Run, capsys: Capture) -> Results:
    """Runs `mintmark enroll --from … --jsonl`; returns what is said of each row."""

    def enroll(*words: object) -> list[dict[str, Any]]:
        run("enroll", "--from", *words, "--jsonl", *ONE_BY_ONE)
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return enroll


def outcomes(said: list[dict[str, Any]]) -> list[str]:
    return [one["outcome"] for one in said]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


class Failing:
    """A server that raises an error at some enrolments; the first one has the number 1."""

    def __init__(self, server: FakeCoinServer, *errors: BaseException, after: int = 0, done: bool = False) -> None:
        self._server = server
        self._errors = list(errors)
        self._left = after
        self._done = done  # the enrolment is carried out, and its answer is lost

    def __call__(self, model: str, inputs: Tensors, parameters: Any) -> Tensors:
        if model == "coin_enroll" and self._errors:
            if self._left:
                self._left -= 1
            else:
                if self._done:
                    self._server(model, inputs, parameters)
                raise self._errors.pop(0)
        return self._server(model, inputs, parameters)


# --- rows that fail ---------------------------------------------------------------------------------------------------


def test_whatever_is_wrong_with_a_row_is_its_own(
    run: Run, server: FakeCoinServer, photo: MakePhoto, table: Path, capsys: Capture
) -> None:
    photo("none.png")
    (table.parent / "junk.png").write_bytes(b"junk")
    (table.parent / "empty.png").touch()
    (table.parent / "folder.png").mkdir()
    bad = {
        "gone.png,,x,Poland,PLN,1,reverse,1990": "cannot open photo",
        "folder.png,,x,Poland,PLN,1,reverse,1990": "cannot open photo",
        "empty.png,,x,Poland,PLN,1,reverse,1990": "is empty",
        "junk.png,,x,Poland,PLN,1,reverse,1990": "photo is not an image",
        "none.png,,x,Poland,PLN,1,reverse,1990": "the photo shows no coin",
        "a\0.png,,x,Poland,PLN,1,reverse,1990": "",
        ",,x,Poland,PLN,1,reverse,1990": "no path",
        "a.png,,x,Poland,PLN,2,5,reverse,1990": "9 cells, but 8 columns",
        "b.png,,x,Poland,PLN,1,reverse,old": "the year is 'old'",
        "b.png,,x,Poland,PLN,1,,1990": "no side",
        "c.png,,x,Poland,PLN,1,Avers,1990": "side is 'Avers': did you mean 'obverse'? a side is",
        "c.png,nobody,,,,,reverse,": "no entry has the id nobody",
        'c.png,,"x" y,Poland,PLN,1,reverse,1990': "this is no row of a CSV file",
    }
    good = table.read_text().splitlines()
    table.write_text("\n".join([good[0], *bad, *good[1:]]) + "\n")
    assert run("enroll", "--from", table) == 1
    out, err = capsys.readouterr()
    failed = table.with_name("labels.failed.csv")
    assert out == f"enrolled 5 of 18: 5 new entries, 13 failed; mend {failed} and give it with --from\n"
    assert len(server.catalog.entries) == len(server.catalog.views) == 5
    noted = [line for line in err.splitlines() if line.startswith(f"mintmark: {table}:")]
    for line, message in zip(noted, bad.values(), strict=True):
        assert message in line
    assert "\0" not in err and "\0" not in failed.read_text(encoding="utf-8-sig")


def test_the_rows_that_failed_are_mended_and_given_again(
    run: Run, server: FakeCoinServer, photo: MakePhoto, table: Path, capsys: Capture
) -> None:
    lines = table.read_text().replace(",", ";").splitlines()
    lines[2] = lines[2].replace(";1990", ";old")
    lines[4] = lines[4].replace("d.png", "gone.png") + ";5"
    table.write_text("\n".join(lines))
    assert run("enroll", "--from", table) == 1
    failed = table.with_name("labels.failed.csv")
    assert failed.read_bytes().startswith(b"\xef\xbb\xbfenrolment_error;path;entry;"), "as a spreadsheet opens it"
    text = failed.read_text(encoding="utf-8-sig")
    assert "the year is 'old'" in text and "9 cells, but 8 columns" in text and text.count("\n") == 3

    capsys.readouterr()
    assert run("enroll", "--from", failed) == 1, "as it is, it fails again, into another table"
    again = table.with_name("labels.failed-2.csv")
    assert again.read_text(encoding="utf-8-sig") == text, "with one column that says why"

    failed.write_text(text.replace(";old", ";1991").replace("gone.png", "d.png").replace(";1990;5", ";1990"))
    again.unlink()
    assert run("enroll", "--from", failed) == 0
    assert capsys.readouterr().out.endswith("enrolled 2 of 2: 2 new entries\n") and not again.exists()
    assert len(server.catalog.views) == 5
    assert all(not entry["metadata"] for entry in server.catalog.entries.values()), "the error is no metadata"


def test_rows_that_failed_before_are_not_overwritten(run: Run, table: Path, capsys: Capture) -> None:
    failed = table.with_name("labels.failed.csv")
    failed.write_text("mine")
    assert run("enroll", "--from", table) == 1
    assert f"{failed} is there already, with the rows that failed before" in capsys.readouterr().err
    assert run("enroll", "--from", table, "--failed", table.with_name("other.csv")) == 0
    assert failed.read_text() == "mine"


def test_where_failed_rows_cannot_be_written_nothing_is_begun(
    run: Run, server: FakeCoinServer, table: Path, capsys: Capture
) -> None:
    assert run("enroll", "--from", table, "--failed", table.parent / "gone" / "failed.csv") == 1
    assert "name another file with --failed" in capsys.readouterr().err and not server.calls


def test_failed_rows_in_another_folder_still_find_their_photos(
    run: Run, server: FakeCoinServer, table: Path, tmp_path: Path
) -> None:
    table.write_text(table.read_text().replace("coin a.png", ""))
    (tmp_path / "other").mkdir()
    failed = tmp_path / "other" / "failed.csv"
    assert run("enroll", "--from", table, "--failed", failed) == 1
    (row,) = rows_of(failed)
    assert row["path"] == str(table.parent / "a.png")
    failed.write_text(failed.read_text(encoding="utf-8-sig").replace(",,Poland", ",coin a,Poland"))
    assert run("enroll", "--from", failed) == 0 and len(server.catalog.views) == 5


def test_an_error_of_the_server_is_the_rows(table: Path, server: FakeCoinServer, capsys: Capture) -> None:
    """A row that got no answer, or whose server failed, is tried once more: it may have been busy, or just ending."""
    late, broke = RequestTimeout("no answer"), ServerError("it broke")
    failing = Failing(server, late, broke, InvalidRequest("it is refused"), late, late, broke)
    assert run_on(failing, "enroll", "--from", table, *ONE_BY_ONE) == 1
    assert capsys.readouterr().out.startswith("enrolled 2 of 5: 2 new entries, 3 failed")
    assert [row["enrolment_error"] for row in rows_of(table.with_name("labels.failed.csv"))] == [
        *("it broke", "it is refused", "no answer")
    ]


# --- twice ------------------------------------------------------------------------------------------------------------


def test_several_rows_at_a_time_end_up_as_one_by_one(
    run: Run, server: FakeCoinServer, photo: MakePhoto, write_table: WriteTable, capsys: Capture
) -> None:
    """They are reported in their order, and those of one entry go one after the other: the first one describes it."""
    rows: list[dict[str, Any]] = []
    for number in range(60):
        photo(f"{number}.png", Coin((1,)))
        described = {**ROW, "name": f"coin {number // 3}"} if number % 3 == 0 else {"side": "edge"}
        rows.append({**described, "path": f"{number}.png", "entry": f"c{number // 3}"})
    rows[30]["year"] = "old"
    table = write_table("labels.csv", rows)
    assert run("enroll", "--from", table, "--jsonl", "--concurrency", 8) == 1
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["row"] for one in said] == [f"{table}:{number}" for number in range(2, 62)]
    assert outcomes(said) == [*["new", "added", "added"] * 10, *["failed"] * 3, *["new", "added", "added"] * 9]
    assert len(server.catalog.views) == 57
    assert [row["path"] for row in rows_of(table.with_name("labels.failed.csv"))] == ["30.png", "31.png", "32.png"]


def test_twice_changes_nothing(results: Results, server: FakeCoinServer, table: Path) -> None:
    first = results(table)
    assert outcomes(first) == ["new"] * 5
    before = [(view.entry, view.side, view.photo) for view in server.catalog.views]
    assert before == [(one["entry"], "reverse", one["photo"]) for one in first]
    assert before[0][2] == fingerprint((table.parent / "a.png").read_bytes())
    again = results(table)
    assert outcomes(again) == ["known"] * 5 and [one["entry"] for one in again] == [one["entry"] for one in first]
    assert [(view.entry, view.side, view.photo) for view in server.catalog.views] == before
    assert not list(table.parent.glob("*.journal")) and not list(table.parent.glob("*.failed.csv"))


def test_photos_of_one_entry(
    results: Results, server: FakeCoinServer, write_table: WriteTable, photos: list[str]
) -> None:
    """Rows with an id of one's own, in the same run and in later ones; what is empty says nothing."""
    first = {**ROW, "entry": "x", "metadata": '{"weight": 2.1}', "Mint": "Warsaw"}
    rows = [first, {"path": "b.png", "entry": "x", "side": "obverse"}]
    rows += [{"path": "c.png", "entry": "x", "side": "edge", "year": "1990"}]
    assert outcomes(results(write_table("labels.csv", rows))) == ["new", "added", "added"]
    assert server.catalog.entries["x"]["metadata"] == {"weight": 2.1, "Mint": "Warsaw"}
    more = [{**first, "metadata": ""}, {"path": "d.png", "entry": "x", "side": "obverse", "name": SAID["name"]}]
    assert outcomes(results(write_table("more.csv", more))) == ["known", "added"]
    assert [view.side for view in server.catalog.views] == ["reverse", "obverse", "edge", "obverse"]


def test_a_photo_of_another_entry_is_pointed_out(
    results: Results, server: FakeCoinServer, write_table: WriteTable, photos: list[str]
) -> None:
    rows = [{**ROW, "entry": "x"}, {**ROW, "entry": "y", "name": "another"}, {**ROW, "entry": "x", "side": "obverse"}]
    said = results(write_table("labels.csv", rows))
    assert outcomes(said) == ["new", "new", "failed"]
    assert said[1]["notes"] == ["the same photo belongs to x"]
    assert said[2]["error"] == "entry x has this photo as its reverse, not its obverse"
    said = results(write_table("others.csv", [{**ROW, "name": "a third"}, {**ROW, "name": "another"}]))
    assert outcomes(said) == ["failed", "known"]
    other = "this photo is there already, of x, y, with other fields (name is '1 złoty', the row says 'a third')"
    assert said[0]["error"].startswith(other)


def test_update_changes_entries_that_their_rows_describe_otherwise(
    results: Results, server: FakeCoinServer, write_table: WriteTable, photos: list[str]
) -> None:
    rows = [{**ROW, "entry": "x", "Mint": "Warsaw"}, {**ROW, "path": "b.png", "Mint": ""}]
    assert outcomes(results(write_table("labels.csv", rows))) == ["new", "new"]
    server.catalog.entries["x"]["metadata"]["note"] = "mine"
    rows = [{**rows[0], "year": "1991", "Mint": "Kraków"}, {**rows[1], "country": "Polska"}]
    table = write_table("changed.csv", rows)
    said = results(table)
    assert outcomes(said) == ["failed", "failed"]
    assert "entry x is there with other fields (year is 1990, the row says 1991): give --update" in said[0]["error"]
    table.with_name("changed.failed.csv").unlink()
    said = results(table, "--update")
    assert outcomes(said) == ["updated", "updated"] and outcomes(results(table)) == ["known", "known"]
    assert server.catalog.entries["x"]["year"] == 1991
    assert server.catalog.entries[said[1]["entry"]]["country"] == "Polska"
    assert server.catalog.entries["x"]["metadata"] == {"Mint": "Kraków", "note": "mine"}, "what no row says stays"
    assert len(server.catalog.views) == 2


def test_a_rehearsal_says_the_same_and_changes_nothing(
    run: Run, results: Results, server: FakeCoinServer, write_table: WriteTable, photos: list[str], capsys: Capture
) -> None:
    first = [{**ROW, "entry": "x"}, {**ROW, "entry": "z", "path": "e.png"}]
    assert outcomes(results(write_table("first.csv", first))) == ["new", "new"]
    rows = [{**ROW, "entry": "x", "year": "1991"}, {"path": "b.png", "entry": "x", "side": "edge"}]
    rows += [{"path": "b.png", "entry": "x", "side": "edge"}, {**ROW, "entry": "y", "path": "c.png"}]
    rows += [{"path": "d.png", "entry": "y", "side": "obverse"}, {**ROW, "path": "b.png", "year": "1991"}]
    rows += [{**ROW, "path": "gone.png"}, {**ROW, "path": "e.png", "entry": "z"}]
    table = write_table("labels.csv", rows)
    before = json.dumps(server.catalog.entries), len(server.catalog.views)
    rehearsed = results(table, "--update", "--dry-run")
    assert (json.dumps(server.catalog.entries), len(server.catalog.views)) == before
    assert sorted(path.name for path in table.parent.glob("labels*")) == ["labels.csv"]
    assert {call for call, _ in server.calls[2:]} >= {"catalog"} and set(server.operations) <= {"known", "show"}
    done = results(table, "--update")
    assert rehearsed == done and "failed" in outcomes(done) and "updated" in outcomes(done)
    assert run("enroll", "--from", table, "--dry-run") == 1
    out, err = capsys.readouterr()
    assert f"{table}:2: already there: x\n" in out and "would enroll 6 of 8: 6 already there, 2 failed" in out
    assert f"mintmark: {table}:8: cannot open photo" in err


# --- stops ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), 130), (ServerUnavailable("it is gone"), 1), (Unauthorized("wrong token"), 1)],
    ids=["Ctrl-C", "gone", "token"],
)
@pytest.mark.parametrize("done", [False, True], ids=["not carried out", "carried out, answer lost"])
def test_after_a_stop_each_row_ends_up_once(
    run: Run, server: FakeCoinServer, table: Path, capsys: Capture, error: BaseException, status: int, done: bool
) -> None:
    assert (
        run_on(
            Failing(server, *[error] * MOST_LOST, after=2, done=done),
            "enroll",
            "--from",
            table,
            *ONE_BY_ONE,
            "--update",
        )
        == status
    )
    err = capsys.readouterr().err
    assert "stopped after 2 rows of 5: enrolled 2 of 5: 2 new entries" in err
    assert f"go on with: mintmark enroll --from {table} --resume --update" in err
    assert table.with_name("labels.failed.journal").exists()
    for name in ("a.png", "b.png"):
        (table.parent / name).rename(table.parent / f"away-{name}")  # what was acknowledged is not read again
    assert run("enroll", "--from", table, "--resume") == 0
    known = 2 + done
    assert f"enrolled 5 of 5: {5 - known} new entries, {known} already there\n" in capsys.readouterr().out
    assert sorted(view.photo for view in server.catalog.views) == sorted(
        fingerprint(path.read_bytes()) for path in table.parent.glob("*.png")
    )
    assert not table.with_name("labels.failed.journal").exists()


def test_what_the_journal_says_is_checked_with_the_catalog(
    run: Run, server: FakeCoinServer, table: Path, capsys: Capture
) -> None:
    """A catalog that lost what it had, or is another one, gets it again."""
    assert run_on(Failing(server, KeyboardInterrupt(), after=3), "enroll", "--from", table, *ONE_BY_ONE) == 130
    server.catalog.entries.clear()
    server.catalog.views.clear()
    assert run("enroll", "--from", table, "--resume") == 0
    assert len(server.catalog.views) == 5


def test_rows_that_failed_before_the_stop_stay_failed(
    run: Run, server: FakeCoinServer, table: Path, capsys: Capture
) -> None:
    failing = Failing(server, InvalidRequest("refused"), KeyboardInterrupt(), after=1)
    assert run_on(failing, "enroll", "--from", table, *ONE_BY_ONE) == 130
    assert run("enroll", "--from", table, "--resume") == 1
    assert "enrolled 4 of 5: 3 new entries, 1 already there, 1 failed" in capsys.readouterr().out
    (row,) = rows_of(table.with_name("labels.failed.csv"))
    assert (row["path"], row["enrolment_error"]) == ("b.png", "refused")


@pytest.mark.parametrize("damage", ["cut", "other table", "junk", "empty"])
def test_a_journal_that_is_damaged_or_of_another_table_costs_only_time(
    run: Run, server: FakeCoinServer, table: Path, capsys: Capture, damage: str
) -> None:
    assert run_on(Failing(server, KeyboardInterrupt(), after=3), "enroll", "--from", table, *ONE_BY_ONE) == 130
    journal = table.with_name("labels.failed.journal")
    if damage == "cut":
        journal.write_text(journal.read_text()[:-20])
    elif damage == "other table":
        table.write_text(table.read_text().replace("coin e.png", "coin E"))
    else:
        journal.write_bytes(b"" if damage == "empty" else b"\xff{]\n" * 3)
    assert run("enroll", "--from", table, "--resume") == 0
    assert "enrolled 5 of 5: 2 new entries, 3 already there\n" in capsys.readouterr().out
    assert len(server.catalog.views) == 5


def test_a_second_stop_goes_on_too(run: Run, server: FakeCoinServer, table: Path, capsys: Capture) -> None:
    assert run_on(Failing(server, KeyboardInterrupt(), after=1), "enroll", "--from", table, *ONE_BY_ONE) == 130
    journal = table.with_name("labels.failed.journal")
    journal.write_text(journal.read_text().rstrip("\n}"))  # a kill in the middle of a line
    assert (
        run_on(Failing(server, KeyboardInterrupt(), after=2), "enroll", "--from", table, *ONE_BY_ONE, "--resume") == 130
    )
    assert run("enroll", "--from", table, "--resume") == 0
    assert len(server.catalog.views) == len(server.catalog.entries) == 5


def test_a_server_that_answers_no_more_stops_the_run(server: FakeCoinServer, table: Path, capsys: Capture) -> None:
    assert run_on(Failing(server, *[RequestTimeout("no answer")] * 4), "enroll", "--from", table, *ONE_BY_ONE) == 1
    err = capsys.readouterr().err
    assert "stopped after 1 row of 5" in err and err.endswith("mintmark: no answer\n")


# --- files as people have them ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("there", "said"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_paths_in_another_form_of_unicode(
    results: Results, photo: MakePhoto, write_table: WriteTable, there: Any, said: Any
) -> None:
    photo(unicodedata.normalize(there, "münze.png"), Coin((1,)))
    rows = [{**ROW, "path": unicodedata.normalize(said, "münze.png")}]
    assert outcomes(results(write_table("labels.csv", rows))) == ["new"]


def test_paths_of_windows(results: Results, photo: MakePhoto, write_table: WriteTable, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    photo("photos/a.png", Coin((1,)))
    assert outcomes(results(write_table("labels.csv", [{**ROW, "path": "photos\\a.png"}]))) == ["new"]


def test_photos_in_another_folder(results: Results, photo: MakePhoto, write_table: WriteTable, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    photo("elsewhere/a.png", Coin((1,)))
    table = write_table("labels.csv", [ROW])
    assert outcomes(results(table)) == ["failed"]
    assert outcomes(results(table, "--resume", "--photos", tmp_path / "elsewhere")) == ["new"]


def test_a_spreadsheet_of_photos(results: Results, server: FakeCoinServer, photos: list[str], tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    book = pytest.importorskip("openpyxl").Workbook()
    book.active.append(["Path", "Name", "Country", "Currency", "Denomination", "Side", "Year", "Weight"])
    book.active.append(["a.png", "1 złoty", "Poland", "PLN", 0.5, "reverse", 1990.0, 2.1])
    book.active.append(["gone.png", "1 złoty", "Poland", "PLN", 1.0, "reverse", 1990.0, 2.1])
    book.save(tmp_path / "labels.xlsx")
    assert outcomes(results(tmp_path / "labels.xlsx")) == ["new", "failed"]
    (entry,) = server.catalog.entries.values()
    assert (entry["denomination"], entry["year"], entry["metadata"]) == ("0.5", 1990, {"Weight": "2.1"})
    (row,) = rows_of(tmp_path / "labels.failed.csv")
    assert (row["Path"], row["Denomination"], row["Year"]) == ("gone.png", "1", "1990")


def test_decomposed_letters_are_the_same_coin(
    results: Results, server: FakeCoinServer, write_table: WriteTable, photos: list[str]
) -> None:
    names = [unicodedata.normalize("NFC", "Münze"), unicodedata.normalize("NFD", "Münze")]
    rows = [{**ROW, "entry": "x", "name": name, "Rand": "ö"} for name in names]
    assert outcomes(results(write_table("labels.csv", rows))) == ["new", "known"]


@pytest.mark.parametrize("path", ["x" * 5_000, "a/" * 3_000])
def test_paths_that_no_disk_has(results: Results, write_table: WriteTable, photos: list[str], path: str) -> None:
    assert outcomes(results(write_table("labels.csv", [{**ROW, "path": path}, ROW]))) == ["failed", "new"]


def test_options_of_many_need_a_table(run: Run, capsys: Capture) -> None:
    for words in (["--dry-run"], ["--update"], ["--resume"], ["--jsonl"], ["--failed", "x"], ["--photos", "x"]):
        with pytest.raises(SystemExit):
            run("enroll", "a.png", "--entry", "x", "--side", "obverse", *words)
        assert f"{words[0]}: only with --from" in capsys.readouterr().err
