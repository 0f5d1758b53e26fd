"""Looking after a collection: lists, single photos, history and undo, on the real catalog."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from mintmark import Client, EntryNotFound, InvalidRequest, MockTransport
from tests.python_client.real_catalog import RealCatalog
from tests.python_client.samples import Capture, Run, run_on


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[RealCatalog]:
    """Three coins; the first has both sides."""
    catalog = RealCatalog(tmp_path / "catalog", "anna")
    catalog.enroll("w10", "10 Won", year=1998)
    catalog.enroll("w10", "10 Won", "reverse", year=1998)
    catalog.enroll("w100", "100 won", denomination="100")
    catalog.enroll("e2", "2 Euro", country="Österreich", currency="euro", denomination="2", year=2002)
    yield catalog
    catalog.store.close()


@pytest.fixture
def client(catalog: RealCatalog) -> Client:
    return Client(transport=MockTransport(catalog))


@pytest.fixture
def run(catalog: RealCatalog) -> Run:
    return lambda *argv: run_on(catalog, *argv)


def found(out: str) -> list[str]:
    """Ids in the rows of a list."""
    return [line.split()[-1] for line in out.splitlines()[1:]]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ([], ["w10", "w100", "e2"]),
        (["won"], ["w10", "w100"]),
        (["WON", "100"], ["w100"]),
        (["--sort", "name"], ["e2", "w10", "w100"]),
        (["--sort", "year", "--reverse"], ["e2", "w10", "w100"]),
        (["--sort", "denomination", "--limit", "1"], ["w10"]),
        (["--country", "österreich"], ["e2"]),
        (["--side", "reverse"], ["w10"]),
        (["--year", "1998", "won"], ["w10"]),
    ],
)
def test_a_list_sorts_filters_and_searches(run: Run, capsys: Capture, options: list[str], ids: list[str]) -> None:
    assert run("list", *options) == 0
    assert found(capsys.readouterr().out) == ids
    assert run("list", *options, "--json") == 0
    assert [entry["id"] for entry in json.loads(capsys.readouterr().out)] == ids


def test_a_list_that_finds_nothing_says_so(run: Run, capsys: Capture) -> None:
    assert run("list", "ducat") == 0
    assert capsys.readouterr().out == "no entry of the catalog is like that\n"
    with pytest.raises(SystemExit):
        run("list", "--sort", "colour")
    assert "invalid choice: 'colour'" in capsys.readouterr().err


def test_pages_of_a_list(catalog: RealCatalog, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mintmark._client._PAGE", 2)
    for number in range(5):
        catalog.enroll(f"n{number}", f"coin {9 - number}")
    assert [entry.name for entry in client.entries("coin", sort="name")] == [f"coin {n}" for n in range(5, 10)]
    assert len(list(client.entries())) == 8


def test_one_page_says_where_the_next_begins(client: Client) -> None:
    first = client.page(sort="name", limit=2)
    rest = client.page(sort="name", limit=2, after=first.next)
    assert [entry.id for page in (first, rest) for entry in page.entries] == ["e2", "w10", "w100"]
    assert first.next and not rest.next
    events = client.history_page(limit=3)
    older = client.history_page(limit=3, after=events.next)
    assert [event.entry for page in (events, older) for event in page.events] == ["e2", "w100", "w10", "w10"]
    assert events.next and not older.next


def test_history_in_words(run: Run, catalog: RealCatalog, capsys: Capture) -> None:
    run("update", "w10", "--name", "Ten won", "--year", "")
    catalog.who = "bert"
    views = catalog.store.views("w10")
    run("photo", views[1].id, "--side", "edge", "--to", "w100")
    run("remove", "e2")
    capsys.readouterr()
    assert run("history") == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    told = [(row[1], row[3], row[4]) for row in (re.split("  +", line) for line in rows)]
    assert told == [
        ("bert", "e2", "2 Euro removed, with 1 photo (obverse)"),
        ("bert", "w10", "photo is the edge, not the reverse, photo went to w100"),
        ("anna", "w10", "name: 10 Won → Ten won, year: 1998 → nothing"),
        ("anna", "e2", "new, with 1 photo (obverse)"),
        ("anna", "w100", "new, with 1 photo (obverse)"),
        ("anna", "w10", "1 photo (reverse) added"),
        ("anna", "w10", "new, with 1 photo (obverse)"),
    ]
    assert run("history", "w100", "--limit", 1, "--json") == 0
    (event,) = json.loads(capsys.readouterr().out)
    assert (event["who"], event["entry"], event["other"], event["kind"]) == ("bert", "w10", "w100", "changed")
    assert event["said"] == "photo is the edge, not the reverse, photo went to w100"
    assert abs((datetime.now(timezone.utc) - datetime.fromisoformat(event["at"])).total_seconds()) < 600
    assert run("history", "nobody") == 0
    assert capsys.readouterr().out == "nothing is known of an entry nobody\n"


def test_undo_says_what_it_undid(run: Run, catalog: RealCatalog, capsys: Capture) -> None:
    run("remove", "w10")
    assert capsys.readouterr().out == "removed w10, 10 Won; `mintmark undo w10` brings it back\n"
    run("update", "e2", "--name", "two euros")
    capsys.readouterr()
    assert run("undo", "w10") == 0
    out = capsys.readouterr().out
    assert re.fullmatch(
        r"undone: w10, 10 Won removed, with 2 photos \(obverse, reverse\) \([-\d]+ [:\d]+ UTC by anna\)\n", out
    )
    assert [view.side for view in catalog.store.views("w10")] == ["obverse", "reverse"]
    assert run("undo") == 0
    assert "name: 2 Euro → two euros" in capsys.readouterr().out and catalog.store.show("e2").name == "2 Euro"
    last = catalog.store.history("", "", 1)[0].number
    assert run("undo", "--event", last) == 0
    assert catalog.store.show("e2").name == "two euros"
    capsys.readouterr()
    assert run("undo", "nobody") == 1
    assert "there is no change of the entry 'nobody' that could be undone" in capsys.readouterr().err


def test_one_photo(run: Run, client: Client, capsys: Capture) -> None:
    first, second = client.views("w10")
    assert run("photo", second.id, "--side", "edge") == 0
    assert capsys.readouterr().out == f"the photo {second.id} shows the edge\n"
    assert run("photo", second.id, "--to", "e2") == 0
    assert capsys.readouterr().out == f"the photo {second.id} belongs to e2\n"
    assert client.views("e2")[0].id == second.id
    assert run("photo", second.id, "--remove") == 0
    assert len(client.views("e2")) == 1
    capsys.readouterr()
    assert run("photo", first.id, "--remove") == 1
    assert "it is the only photo of entry w10: remove the entry" in capsys.readouterr().err
    for wrong in (["--remove", "--side", "edge"], []):
        with pytest.raises(SystemExit):
            run("photo", first.id, *wrong)
        assert "give --side, --to or both, or --remove" in capsys.readouterr().err


def test_the_past_in_python(client: Client) -> None:
    client.update("e2", name="two euros", metadata={"a": [1]})
    (event, enrolled) = client.history("e2")
    assert (event.kind, event.who, event.undoes, enrolled.kind) == ("updated", "anna", "", "added")
    assert event.details["after"] == {"name": "two euros", "metadata": {"a": [1]}}
    assert client.undo(event=event.number) == event
    with pytest.raises(InvalidRequest, match="was undone already"):
        client.undo(event=event.number)
    assert next(client.history()).undoes == event.number
    client.remove("e2")
    with pytest.raises(EntryNotFound):
        client.show("e2")
    client.undo()
    assert client.show("e2").name == "2 Euro"
    for call in (client.remove_view, lambda view: client.change_view(view, side="edge")):
        with pytest.raises(EntryNotFound, match="no photo has the id"):
            call("12345")
    with pytest.raises(InvalidRequest, match="needs 'side' or 'entry'"):
        client.change_view(client.views("e2")[0].id)
