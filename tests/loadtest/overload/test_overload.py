"""The figures of an overload: answers, refusals, recovery; and the cores of server and load."""

import argparse
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadtest.generator import Here, Sample
from loadtest.overload import __main__ as overload
from loadtest.overload.run import draw, provoke, recovery

pytestmark = pytest.mark.slow


class ServerBusy(Exception):
    """Has the name of the client's error."""


class SmallServer:
    """Answers two at a time, lets four wait, and turns the others away with an error."""

    def __init__(self, error: type[Exception]) -> None:
        self._error = error
        self._room, self._workers = threading.Semaphore(6), threading.Semaphore(2)

    def __call__(self, photo: bytes) -> None:
        if not self._room.acquire(blocking=False):
            raise self._error
        with self._workers:
            time.sleep(0.02)
        self._room.release()


def test_what_is_too_much_is_refused_and_counted(tmp_path: Path) -> None:
    result = provoke(Here(SmallServer(ServerBusy), [b"photo"]), concurrency=4, factor=4.0, seconds=1.0, watched=0.5)
    assert result.offered == pytest.approx(4 * result.peaks[0])
    assert result.goodput == pytest.approx(2 * result.answered / sum(result.peaks))
    assert set(result.under.failures) == {"ServerBusy"}
    assert result.unclear == {}
    assert result.goodput > 0
    assert "refused, by kind" in result.text()
    draw(result, tmp_path / "overload.png")
    assert (tmp_path / "overload.png").stat().st_size > 10_000


def test_failures_that_are_no_refusal_are_named() -> None:
    result = provoke(
        Here(SmallServer(ConnectionError), [b"photo"]), concurrency=4, factor=6.0, seconds=0.5, watched=0.1
    )
    assert set(result.unclear) == {"ConnectionError"}


@pytest.fixture
def cores() -> Iterator[set[int]]:
    """The cores of this process; it gets them back afterwards."""
    before = os.sched_getaffinity(0)
    yield before
    os.sched_setaffinity(0, before)


def test_the_load_can_have_cores_of_its_own(
    cores: set[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if len(cores) < 2:
        pytest.skip("one core cannot be divided")
    seen: dict[str, set[int]] = {}

    @contextmanager
    def host(_: object) -> Iterator[argparse.Namespace]:
        seen["server"] = os.sched_getaffinity(0)
        yield argparse.Namespace(url="127.0.0.1:1", queries=[b"photo"])

    @contextmanager
    def crew(*_: object) -> Iterator[Here]:
        seen["load"] = os.sched_getaffinity(0)
        yield Here(SmallServer(ServerBusy), [b"photo"])

    monkeypatch.setattr(overload, "host", host)
    monkeypatch.setattr(overload, "Crew", crew)
    words = ["--seconds", "0.5", "--watched", "0.1", "--callers", "4", "--out", str(tmp_path)]
    assert overload.main([*words, "--load-cores", "1"]) == 0
    assert seen == {"server": cores - {max(cores)}, "load": {max(cores)}}
    kept = json.loads((tmp_path / "overload.json").read_text())
    assert f"{kept['goodput']:.3f}" in capsys.readouterr().out


def test_a_server_needs_a_core(cores: set[int], capsys: pytest.CaptureFixture[str]) -> None:
    assert overload.main(["--load-cores", str(len(cores))]) == 1
    assert "leave none to the server" in capsys.readouterr().err


def test_recovery_is_when_the_last_slow_or_failed_request_was_sent() -> None:
    calm = [Sample(10.0 + n, 0.1) for n in range(10)]
    assert recovery(calm, end=10.0, bound=0.2) == 0.0
    slow = [Sample(10.0, 5.0), Sample(11.0, 0.1, "ServerBusy"), Sample(12.0, 0.3), *calm[3:]]
    assert recovery(slow, end=10.0, bound=0.2) == 2.0
    assert recovery([Sample(3.0, 9.0), *calm], end=10.0, bound=0.2) == 0.0, "what was sent before does not count"
    never = recovery([*calm, Sample(20.0, 3.0)], end=10.0, bound=0.2)
    assert never != never
