"""Memory over time."""

import time
from pathlib import Path

import pytest

from loadtest.soak.memory import Look, Observer, draw, growth, report


class Tree:
    """Uses a gibibyte, one mebibyte of it in /dev/shm."""

    def memory(self) -> int:
        return 2**30

    def shared_memory(self) -> int:
        return 2**20


def test_growth_is_what_goes_on_after_the_beginning() -> None:
    assert growth([0, 50, 100, 100, 100, 100, 100, 100]) == pytest.approx(0)
    assert growth([float(n) for n in range(100)]) == pytest.approx(50)
    assert growth([5.0]) == 0


def test_an_observer_looks_until_it_is_stopped(tmp_path: Path) -> None:
    with Observer(Tree(), interval=0.01) as observer:  # type: ignore[arg-type]
        while len(observer.looks) < 4:
            time.sleep(0.01)
    assert {(look.memory_mib, look.shared_mib) for look in observer.looks} == {(1024.0, 1.0)}
    assert "1024" in report(observer.looks)
    draw([Look(0.0, 1.0, 0.0), Look(1.0, 2.0, 0.0)], tmp_path / "soak.png")
    assert (tmp_path / "soak.png").stat().st_size > 5_000
