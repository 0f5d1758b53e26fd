"""The slots of a server: one photo has all cores, several divide them, and what a killed process held is free again."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from backends.slots import Slots, slots_of
from ensemble import variables
from ensemble.cpu import Cpu

ROOT = Path(__file__).resolve().parents[2]
HOLDING = """
import sys, time
from pathlib import Path
from backends.slots import Slots
with Slots(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])).hold() as threads:
    print(threads(), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def slots(tmp_path: Path) -> Iterator[Slots]:
    """Two cores and two slots."""
    slots = Slots(tmp_path / "slots", 2, 2)
    yield slots
    slots.close()


def threads_of(slots: Slots) -> int:
    with slots.hold() as threads:
        return threads()


def test_alone_one_has_all(slots: Slots) -> None:
    assert [threads_of(slots) for _ in range(3)] == [2, 2, 2]


def test_another_process_takes_its_cores_and_gives_them_back_when_killed(slots: Slots, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDING, str(tmp_path / "slots"), "2", "2"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None and int(other.stdout.readline()) == 2
            assert threads_of(slots) == 1
        finally:
            other.kill()
    assert threads_of(slots) == 2


@pytest.mark.parametrize(("cores", "threads"), [(1, [1]), (2, [2, 1]), (3, [3, 1, 1]), (16, [16, 8, 5, 4])])
def test_the_more_slots_are_taken_the_fewer_threads_each_has(tmp_path: Path, cores: int, threads: list[int]) -> None:
    with ExitStack() as stack:
        holders = []
        for expected in threads:
            each = Slots(tmp_path, cores, len(threads))  # as in a process of its own: locks belong to the open file
            stack.callback(each.close)
            holders.append(stack.enter_context(each.hold()))
            assert holders[-1]() == expected
        assert {ask() for ask in holders} == {threads[-1]}


class Waiting:
    """A thread that waits for a slot and holds it until it is told to end."""

    def __init__(self, folder: Path) -> None:
        self._slots, self.holds, self._done = Slots(folder, 2, 2), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        with self._slots.hold():
            self.holds.set()
            self._done.wait(60)

    def end(self) -> None:
        self._done.set()
        self._thread.join()
        self._slots.close()


def test_no_more_compute_at_a_time_than_there_are_slots(tmp_path: Path) -> None:
    first, second = Slots(tmp_path, 2, 2), Slots(tmp_path, 2, 2)
    with second.hold() as threads_of_second:
        with first.hold():
            waiting = [Waiting(tmp_path) for _ in range(3)]
            time.sleep(0.2)
            assert not any(one.holds.is_set() for one in waiting)
        deadline = time.monotonic() + 60
        while not any(one.holds.is_set() for one in waiting) and time.monotonic() < deadline:
            time.sleep(0.001)
        assert sum(one.holds.is_set() for one in waiting) == 1
        assert threads_of_second() == 1
    for one in sorted(waiting, key=lambda one: not one.holds.is_set()):
        assert one.holds.wait(60), "all get their turn"
        one.end()
    first.close()
    second.close()


def test_the_slot_of_a_killed_process_is_found(tmp_path: Path) -> None:
    """Such a process wakes nobody."""
    command = [sys.executable, "-c", HOLDING, str(tmp_path), "1", "1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and int(other.stdout.readline()) == 1
        mine = Slots(tmp_path, 1, 1)
        killed = threading.Timer(0.2, other.kill)
        killed.start()
        with mine.hold() as threads:
            assert threads() == 1 and not killed.is_alive()
        mine.close()


def test_an_error_gives_the_slot_back(slots: Slots, tmp_path: Path) -> None:
    other = Slots(tmp_path / "slots", 2, 2)
    with pytest.raises(ValueError, match="wrong"), other.hold():
        raise ValueError("wrong")
    assert threads_of(slots) == 2
    other.close()


def test_models_use_slots_where_the_server_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(variables.CORE_LOCKS, raising=False)
    assert slots_of(Cpu(2, 2).parameters) is None
    monkeypatch.setenv(variables.CORE_LOCKS, str(tmp_path / "made"))
    assert slots_of({}) is None
    slots = slots_of(Cpu(2, 2).parameters)
    assert slots is not None and threads_of(slots) == 2
    slots.close()
