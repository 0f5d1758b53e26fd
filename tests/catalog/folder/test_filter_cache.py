"""The views that pass a filter are remembered, and stay right after every change."""

from collections.abc import Callable, Mapping

import numpy as np

from catalog.folder.index.filter_cache import KEPT, FilterCache
from catalog.folder.store import FolderCatalog
from tests.catalog.samples import enroll, unit_vectors


class Asked:
    """Numbers that pass by a rule; counts what is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Mapping[str, str], int, int]] = []
        self.passing: set[int] = set()

    def __call__(self, filters: Mapping[str, str], first: int, last: int) -> np.ndarray:
        self.calls.append((filters, first, last))
        return np.array([n for n in self.passing if first <= n <= last and n % int(filters["year"]) == 0], np.int64)


def numbers(mask: np.ndarray) -> list[int]:
    return np.flatnonzero(mask).tolist()


def test_asked_once_then_only_about_what_changed() -> None:
    asked = Asked()
    asked.passing = set(range(0, 40))
    cache = FilterCache(asked)
    assert numbers(cache.passing({"year": "10"})) == [0, 10, 20, 30]
    assert numbers(cache.passing({"year": "10"})) == [0, 10, 20, 30]
    assert len(asked.calls) == 1
    asked.passing = (asked.passing - {10}) | {50, 1000}
    cache.refresh([(10, 10), (45, 55), (1000, 1000)])
    assert numbers(cache.passing({"year": "10"})) == [0, 20, 30, 50, 1000]
    assert [call[1:] for call in asked.calls[1:]] == [(10, 10), (45, 55), (1000, 1000)]


def test_the_order_of_filters_does_not_matter() -> None:
    asked = Asked()
    cache = FilterCache(asked)
    cache.passing({"year": "2", "side": "x"})
    cache.passing({"side": "x", "year": "2"})
    assert len(asked.calls) == 1


def test_nothing_passes_at_first() -> None:
    asked = Asked()
    cache = FilterCache(asked)
    assert numbers(cache.passing({"year": "7"})) == []
    asked.passing = {7}
    cache.refresh([(7, 7)])
    assert numbers(cache.passing({"year": "7"})) == [7]
    cache.clear()
    asked.passing = set()
    assert numbers(cache.passing({"year": "7"})) == []


def test_those_used_last_are_kept() -> None:
    asked = Asked()
    cache = FilterCache(asked)
    for year in range(1, KEPT + 1):
        cache.passing({"year": str(year)})
    cache.passing({"year": "1"})
    cache.passing({"year": str(KEPT + 1)})  # the second gives way
    asked.calls.clear()
    cache.refresh([(5, 6)])
    assert sorted(int(call[0]["year"]) for call in asked.calls) == [1, *range(3, KEPT + 2)]
    asked.calls.clear()
    cache.passing({"year": "1"})
    assert not asked.calls
    cache.passing({"year": "2"})
    assert len(asked.calls) == 1


def test_a_catalog_with_more_filters_than_are_kept(open_at: Callable[..., FolderCatalog]) -> None:
    catalog, row = open_at(), unit_vectors(1)[0]
    years: dict[int, list[str]] = {}
    for step in range(3):
        for year in range(KEPT + 5):
            years.setdefault(year, []).append(enroll(catalog, row, year=year))
            found = catalog.search(row[None], 10, {"year": str(year)})[0]
            assert sorted(match.entry.id for match in found) == sorted(years[year]), step
