"""With too many requests, some are refused at once with a clear error, and the others are answered."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ensemble import placement
from mintmark import Client, ServerBusy
from server.embedded import EmbeddedServer
from tests.server.conftest import Coin, jpeg

pytestmark = pytest.mark.server

CALLERS = 16


@pytest.fixture
def short_queue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server in which only one request may wait for the first step."""
    monkeypatch.setattr(placement, "CPU_ADMISSION", placement.Queue(size=1, timeout_us=60_000_000))
    with EmbeddedServer(tmp_path) as server:
        yield server


def test_what_is_too_much_is_refused_and_the_rest_answered(short_queue: EmbeddedServer, coins: list[Coin]) -> None:
    photo = jpeg(coins[0].query)
    with Client(short_queue.url, timeout=120, retry=False) as client:

        def ask(_: int) -> str:
            try:
                return "found" if client.recognize(photo).found else "not found"
            except ServerBusy as error:
                assert "is busy, try again later: Exceeds maximum queue size" in str(error)
                return "refused"

        with ThreadPoolExecutor(CALLERS) as pool:
            answers = Counter(pool.map(ask, range(CALLERS)))
        assert answers["refused"] > 0 and answers["found"] > 0
        assert answers["refused"] + answers["found"] == CALLERS
        assert client.recognize(photo).found, "and afterwards all is well"


def test_clients_that_ask_again_are_all_answered(short_queue: EmbeddedServer, coins: list[Coin]) -> None:
    photo = jpeg(coins[0].query)
    with Client(short_queue.url, timeout=120) as client, ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(lambda _: client.recognize(photo).found, range(CALLERS)))
    assert answers == [True] * CALLERS
