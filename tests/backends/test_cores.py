"""The cores that processes share: never more taken than there are, all by one alone, and given back by the dead."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.cores import VARIABLE, Cores, cores_of

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys, time
from pathlib import Path
from backends.cores import Cores
with Cores(Path(sys.argv[1]), int(sys.argv[2])).taken(int(sys.argv[3])) as held:
    print(held, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def cores(tmp_path: Path) -> Iterator[Cores]:
    """Two cores."""
    cores = Cores(tmp_path / "cores", 2)
    yield cores
    cores.close()


def holder(folder: Path, count: int, most: int) -> "subprocess.Popen[str]":
    """Another process that holds cores until it is killed."""
    command = [sys.executable, "-c", HOLDER, str(folder), str(count), str(most)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and int(process.stdout.readline()) == min(count, most)
    return process


def test_alone_one_has_as_many_as_it_can_use(cores: Cores) -> None:
    for most, held in ((1, 1), (2, 2), (8, 2)):
        with cores.taken(most) as got:
            assert got == held


def test_what_others_hold_is_left_to_them_and_comes_back_when_they_are_killed(cores: Cores, tmp_path: Path) -> None:
    with holder(tmp_path / "cores", 2, 1) as other:
        with cores.taken(2) as got:
            assert got == 1
        other.kill()
        other.wait()
        with cores.taken(2) as got:
            assert got == 2


def test_where_none_is_free_one_is_waited_for(cores: Cores, tmp_path: Path) -> None:
    with holder(tmp_path / "cores", 2, 2) as other:
        got: list[int] = []

        def wait() -> None:
            with cores.taken(2) as held:
                got.append(held)

        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(timeout=0.2)
        assert waiting.is_alive() and not got
        other.kill()
        waiting.join(timeout=30)
        assert got and got[0] in (1, 2)


def test_never_more_at_work_than_there_are_cores(tmp_path: Path) -> None:
    at_work, most_at_work, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal at_work, most_at_work
        own = Cores(tmp_path, 3)  # as in a process of its own: the locks belong to what opened the files
        for _ in range(30):
            with own.taken(2) as held:
                with lock:
                    at_work += held
                    most_at_work = max(most_at_work, at_work)
                with lock:
                    at_work -= held
        own.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most_at_work <= 3


def test_models_share_where_the_server_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert cores_of({"cores": "2"}) is None
    monkeypatch.setenv(VARIABLE, str(tmp_path / "made"))
    assert cores_of({}) is None
    cores = cores_of({"cores": "2"})
    assert cores is not None
    with cores.taken(8) as held:
        assert held == 2
    cores.close()
