"""Candidates of a search: the nearest views by the embedding, compared by their relief, best first."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from catalog.folder.reliefs.following import FollowingReliefs
from catalog.folder.sqlite.entries import Entries
from catalog.grouping import Hit
from catalog.interface import Verification
from ensemble.verification import NOT_COMPARED, Verdict


@dataclass(frozen=True)
class Seen:
    """Views that one query found, best first; the number -1 is none.

    Attributes:
        views: [N] numbers.
        cosines: [N].
        verdict: on each, if they were verified.
    """

    views: np.ndarray
    cosines: np.ndarray
    verdict: Verdict | None = None


def verified(maps: FollowingReliefs, verification: Verification, row: int, seen: Seen) -> Seen:
    """The views that one query found, in the order of what both similarities say."""
    there = seen.views >= 0
    views, cosines = seen.views[there], seen.cosines[there]
    if not views.size:
        return seen
    with verification.timed(views.size):
        verdict = maps.compare(verification, row, views, cosines)
    order = np.lexsort((views, -verdict.log_odds))  # of equal ones the earlier view is first
    sorted_verdict = Verdict(verdict.log_odds[order], verdict.correlation[order], verdict.angle[order])
    return Seen(views[order], cosines[order], sorted_verdict)


class Hits:
    """What `best_entries` takes: asks the database for the entries of some views at a time.

    Args:
        seen: the views.
        entries: of the database.
        together: how many views to ask about at a time.
    """

    def __init__(self, seen: Seen, entries: Entries, together: int) -> None:
        self._seen = seen
        self._entries = entries
        self._together = together

    def __len__(self) -> int:
        return int(np.count_nonzero(self._seen.views >= 0))

    def __iter__(self) -> Iterator[Hit[int]]:
        seen = self._seen
        for start in range(0, len(seen.views), self._together):
            views = seen.views[start : start + self._together].tolist()
            owners = self._entries.owners([view for view in views if view >= 0])
            for place, view in enumerate(views, start):
                if view in owners:
                    entry, side = owners[view]
                    log_odds, correlation, angle = _said(seen.verdict, place)
                    yield Hit(entry, side, view, float(seen.cosines[place]), log_odds, correlation, angle)


def _said(verdict: Verdict | None, place: int) -> tuple[float | None, float, float]:
    """Log odds, correlation and angle of one view."""
    if verdict is None:
        return None, NOT_COMPARED, 0.0
    return float(verdict.log_odds[place]), float(verdict.correlation[place]), float(verdict.angle[place])
