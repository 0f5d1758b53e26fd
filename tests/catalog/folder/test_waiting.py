"""Views that wait are counted after changes, and not all the time where counting takes long."""

import time

import pytest

from catalog.folder.waiting import WaitingViews
from catalog.interface import Waiting


class Database:
    """What is counted, and how often it was."""

    def __init__(self, seconds: float) -> None:
        self.changes = 0
        self.counted = 0
        self._seconds = seconds  # of the processor, that a count takes

    def version(self) -> tuple[int, int]:
        return 0, self.changes

    def count(self) -> Waiting:
        self.counted += 1
        began = time.thread_time()
        while time.thread_time() - began < self._seconds:
            pass
        return Waiting(self.changes, 0)


def test_a_small_catalog_is_counted_after_each_change() -> None:
    database = Database(0.0)
    waiting = WaitingViews(database.version, database.count)
    for database.changes in range(3):
        assert [waiting.now() for _ in range(5)] == [Waiting(database.changes, 0)] * 5
    assert database.counted == 3


def test_a_large_one_that_changes_all_the_time_is_counted_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.folder.waiting._SHARE", 1e-6)  # so the next count comes after hours
    database = Database(0.01)
    waiting = WaitingViews(database.version, database.count)
    for database.changes in range(3):
        assert waiting.now() == Waiting(0, 0)
    assert database.counted == 1
    monkeypatch.setattr(time, "monotonic", lambda: float("inf"))
    assert waiting.now() == Waiting(2, 0)
