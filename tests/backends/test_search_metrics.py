"""What the model `search` tells Triton of its searches and its catalog."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from backends.reported import INTERVAL
from backends.search_metrics import (
    CANDIDATES,
    COUNTED_EVERY,
    ENTRIES,
    FAILURES,
    FREE,
    QUERIES,
    SIZE,
    STALE,
    VIEWS,
    WRITABLE,
    SearchMetrics,
)
from catalog.interface import Status
from ensemble.errors import CatalogError


class Metric:
    value: float | None = None

    def increment(self, value: float) -> None:
        self.value = (self.value or 0.0) + value

    def set(self, value: float) -> None:
        self.value = value


class Family:
    """Triton's metrics, by their names."""

    COUNTER, GAUGE = "counter", "gauge"
    made: dict[str, Metric]

    def __init__(self, name: str, description: str, kind: str) -> None:
        assert description and kind == (self.COUNTER if name.endswith("_total") else self.GAUGE)
        self.name = name

    def Metric(self, labels: dict[str, str]) -> Metric:
        assert labels == {}
        return self.made.setdefault(self.name, Metric())


class Store:
    """A catalog that may be lost."""

    lost = False
    counted = 0

    def status(self) -> Status:
        self.counted += 1
        if self.lost:
            raise CatalogError("the connection is lost")
        return Status(entries=3, views=7, stale_views=2, sequence=9)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Metric]]:
    metrics: dict[str, Metric] = {}
    monkeypatch.setattr(Family, "made", metrics, raising=False)
    yield metrics


def metrics_of(store: Store, folder: Path | None) -> tuple[SearchMetrics, SimpleNamespace]:
    clock = SimpleNamespace(seconds=100.0)
    return SearchMetrics(Family, store.status, folder, lambda: cast(float, clock.seconds)), clock


def values(made: dict[str, Metric], *names: str) -> list[Any]:
    return [made[name].value for name in names]


def test_the_catalog_is_counted_at_the_start_and_now_and_then(made: dict[str, Metric], tmp_path: Path) -> None:
    store = Store()
    metrics, clock = metrics_of(store, tmp_path)
    assert values(made, ENTRIES, VIEWS, STALE, WRITABLE) == [3, 7, 2, 1]
    free, size = values(made, FREE, SIZE)
    assert 0 < free < size
    for seconds in (1, COUNTED_EVERY - 2, 1):
        clock.seconds += seconds
        metrics.report()
    assert store.counted == 2


def test_candidates_are_added_up(made: dict[str, Metric], tmp_path: Path) -> None:
    metrics, clock = metrics_of(Store(), tmp_path)
    metrics.verified(1000, 0.02)
    metrics.verified(7, 0.01)
    clock.seconds += INTERVAL
    metrics.report()
    assert values(made, QUERIES, CANDIDATES) == [2, 1007]


def test_a_lost_store_is_counted_and_its_last_numbers_stay(made: dict[str, Metric]) -> None:
    store = Store()
    metrics, clock = metrics_of(store, None)
    store.lost = True
    metrics.failed()
    clock.seconds += COUNTED_EVERY
    metrics.report()
    assert values(made, FAILURES, ENTRIES) == [2, 3]
    assert not {WRITABLE, FREE, SIZE} & set(made)


def test_a_folder_that_is_gone_cannot_be_written(made: dict[str, Metric], tmp_path: Path) -> None:
    metrics_of(Store(), tmp_path / "gone")
    assert values(made, WRITABLE, FREE) == [0, 0]
