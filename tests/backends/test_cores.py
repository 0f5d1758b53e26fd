"""The cores that processes share: all for one alone, a share for each of several, and nothing held by the dead."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from backends.cores import VARIABLE, Cores, cores_of

ROOT = Path(__file__).resolve().parents[2]
COMPUTING = """
import sys, time
from pathlib import Path
from backends.cores import Cores
with Cores(Path(sys.argv[1]), int(sys.argv[2])).computing() as share:
    print(share(), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def cores(tmp_path: Path) -> Iterator[Cores]:
    """Two cores."""
    cores = Cores(tmp_path / "cores", 2)
    yield cores
    cores.close()


def share(cores: Cores) -> int:
    with cores.computing() as own:
        return own()


def test_alone_one_has_all(cores: Cores) -> None:
    assert [share(cores) for _ in range(3)] == [2, 2, 2]


def test_another_process_takes_its_share_and_gives_it_back_when_killed(cores: Cores, tmp_path: Path) -> None:
    command = [sys.executable, "-c", COMPUTING, str(tmp_path / "cores"), "2"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None and int(other.stdout.readline()) == 2
            assert share(cores) == 1
        finally:
            other.kill()
    assert share(cores) == 2


@pytest.mark.parametrize(("count", "shares"), [(1, [1, 1, 1]), (2, [2, 1, 1, 1]), (8, [8, 4, 2, 2, 1, 1, 1, 1, 1])])
def test_the_more_compute_the_smaller_the_share(tmp_path: Path, count: int, shares: list[int]) -> None:
    with ExitStack() as stack:
        all_of_them = []
        for expected in shares:
            each = Cores(tmp_path, count)  # as in a process of its own: the locks belong to what opened the files
            stack.callback(each.close)
            all_of_them.append(stack.enter_context(each.computing()))
            assert all_of_them[-1]() == expected
        assert {own() for own in all_of_them} == {shares[-1]}


def test_an_error_gives_the_share_back(cores: Cores, tmp_path: Path) -> None:
    other = Cores(tmp_path / "cores", 2)
    with pytest.raises(ValueError, match="wrong"), other.computing():
        raise ValueError("wrong")
    assert share(cores) == 2
    other.close()


def test_models_share_where_the_server_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert cores_of({"cores": "2"}) is None
    monkeypatch.setenv(VARIABLE, str(tmp_path / "made"))
    assert cores_of({}) is None
    cores = cores_of({"cores": "2"})
    assert cores is not None and share(cores) == 2
    cores.close()
