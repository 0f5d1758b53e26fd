"""From views to entries: an entry's best view counts, and k matches are k entries."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Entry = TypeVar("Entry", bound=Hashable)
Hit = tuple[Entry, str, float]  # entry, side and score of a view
Search = Callable[[int], Sequence[Sequence[Hit[Entry]]]]  # the n best views of each query, best first
VIEWS_PER_ENTRY = 3  # that a search expects at first
GROWTH = 4  # times as many views are asked for if they make too few entries


def best_entries(search: Search[Entry], k: int, views: int) -> list[list[Hit[Entry]]]:
    """The k best entries of each query, each with its best view; fewer if there are no more.

    Args:
        search: finds views.
        k: entries.
        views: how many there are in all.
    """
    asked = min(views, VIEWS_PER_ENTRY * k + 8)
    while True:
        hits = search(asked) if asked else []
        grouped = [_grouped(row, k) for row in hits]
        complete = all(len(best) == k or len(row) < asked for best, row in zip(grouped, hits, strict=True))
        if complete or asked >= views:
            return grouped
        asked = min(views, GROWTH * asked)


def _grouped(hits: Sequence[Hit[Entry]], k: int) -> list[Hit[Entry]]:
    best: dict[Entry, Hit[Entry]] = {}
    for hit in hits:
        if hit[0] not in best:
            if len(best) == k:
                break
            best[hit[0]] = hit
    return list(best.values())
