"""Photos of both sides of a coin on a real server: coins that share a side are told apart by the other."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from mintmark import Client
from tests.server.conftest import Coin, jpeg

pytestmark = pytest.mark.server


@pytest.fixture
def shared(client: Client, coins: list[Coin]) -> Iterator[list[str]]:
    """Ids of two entries: both have the first coin's side as their obverse, each another reverse."""
    entries, doubts = list[str](), list[str]()  # that another entry has the photo already
    for name, reverse in (("first of two", coins[1]), ("second of two", coins[2])):
        fields = replace(coins[0].fields, name=name, side="obverse")
        entries.append(client.enroll(jpeg(coins[0].catalog), fields, on_doubt=doubts.append).id)
        client.add_view(jpeg(reverse.catalog), entries[-1], "reverse", on_doubt=doubts.append)
    assert any(entries[0] in doubt for doubt in doubts)
    yield entries
    for entry in entries:
        client.remove(entry)


def test_the_side_that_differs_decides(client: Client, coins: list[Coin], shared: list[str]) -> None:
    obverse, first, second = (jpeg(coin.query) for coin in coins[:3])
    assert client.recognize(obverse).margin < 0.01, "alone, it does not tell"
    for reverse, entry in ((first, shared[0]), (second, shared[1])):
        for photos in ((obverse, reverse), (reverse, obverse)):
            pair = client.recognize_pair(*photos)
            assert pair.known and pair.matches[0].entry.id == entry
            alone = client.recognize(reverse)
            assert pair.matches[0].score > alone.matches[0].score


def test_one_known_side_is_not_enough(client: Client, coins: list[Coin], shared: list[str]) -> None:
    obverse, stranger = jpeg(coins[0].query), jpeg(coins[3].query)
    assert client.recognize(obverse).known
    assert not client.recognize_pair(obverse, stranger).known
