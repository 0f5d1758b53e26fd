"""An enrolment is refused where the photo shows its coin badly, and warned of where that is in doubt."""

import cv2
import numpy as np
import pytest

from mintmark import Client, DoubtfulPhoto, NoCoinFound, UnfitPhoto
from mintmark._contract import ENROLLED_DIAMETER
from tests.server.conftest import Coin, jpeg

pytestmark = pytest.mark.server


def shrunk(coin: Coin, diameter: float) -> np.ndarray:
    """Its photo, reduced until the coin has this diameter, px."""
    scale = diameter / (2 * coin.ellipse[2])
    return cv2.resize(coin.query, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def blurred(coin: Coin, share: float) -> np.ndarray:
    """Its photo after a blur whose standard deviation is a share of the diameter."""
    return cv2.GaussianBlur(coin.query, (0, 0), share * 2 * coin.ellipse[2])


def test_a_coin_that_is_too_small(client: Client, coins: list[Coin]) -> None:
    before = client.status().views
    with pytest.raises(UnfitPhoto, match=f"px across in the photo, {ENROLLED_DIAMETER[0]:.0f} px are needed"):
        client.enroll(jpeg(shrunk(coins[0], 45.0)), coins[0].fields)
    assert client.status().views == before


def test_a_blurred_coin(client: Client, coins: list[Coin]) -> None:
    with pytest.raises((UnfitPhoto, NoCoinFound), match="the coin is blurred"):
        client.enroll(jpeg(blurred(coins[1], 0.045)), coins[1].fields)


def test_a_coin_that_the_edge_cuts_off(client: Client, coins: list[Coin]) -> None:
    cx = round(coins[0].ellipse[0])
    half = np.ascontiguousarray(coins[0].query[:, cx:])
    with pytest.raises((UnfitPhoto, NoCoinFound), match="the edge of the photo cuts the coin off"):
        client.enroll(jpeg(half), coins[0].fields)


def test_no_coin(client: Client, coins: list[Coin]) -> None:
    noise = cv2.resize(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8), (600, 400))
    with pytest.raises(NoCoinFound, match=r"no coin found in the photo \(probability 0"):
        client.enroll(jpeg(noise), coins[0].fields)


def test_a_doubtful_photo_is_enrolled_with_a_warning(client: Client, coins: list[Coin]) -> None:
    with pytest.warns(DoubtfulPhoto, match="px across in the photo"):
        entry = client.enroll(jpeg(shrunk(coins[1], 82.0)), coins[1].fields)
    said: list[str] = []
    client.add_view(jpeg(blurred(coins[1], 0.017)), entry.id, "reverse", on_doubt=said.append)
    assert any("blurred" in sentence for sentence in said)
    assert len(client.views(entry.id)) == 2
    client.remove(entry.id)


def test_a_good_photo_raises_no_doubt(client: Client, coins: list[Coin]) -> None:
    said: list[str] = []
    entry = client.enroll(jpeg(coins[2].catalog), coins[2].fields, on_doubt=said.append)
    client.remove(entry.id)
    assert said == []


def test_an_answer_says_how_likely_a_coin_is(client: Client, coins: list[Coin]) -> None:
    seen = client.recognize(jpeg(coins[0].query))
    assert seen.found and seen.probability > 0.9
    assert client.embed(jpeg(coins[0].query)).probability == pytest.approx(seen.probability, abs=0.01)
    nothing = client.recognize(jpeg(np.full((300, 400, 3), 200, np.uint8)))
    assert not nothing.found and nothing.ellipse is None and 0 <= nothing.probability < 0.5
