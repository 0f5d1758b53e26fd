"""Every coin of a photo on a real server: each found once, outlined, and answered with its own entry."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from ensemble.contract import MOST_COINS
from mintmark import Client, InvalidPhoto, InvalidRequest
from mintmark._cli import main as mintmark
from tests.server.conftest import Coin, Running, jpeg

pytestmark = pytest.mark.server

SIDE = 360  # px, of one coin's part of the tray


@pytest.fixture(scope="module")
def enrolled(client: Client, coins: list[Coin]) -> list[str]:
    """Ids of the entries of the coins, which are enrolled by their catalog pictures."""
    return [client.enroll(jpeg(coin.catalog), coin.fields).id for coin in coins]


def tray(pictures: list[np.ndarray], columns: int, side: int = SIDE) -> np.ndarray:
    """Pictures of one coin each in one photo, row by row."""
    parts = [cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.vstack([np.hstack(parts[start : start + columns]) for start in range(0, len(parts), columns)])


def test_each_coin_is_answered_with_its_entry(client: Client, coins: list[Coin], enrolled: list[str]) -> None:
    shown = [coins[number] for number in (0, 1, 2, 3, 1, 2)]
    answer = client.recognize_all(jpeg(tray([coin.catalog for coin in shown], 3)), k=2)
    assert len(answer) == len(shown)
    for coin in answer:
        assert coin.ellipse.a < SIDE / 2 and coin.probability > 0.5
        column, row = int(coin.ellipse.cx // SIDE), int(coin.ellipse.cy // SIDE)
        assert coin.known and len(coin.matches) == 2
        assert coin.matches[0].entry.name == shown[3 * row + column].fields.name
    places = {(int(coin.ellipse.cx // SIDE), int(coin.ellipse.cy // SIDE)) for coin in answer}
    assert len(places) == len(shown), "each once"


def test_a_photo_without_a_coin_has_none(client: Client) -> None:
    assert client.recognize_all(jpeg(np.full((600, 800, 3), 128, np.uint8))) == ()


def test_more_coins_than_are_allowed_are_refused_and_the_server_goes_on(client: Client, coins: list[Coin]) -> None:
    heap = tray([coins[0].catalog] * 81, 9, 110)
    with pytest.raises(InvalidPhoto, match=f"at most {MOST_COINS} are taken from one"):
        client.recognize_all(jpeg(heap))
    assert len(client.recognize_all(jpeg(tray([coins[0].catalog], 1)))) == 1


def test_bad_requests_are_refused_for_themselves_alone(client: Client, coins: list[Coin]) -> None:
    photo = jpeg(coins[0].catalog)
    with pytest.raises(InvalidPhoto):
        client.recognize_all(b"no photo")
    with pytest.raises(InvalidRequest):
        client.recognize_all(photo, filters={"weather": "fine"})
    assert len(client.recognize_all(photo)) == 1


def test_command_line(
    server: Running, coins: list[Coin], enrolled: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, drawn = tmp_path / "tray.jpg", tmp_path / "drawn.png"
    photo.write_bytes(jpeg(tray([coins[0].catalog, coins[1].catalog], 2)))
    assert mintmark(["--url", server.url, "recognize", str(photo), "--all", "--sum", "--draw", str(drawn)]) == 0
    output = capsys.readouterr().out
    assert "2 coins, 2 of them known" in output
    for coin in coins[:2]:
        assert coin.fields.name in output
    assert drawn.stat().st_size > 0
