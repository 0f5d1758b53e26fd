"""Requests that a busy server refused are sent again within the deadline; those that may have had an effect are not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from mintmark import Client, MintmarkError, MockTransport, ServerBusy, ServerError, ServerUnavailable
from mintmark._retry import FIRST_PAUSE, LONGEST_PAUSE, MOST_LOST, Retry
from tests.python_client.fake_coin_server import Coin, FakeCoinServer
from tests.python_client.samples import FIELDS


@dataclass
class Clock:
    """Time that passes only while somebody sleeps or a request runs."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def retry(self, jitter: float = 1.0) -> Retry:
        return Retry(lambda: self.now, self.sleep, lambda: jitter)


def failing(
    times: int, error: Exception, clock: Clock, takes: float = 0.0
) -> tuple[Callable[[float], str], list[float]]:
    """A request that fails `times` times, and the seconds that it got each time."""
    given: list[float] = []

    def send(timeout: float) -> str:
        given.append(timeout)
        clock.now += takes
        if len(given) <= times:
            raise error
        return "answer"

    return send, given


def test_pauses_grow_up_to_a_limit() -> None:
    clock = Clock()
    send, _ = failing(7, ServerBusy("full"), clock)
    assert clock.retry().call(send, timeout=60, repeatable=False) == "answer"
    assert clock.slept == pytest.approx([min(FIRST_PAUSE * 2**n, LONGEST_PAUSE) for n in range(7)])


def test_clients_do_not_come_back_at_the_same_moment() -> None:
    pauses = []
    for jitter in (0.0, 0.5, 1.0):
        clock = Clock()
        clock.retry(jitter).call(failing(1, ServerBusy("full"), clock)[0], timeout=60, repeatable=False)
        pauses += clock.slept
    assert pauses == pytest.approx([0.5 * FIRST_PAUSE, 0.75 * FIRST_PAUSE, FIRST_PAUSE])


def test_the_deadline_holds_for_all_tries_together() -> None:
    clock = Clock()
    send, given = failing(1000, ServerBusy("full"), clock, takes=0.5)
    with pytest.raises(ServerBusy, match="full"):
        clock.retry().call(send, timeout=5, repeatable=True)
    assert clock.now <= 105
    assert given[0] == 5 and given == sorted(given, reverse=True) and min(given) > 0


def test_an_unreachable_server_is_asked_again_for_what_changes_nothing() -> None:
    clock = Clock()
    send, given = failing(2, ServerUnavailable("down"), clock)
    assert clock.retry().call(send, timeout=5, repeatable=True) == "answer"
    assert len(given) == 3
    with pytest.raises(ServerUnavailable):
        clock.retry().call(failing(1, ServerUnavailable("down"), clock)[0], timeout=5, repeatable=False)


def test_an_address_where_nothing_listens_is_given_up_soon() -> None:
    clock = Clock()
    send, given = failing(1000, ServerUnavailable("down"), clock)
    with pytest.raises(ServerUnavailable):
        clock.retry().call(send, timeout=60, repeatable=True)
    assert len(given) == MOST_LOST


def test_other_errors_come_through_at_once() -> None:
    clock = Clock()
    with pytest.raises(ServerError):
        clock.retry().call(failing(1, ServerError("broken"), clock)[0], timeout=5, repeatable=True)
    assert not clock.slept


@dataclass
class Flaky:
    """A coin server that fails `times` times before it answers."""

    server: FakeCoinServer
    error: MintmarkError
    times: int = 2
    asked: int = 0

    def __call__(self, model: str, inputs: Any, parameters: Any) -> Any:
        self.asked += 1
        if self.asked <= self.times:
            raise self.error
        return self.server(model, inputs, parameters)


def client_of(error: MintmarkError, *, retry: bool = True) -> tuple[Client, Flaky]:
    flaky = Flaky(FakeCoinServer(photos={b"coin": Coin((1.0,))}), error)
    client = Client(transport=MockTransport(flaky), retry=retry)
    if retry:
        client._retry = Clock().retry()
    return client, flaky


CALLS: dict[str, Callable[[Client], Any]] = {
    "recognize": lambda client: client.recognize(b"coin"),
    "embed": lambda client: client.embed(b"coin"),
    "entries": lambda client: list(client.entries()),
    "export": lambda client: list(client.export()),
    "status": lambda client: client.status(),
    "enroll": lambda client: client.enroll(b"coin", FIELDS),
    "enroll with an id": lambda client: client.enroll(b"coin", FIELDS, "id"),
    "remove": lambda client: client.remove("id"),
    "update": lambda client: client.update("id", name="x"),
}
CHANGING = ("enroll", "remove", "update")


@pytest.mark.parametrize("name", [name for name in CALLS if name not in ("remove", "update")])
def test_a_busy_server_is_asked_again(name: str) -> None:
    client, flaky = client_of(ServerBusy("full"))
    CALLS[name](client)
    assert flaky.asked == 3


@pytest.mark.parametrize("name", CALLS)
def test_a_lost_connection_is_made_up_for_only_where_nothing_changes(name: str) -> None:
    client, flaky = client_of(ServerUnavailable("down"))
    if name in CHANGING:
        with pytest.raises(ServerUnavailable):
            CALLS[name](client)
        assert flaky.asked == 1
    else:
        CALLS[name](client)
        assert flaky.asked == 3


def test_every_request_once_where_that_is_wanted() -> None:
    client, flaky = client_of(ServerBusy("full"), retry=False)
    with pytest.raises(ServerBusy):
        client.recognize(b"coin")
    assert flaky.asked == 1
