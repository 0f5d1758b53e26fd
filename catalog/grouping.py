"""From views to entries: an entry's best view counts, and k matches are k entries."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Entry = TypeVar("Entry", bound=Hashable)
VIEWS_PER_ENTRY = 3  # that a search expects at first
GROWTH = 4  # times as many views are asked for if they make too few entries


@dataclass(frozen=True)
class Hit(Generic[Entry]):
    """A view that a query is like: its entry and side, and how like it is, as in `Match`."""

    entry: Entry
    side: str
    view: int
    cosine: float
    log_odds: float | None
    correlation: float
    angle: float


class Hits(Protocol[Entry]):
    """The views of one query, best first."""

    def __iter__(self) -> Iterator[Hit[Entry]]:
        """Each in turn; the first ones come without the cost of the last."""

    def __len__(self) -> int:
        """How many were found."""


Search = Callable[[int], Sequence[Hits[Entry]]]  # the n nearest views of each query


def expected_views(k: int) -> int:
    """How many views probably show k entries."""
    return VIEWS_PER_ENTRY * k + 8


def best_entries(search: Search[Entry], k: int, views: int, first: int) -> list[list[Hit[Entry]]]:
    """The k best entries of each query, each with its best view; fewer if there are no more.

    Args:
        search: finds views.
        k: entries.
        views: how many there are in all.
        first: how many to ask for at first.
    """
    asked = min(views, max(first, expected_views(k)))
    while True:
        hits = search(asked) if asked else []
        grouped = [_grouped(row, k) for row in hits]
        complete = all(len(best) == k or len(row) < asked for best, row in zip(grouped, hits, strict=True))
        if complete or asked >= views:
            return grouped
        asked = min(views, GROWTH * asked)


def _grouped(hits: Hits[Entry], k: int) -> list[Hit[Entry]]:
    best: dict[Entry, Hit[Entry]] = {}
    for hit in hits:
        best.setdefault(hit.entry, hit)
        if len(best) == k:
            break
    return list(best.values())
