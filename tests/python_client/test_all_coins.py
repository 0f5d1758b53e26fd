"""Every coin of a photo: asked for, read, printed, added up and drawn."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mintmark import Client, Ellipse, MockTransport, ServerError
from mintmark._contract import COIN_SEARCH_ALL
from tests.python_client.fake_coin_server import Coin, FakeCoinServer, Tensors, strings
from tests.python_client.samples import Capture, Run

TRAY = [
    Coin((1, 0, 0), (200, 300, 90, 80, 10)),  # one euro
    Coin((0, 1, 0), (600, 300, 60, 60, 0)),  # half a euro
    Coin((0, 1, 0.1), (800, 100, 60, 60, 0)),  # another one
    Coin((0, 0, 1), (500, 600, 50, 50, 0)),  # of no known kind
]


@pytest.fixture
def tray(server: FakeCoinServer, tmp_path: Path) -> Path:
    """A photo of TRAY, in front of a catalog of two kinds."""
    _, data = cv2.imencode(".png", np.full((700, 1000, 3), 128, np.uint8))
    path = tmp_path / "tray.png"
    path.write_bytes(data.tobytes())
    server.trays[data.tobytes()] = TRAY
    server.catalog.threshold = 0.9
    server.add("1 euro", (1, 0, 0), currency="euro", denomination="1")
    server.add("50 cent", (0, 1, 0), currency="euro", denomination="0.5")
    return path


def test_each_coin_has_its_outline_and_its_matches(server: FakeCoinServer, tray: Path) -> None:
    with Client(transport=MockTransport(server)) as client:
        coins = client.recognize_all(tray, k=1, filters={"country": "Austria"}, verify=False)
    assert server.calls[-1] == (COIN_SEARCH_ALL, {"k": 1, "verify": False, "country": "Austria"})
    assert [coin.ellipse for coin in coins] == [Ellipse(*map(float, coin.outline)) for coin in TRAY]
    assert [coin.known for coin in coins] == [True, True, True, False]
    assert [coin.matches[0].entry.name for coin in coins[:3]] == ["1 euro", "50 cent", "50 cent"]
    assert all(len(coin.matches) == 1 and coin.probability == 0.75 for coin in coins)


def test_a_photo_without_a_coin_has_none(server: FakeCoinServer) -> None:
    server.photos[b"empty"] = None
    assert Client(transport=MockTransport(server)).recognize_all(b"empty") == ()


@pytest.mark.parametrize(
    ("coins", "message"),
    [
        ({}, "the list 'coins'"),
        ({"coins": [{"ellipse": [1, 2]}]}, "the five numbers of an ellipse"),
        ({"coins": [{"ellipse": [1, 2, 3, 4, "x"]}]}, "a number for 'ellipse'"),
        ({"coins": [{"ellipse": [1, 2, 3, 4, 5]}]}, "a number for 'probability'"),
    ],
)
def test_an_answer_that_breaks_the_contract(coins: dict[str, Any], message: str) -> None:
    def answer(model: str, inputs: Tensors, parameters: object) -> Tensors:
        return {"coins": strings([json.dumps(coins)]), "warnings": strings([""])}

    with pytest.raises(ServerError, match=message):
        Client(transport=MockTransport(answer)).recognize_all(b"photo")


def test_the_table_and_the_sum(run: Run, tray: Path, capsys: Capture) -> None:
    assert run("recognize", tray, "--all", "--sum") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{tray}: 4 coins, 3 of them known"
    assert [line.split()[:2] for line in lines[1:5]] == [
        ["1", "known"],
        ["2", "known"],
        ["3", "known"],
        ["4", "unknown"],
    ]
    assert lines[5].split() == ["2.0", "euro"]


def test_denominations_that_are_no_numbers_are_counted(
    run: Run, server: FakeCoinServer, tray: Path, capsys: Capture
) -> None:
    server.add("half crown", (0, 0, 1), currency="pound", denomination="1/2 crown")
    run("recognize", tray, "--all", "--sum", "--json")
    (answer,) = json.loads(capsys.readouterr().out)
    assert answer["sums"] == {"euro": "2.0", "1/2 crown pound": "1 piece"}
    assert len(answer["coins"]) == 4 and answer["photo"] == str(tray)


def test_a_sum_needs_all_coins(run: Run, tray: Path, capsys: Capture) -> None:
    assert run("recognize", tray, "--sum") == 1
    assert "give --all too" in capsys.readouterr().err


def test_each_coin_is_drawn_with_its_number(run: Run, tray: Path, tmp_path: Path) -> None:
    assert run("recognize", tray, "--all", "--draw", tmp_path / "out.png") == 0
    drawn = cv2.imread(str(tmp_path / "out.png"))
    assert drawn is not None
    inked = (drawn != 128).any(axis=2)
    for coin in TRAY:
        x, y, a, b, _ = (round(value) for value in coin.outline)
        assert inked[y - b // 2 : y + b // 2, x - a // 2 : x + a // 2].any(), "a number in the middle"
        assert inked[y - b - 4 : y - b + 5, x].any(), "and the rim"
    assert not inked[620:, :300].any()
