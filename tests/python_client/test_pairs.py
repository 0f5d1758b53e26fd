"""Two photos of one coin, one of each side: one answer, which is better than either alone."""

import json
from pathlib import Path

import cv2
import pytest

from mintmark import Client, InvalidRequest
from tests.python_client.fake_catalog import unit
from tests.python_client.fake_coin_server import Coin, FakeCoinServer
from tests.python_client.samples import Capture, MakePhoto, Run

NUMERAL, EAGLE, LION, SHIP = (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0, 1)
NEARLY_LION = (0, 0.6, 0.8)  # scores 0.8 with the lion, 0.6 with the eagle


@pytest.fixture
def sides(server: FakeCoinServer, photo: MakePhoto) -> dict[str, Path]:
    """Photos of sides and of a table, in front of a catalog of two coins that share a numeral."""
    server.catalog.threshold = 0.9
    for name, motif in (("eagle", EAGLE), ("lion", LION)):
        key = server.add(name, NUMERAL, side="reverse")
        server.catalog.enroll({"entry": key, "side": "obverse"}, unit(motif))
    shown = {"numeral": Coin(NUMERAL), "lion": Coin(NEARLY_LION), "ship": Coin(SHIP), "table": None}
    return {name: photo(f"{name}.png", coin) for name, coin in shown.items()}


@pytest.mark.parametrize("order", [("numeral", "lion"), ("lion", "numeral")])
def test_the_side_that_tells_decides_and_the_other_makes_it_sure(
    client: Client, sides: dict[str, Path], order: tuple[str, str]
) -> None:
    alone = [client.recognize(sides[name]) for name in ("numeral", "lion")]
    assert alone[0].margin == 0 and not alone[1].known, "neither alone is enough"
    pair = client.recognize_pair(sides[order[0]], sides[order[1]])
    assert pair.known and [match.entry.name for match in pair.matches] == ["lion", "eagle"]
    best = pair.matches[0]
    assert {seen.side for seen in best.matches if seen} == {"obverse", "reverse"}
    assert best.score > 0.99 and pair.margin == pytest.approx(best.score - pair.matches[1].score)
    assert [answer.found for answer in pair.answers] == [True, True]


def test_a_coin_that_shares_one_side_is_not_in_the_catalog(client: Client, sides: dict[str, Path]) -> None:
    assert client.recognize(sides["numeral"]).known
    assert not client.recognize_pair(sides["numeral"], sides["ship"]).known


def test_an_entry_of_one_side_is_judged_by_that_side(
    client: Client, server: FakeCoinServer, sides: dict[str, Path]
) -> None:
    server.add("ship", SHIP, side="obverse")
    pair = client.recognize_pair(sides["lion"], sides["ship"])
    assert pair.known and pair.matches[0].entry.name == "ship"
    assert pair.matches[0].score == pytest.approx(1, abs=1e-6)


def test_a_photo_without_a_coin_does_not_count(client: Client, sides: dict[str, Path]) -> None:
    pair = client.recognize_pair(sides["table"], sides["lion"])
    alone = client.recognize(sides["lion"])
    assert [answer.found for answer in pair.answers] == [False, True]
    assert pair.matches[0].score == pytest.approx(alone.matches[0].score) and pair.known == alone.known
    nothing = client.recognize_pair(sides["table"], sides["table"])
    assert not nothing.known and nothing.matches == ()


def test_options_go_with_both_photos(client: Client, server: FakeCoinServer, sides: dict[str, Path]) -> None:
    pair = client.recognize_pair(sides["numeral"], sides["lion"], 1, {"country": "Austria"}, verify=False)
    assert len(pair.matches) == 1
    asked = [parameters for model, parameters in server.calls if model == "coin_search"]
    assert len(asked) == 2 and asked[0] == asked[1]
    assert asked[0]["country"] == "Austria" and asked[0]["verify"] is False
    with pytest.raises(InvalidRequest, match="leave out the filter for the side"):
        client.recognize_pair(sides["numeral"], sides["lion"], filters={"side": "obverse"})


def test_on_the_command_line(run: Run, sides: dict[str, Path], tmp_path: Path, capsys: Capture) -> None:
    photos, drawn = (sides["numeral"], sides["lion"]), tmp_path / "drawn.png"
    assert run("recognize", *photos, "--pair", "--draw", drawn) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{photos[0]} + {photos[1]}: match: lion (score 1.000")
    assert lines[1].split()[2] == "lion" and lines[1].endswith("(reverse 1.000, obverse 0.800)")
    picture = cv2.imread(str(drawn))
    for left in (0, 640):  # one photo beside the other, each with its outline alone
        changed = (picture[:, left : left + 640] != 200).any(2)
        assert 0 < changed.mean() < 0.05
    assert (picture[:, 1280:] < 200).any(), "the matches"
    assert run("recognize", *photos, *photos, "--pair", "--json") == 0
    answers = json.loads(capsys.readouterr().out)
    assert [answer["photos"] for answer in answers] == [[str(photo) for photo in photos]] * 2
    assert answers[0]["matches"][0]["entry"]["name"] == "lion" and len(answers[0]["answers"]) == 2


def test_wrong_usage(run: Run, sides: dict[str, Path], capsys: Capture) -> None:
    assert run("recognize", sides["lion"], "--pair") == 1
    assert "two photos of each coin, not 1 photo in all" in capsys.readouterr().err
    assert run("recognize", sides["lion"], sides["lion"], "--pair", "--all") == 1
    assert "give one of them" in capsys.readouterr().err
