"""Both sides of a coin in one photo, as dealers make them, on a real server: as good as a photo of each."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mintmark import Client, InvalidPhoto
from mintmark._cli import main as mintmark
from tests.server.conftest import TOKEN, Coin, Running, jpeg

pytestmark = pytest.mark.server

SIDE = 600  # px, of one coin's part
WHITE, DARK = 250, 15


def cut_out(coin: Coin) -> tuple[np.ndarray, np.ndarray]:
    """The coin of a query, SIDE px across, and where it is."""
    cx, cy, a, b, angle = coin.ellipse
    factor = SIDE / (2 * a)
    moved = np.array([[factor, 0, SIDE / 2 - factor * cx], [0, factor, SIDE / 2 - factor * cy]])
    shown = cv2.warpAffine(coin.query, moved, (SIDE, SIDE), flags=cv2.INTER_AREA)
    where = np.zeros((SIDE, SIDE), np.uint8)
    axes = (SIDE // 2 - 1, round((SIDE // 2 - 1) * b / a))
    cv2.ellipse(where, (SIDE // 2, SIDE // 2), axes, angle, 0, 360, (1,), cv2.FILLED)
    return shown, where


def beside(one: Coin, other: Coin, ground: int, gap: int, upright: bool = False) -> np.ndarray:
    """Two coins on a plain ground, side by side or one above the other."""
    step, margin = SIDE + gap, 80
    size = (SIDE + step + 2 * margin, SIDE + 2 * margin)
    photo = np.full((*(size if upright else size[::-1]), 3), ground, np.uint8)
    for number, coin in enumerate((one, other)):
        shown, where = cut_out(coin)
        top, left = (margin + number * step, margin) if upright else (margin, margin + number * step)
        part = photo[top : top + SIDE, left : left + SIDE]
        part[where > 0] = shown[where > 0]
    return photo


@pytest.fixture(scope="module")
def entry(client: Client, coins: list[Coin]) -> str:
    """An entry of two sides, each from a photo of its own."""
    key = client.enroll(jpeg(coins[0].catalog), coins[0].fields).id
    client.add_view(jpeg(coins[1].catalog), key, "reverse")
    return key


@pytest.mark.parametrize("gap", [6, 60])
@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("ground", [WHITE, DARK])
def test_it_is_recognized_as_well_as_two_photos(
    client: Client, coins: list[Coin], entry: str, ground: int, upright: bool, gap: int
) -> None:
    apart = client.recognize_pair(jpeg(coins[0].query), jpeg(coins[1].query))
    pair = client.recognize_pair(jpeg(beside(coins[0], coins[1], ground, gap, upright)))
    assert pair.known and pair.matches[0].entry.id == entry
    assert pair.matches[0].score > apart.matches[0].score - 0.02
    first, second = (answer.ellipse for answer in pair.answers)
    assert first is not None and second is not None
    across, down = second.cx - first.cx, second.cy - first.cy
    assert (abs(across), down) == pytest.approx((0, SIDE + gap) if upright else (SIDE + gap, 0), abs=12)


def test_one_file_makes_an_entry_and_twice_is_once(
    server: Running, client: Client, coins: list[Coin], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINTMARK_TOKEN", TOKEN)
    photo = tmp_path / "both.jpg"
    photo.write_bytes(jpeg(beside(coins[2], coins[3], WHITE, 20)))
    (tmp_path / "labels.csv").write_text(
        "path,entry,name,country,currency,denomination,side\nboth.jpg,dealt,x,x,x,1,both\n", encoding="utf-8"
    )
    for _ in range(2):
        assert mintmark(["--url", server.url, "enroll", "--from", str(tmp_path / "labels.csv")]) == 0
    told = ["--name", "x", "--country", "x", "--currency", "x", "--denomination", "1", "--entry", "dealt"]
    assert mintmark(["--url", server.url, "enroll", str(photo), "--side", "both", *told]) == 0
    assert [view.side for view in client.views("dealt")] == ["obverse", "reverse"]
    pair = client.recognize_pair(jpeg(coins[2].query), jpeg(coins[3].query))
    assert pair.known and pair.matches[0].entry.id == "dealt"
    assert {match.side for match in pair.matches[0].matches if match} == {"obverse", "reverse"}


def test_a_photo_of_one_coin_is_refused(client: Client, coins: list[Coin]) -> None:
    with pytest.raises(InvalidPhoto, match="in this one, 1 are found"):
        client.both_sides(jpeg(coins[0].catalog))
