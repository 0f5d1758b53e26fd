"""The cores that processes share: all for one alone, a share for each of several, and nothing held by the dead."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from backends.cores import VARIABLE, Cores, cores_of
from ensemble.cpu import Cpu

ROOT = Path(__file__).resolve().parents[2]
COMPUTING = """
import sys, time
from pathlib import Path
from backends.cores import Cores
with Cores(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])).computing() as share:
    print(share(), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def cores(tmp_path: Path) -> Iterator[Cores]:
    """Two cores, and as many places."""
    cores = Cores(tmp_path / "cores", 2, 2)
    yield cores
    cores.close()


def share(cores: Cores) -> int:
    with cores.computing() as own:
        return own()


def test_alone_one_has_all(cores: Cores) -> None:
    assert [share(cores) for _ in range(3)] == [2, 2, 2]


def test_another_process_takes_its_share_and_gives_it_back_when_killed(cores: Cores, tmp_path: Path) -> None:
    command = [sys.executable, "-c", COMPUTING, str(tmp_path / "cores"), "2", "2"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None and int(other.stdout.readline()) == 2
            assert share(cores) == 1
        finally:
            other.kill()
    assert share(cores) == 2


@pytest.mark.parametrize(("count", "shares"), [(1, [1]), (2, [2, 1]), (3, [3, 1, 1]), (16, [16, 8, 5, 4])])
def test_the_more_compute_the_smaller_the_share(tmp_path: Path, count: int, shares: list[int]) -> None:
    with ExitStack() as stack:
        all_of_them = []
        for expected in shares:
            each = Cores(tmp_path, count, len(shares))  # as in a process of its own: locks are the open file's
            stack.callback(each.close)
            all_of_them.append(stack.enter_context(each.computing()))
            assert all_of_them[-1]() == expected
        assert {own() for own in all_of_them} == {shares[-1]}


class Waiting:
    """One who waits for a place in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self._cores, self.at_work, self._done = Cores(folder, 2, 2), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        with self._cores.computing():
            self.at_work.set()
            self._done.wait(60)

    def end(self) -> None:
        self._done.set()
        self._thread.join()
        self._cores.close()


def test_no_more_compute_at_a_time_than_there_are_places(tmp_path: Path) -> None:
    first, second = Cores(tmp_path, 2, 2), Cores(tmp_path, 2, 2)
    with second.computing() as share_of_second:
        with first.computing():
            waiting = [Waiting(tmp_path) for _ in range(3)]
            time.sleep(0.2)
            assert not any(one.at_work.is_set() for one in waiting)
        deadline = time.monotonic() + 60
        while not any(one.at_work.is_set() for one in waiting) and time.monotonic() < deadline:
            time.sleep(0.001)
        assert sum(one.at_work.is_set() for one in waiting) == 1
        assert share_of_second() == 1
    for one in sorted(waiting, key=lambda one: not one.at_work.is_set()):
        assert one.at_work.wait(60), "all get their turn"
        one.end()
    first.close()
    second.close()


def test_a_place_of_one_that_was_killed_is_found(tmp_path: Path) -> None:
    """It tells nobody that its place is free."""
    command = [sys.executable, "-c", COMPUTING, str(tmp_path), "1", "1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and int(other.stdout.readline()) == 1
        mine = Cores(tmp_path, 1, 1)
        killed = threading.Timer(0.2, other.kill)
        killed.start()
        with mine.computing() as own:
            assert own() == 1 and not killed.is_alive()
        mine.close()


def test_an_error_gives_the_share_back(cores: Cores, tmp_path: Path) -> None:
    other = Cores(tmp_path / "cores", 2, 2)
    with pytest.raises(ValueError, match="wrong"), other.computing():
        raise ValueError("wrong")
    assert share(cores) == 2
    other.close()


def test_models_share_where_the_server_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert cores_of(Cpu(2, 2).parameters) is None
    monkeypatch.setenv(VARIABLE, str(tmp_path / "made"))
    assert cores_of({}) is None
    cores = cores_of(Cpu(2, 2).parameters)
    assert cores is not None and share(cores) == 2
    cores.close()
