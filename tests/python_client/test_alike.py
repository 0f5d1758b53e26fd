"""Entries that are hard to tell apart: `Client.similar`, `mintmark similar` and `mintmark duplicates`."""

import json

import pytest

from mintmark import Client, EntryNotFound, MockTransport, ServerError
from tests.python_client.fake_coin_server import FakeCoinServer, strings
from tests.python_client.samples import Capture, Run


@pytest.fixture(autouse=True)
def coins(server: FakeCoinServer) -> None:
    """Of a euro there are two entries, with the same relief; of a thaler two that share a photo; a penny is alone."""
    server.add("euro", (1, 0.2), "obverse", relief=1, entry="euro", year=2002)
    server.add("euro again", (1, 0.6), "reverse", relief=1, entry="again")
    server.add("thaler", (0, 0, 1), entry="thaler", photo="a" * 64)
    server.add("taler", (0, 0, 1, 0.1), entry="taler", photo="a" * 64)
    server.add("penny", (0.8, 0, 0.6), entry="penny")


def test_similar(client: Client) -> None:
    first, second, *rest = client.similar("euro")
    assert (first.entry.id, first.score, first.correlation, first.angle) == ("again", 1, 1, 90)
    assert (first.own_side, first.own_view, first.side, first.view) == ("obverse", "v1", "reverse", "v2")
    assert (second.entry.id, second.correlation, second.angle) == ("penny", None, None)
    assert second.score == second.cosine == pytest.approx(0.8 / 1.04**0.5)
    assert [one.entry.id for one in rest] == ["thaler", "taler"] and not any(one.same_photo for one in rest)
    assert client.similar("euro", 1) == (first,)
    assert client.similar("taler")[0].same_photo
    with pytest.raises(EntryNotFound, match="no entry has the id nobody"):
        client.similar("nobody")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({}, "instead of the list 'similar'"),
        ({"similar": [{"score": 1}]}, "instead of a number for 'cosine'"),
        ({"similar": [{"score": "1"}]}, "instead of a number for 'score'"),
    ],
)
def test_an_answer_that_breaks_the_contract(answer: object, message: str) -> None:
    broken = Client(transport=MockTransport(lambda *_: {"response": strings([json.dumps(answer)])}))
    with pytest.raises(ServerError, match=message):
        broken.similar("euro")


def test_similar_as_a_table(run: Run, capsys: Capture) -> None:
    assert run("similar", "euro", "--top", 2) == 0
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["score", "name", "country", "year", "own", "view", "view", "id"]
    assert first.split() == ["1.000", "euro", "again", "Austria", "obverse", "v1", "reverse", "v2", "again"]
    assert second.split()[0] == "0.784" and second.split()[-1] == "penny"
    assert run("similar", "thaler", "--top", 1) == 0
    assert "same photo" in capsys.readouterr().out
    assert run("similar", "euro", "--top", 1, "--json") == 0
    (said,) = json.loads(capsys.readouterr().out)
    assert (said["entry"]["id"], said["own_view"], said["view"], said["same_photo"]) == ("again", "v1", "v2", False)
    assert run("similar", "nobody") == 1
    assert capsys.readouterr().err == "mintmark: no entry has the id nobody\n"


def test_nothing_is_similar(run: Run, server: FakeCoinServer, capsys: Capture) -> None:
    for key in ("again", "thaler", "taler", "penny"):
        server.catalog.operate({"operation": "remove", "id": key})
    assert run("similar", "euro") == 0 and capsys.readouterr().out == "nothing to compare with\n"
    assert run("similar", "euro", "--json") == 0 and json.loads(capsys.readouterr().out) == []
    assert run("duplicates") == 0 and capsys.readouterr().out == "no two entries look the same\n"


def test_duplicates(run: Run, server: FakeCoinServer, capsys: Capture) -> None:
    """Each pair once, the same photo first, then the best; from the score at which a coin counts as known."""
    server.catalog.threshold = 0.95
    assert run("duplicates", "--concurrency", 2) == 0
    out, err = capsys.readouterr()
    header, first, second, end = out.splitlines()
    assert header.split() == ["score", "name", "view", "id", "name", "view", "id"]
    assert first.split() == ["same", "photo", "thaler", "common", "v3", "thaler", "taler", "common", "v4", "taler"]
    assert second.startswith("1.000") and {"euro", "again"} <= set(second.split())
    assert end == "2 pairs of entries look the same, 1 of them with the very same photo"
    assert "entries: 5 of 5" in err
    assert run("duplicates", "--from", 0.75, "--json") == 0
    pairs = json.loads(capsys.readouterr().out)
    assert [{pair["first"]["id"], pair["second"]["entry"]["id"]} for pair in pairs] == [
        {"thaler", "taler"},
        {"euro", "again"},
        {"euro", "penny"},
    ]
    assert [pair["second"]["same_photo"] for pair in pairs] == [True, False, False]
    scores = [pair["second"]["score"] for pair in pairs[1:]]
    assert scores == sorted(scores, reverse=True)


def test_duplicates_while_entries_are_removed(run: Run, server: FakeCoinServer, capsys: Capture) -> None:
    answer = server.catalog._do_similar

    def removing(id: str, k: int) -> object:
        if id == "again":
            raise EntryNotFound("no entry has the id again")
        return answer(id, k)

    server.catalog._do_similar = removing  # type: ignore[method-assign, assignment]
    assert run("duplicates", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)) >= 2


@pytest.mark.parametrize("words", [("--from", "1.5"), ("--from", "x"), ("--concurrency", "0")])
def test_usage(run: Run, capsys: Capture, words: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        run("duplicates", *words)
    assert exit_info.value.code == 2 and words[0] in capsys.readouterr().err
