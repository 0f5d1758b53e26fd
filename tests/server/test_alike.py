"""A coin that was enrolled twice, from two photos, is told by the real models."""

import json

import pytest

from mintmark import Client, DoubtfulPhoto
from mintmark._cli import main as mintmark
from tests.server.conftest import Coin, Running, jpeg

pytestmark = [pytest.mark.server, pytest.mark.filterwarnings(f"ignore::{DoubtfulPhoto.__module__}.DoubtfulPhoto")]


def test_a_coin_that_was_enrolled_twice(
    server: Running, client: Client, coins: list[Coin], capsys: pytest.CaptureFixture[str]
) -> None:
    """Two photos of it, one of them in a third entry too; reading needs no token."""
    for number, coin in enumerate(coins):
        client.enroll(jpeg(coin.catalog), coin.fields, f"alike-{number}")
    client.enroll(jpeg(coins[0].query), coins[0].fields, "alike-again")
    client.enroll(jpeg(coins[1].catalog), coins[1].fields, "alike-same")
    with Client(server.url) as reader:
        best, second = reader.similar("alike-0", 2)
        assert best.entry.id == "alike-again" and best.score > 0.5 > second.score and not best.same_photo
        assert best.correlation is not None and best.angle is not None
        assert (best.own_side, best.side) == (coins[0].fields.side, coins[0].fields.side)
        (view,) = reader.views("alike-again")
        assert best.view == view.id
        first = reader.similar("alike-1", 1)[0]
        assert (first.entry.id, first.same_photo) == ("alike-same", True)
        assert first.score > 0.9 and first.cosine == pytest.approx(1, abs=1e-3)
    assert mintmark(["--url", server.url, "duplicates", "--json"]) == 0
    found = {
        frozenset({one["first"]["id"], one["second"]["entry"]["id"]}) for one in json.loads(capsys.readouterr().out)
    }
    mine = {pair for pair in found if all(entry.startswith("alike-") for entry in pair)}
    assert mine == {frozenset({"alike-0", "alike-again"}), frozenset({"alike-1", "alike-same"})}
