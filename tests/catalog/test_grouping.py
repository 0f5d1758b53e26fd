"""k means k entries, each by its best view, however many views an entry has."""

import numpy as np
import pytest

from catalog.grouping import Hit, best_entries, expected_views
from ensemble.verification import NOT_COMPARED

FIRST = 8  # views that are asked for at first


def hit(entry: str, cosine: float, side: str = "obverse") -> Hit[str]:
    return Hit(entry, side, 1, cosine, None, NOT_COMPARED, 0.0)


class Views:
    """Views of entries, best first; counts what is asked of it."""

    def __init__(self, rows: list[list[Hit[str]]]) -> None:
        self.rows = [sorted(row, key=lambda hit: -hit.cosine) for row in rows]
        self.asked: list[int] = []

    def __call__(self, n: int) -> list[list[Hit[str]]]:
        assert n >= 1
        self.asked.append(n)
        return [row[:n] for row in self.rows]


def expected(row: list[Hit[str]], k: int) -> list[Hit[str]]:
    best: dict[str, Hit[str]] = {}
    for hit in row:
        if hit.entry not in best or hit.cosine > best[hit.entry].cosine:
            best[hit.entry] = hit
    return sorted(best.values(), key=lambda hit: -hit.cosine)[:k]


@pytest.mark.parametrize("k", [1, 2, 5, 40])
@pytest.mark.parametrize("entries", [1, 3, 30])
def test_any_spread_of_views(k: int, entries: int) -> None:
    rng = np.random.default_rng(k * entries)
    for _ in range(20):
        count = int(rng.integers(1, 400))
        names = rng.zipf(1.3, count) % entries  # a few entries have most of the views
        scores = rng.permutation(count) / count
        rows = [
            [hit(f"coin {name}", float(score)) for name, score in zip(names, order, strict=True)]
            for order in (scores, scores[::-1])
        ]
        found = best_entries(Views(rows), k, count, FIRST)
        assert found == [expected(row, k) for row in rows]


def test_an_entry_of_very_many_views_crowds_nobody_out() -> None:
    many = [hit("crowd", 1 - number / 1e6) for number in range(50_000)]
    few = [hit(f"coin {number}", 0.5 - number / 100, "reverse") for number in range(4)]
    views = Views([[*many, *few]])
    (found,) = best_entries(views, 5, 50_004, FIRST)
    assert [each.entry for each in found] == ["crowd", "coin 0", "coin 1", "coin 2", "coin 3"]
    assert views.asked == sorted(set(views.asked)) and len(views.asked) < 10, "grows geometrically"


def test_one_look_is_enough_as_a_rule() -> None:
    views = Views([[hit(f"coin {number // 3}", -number / 300) for number in range(300)]])
    assert len(best_entries(views, 10, 300, FIRST)[0]) == 10
    assert len(views.asked) == 1


def test_where_filters_leave_little_nobody_asks_again() -> None:
    views = Views([[hit("coin", 0.5)]])
    assert best_entries(views, 5, 10_000_000, FIRST) == [[hit("coin", 0.5)]]
    assert len(views.asked) == 1


def test_a_search_may_ask_for_more_at_first_and_never_for_fewer_than_it_probably_needs() -> None:
    """One that verifies compares many views, however few entries it is asked for."""
    row = [hit(f"coin {number}", -number / 2000) for number in range(2000)]
    for first, asked in ((1000, 1000), (1, expected_views(5)), (5000, 2000)):
        views = Views([row])
        assert best_entries(views, 5, 2000, first) == [row[:5]]
        assert views.asked == [asked]


def test_nothing_is_asked_of_an_empty_catalog() -> None:
    views = Views([])
    assert best_entries(views, 5, 0, FIRST) == []
    assert views.asked == []
