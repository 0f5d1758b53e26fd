"""Metrics of the model `search`: what its searches compare, and the catalog that it searches.

The searches of the health check count too.
"""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backends.reported import Reported
from ensemble.errors import CatalogError

QUERIES = "mintmark_verified_queries_total"
CANDIDATES = "mintmark_candidates_total"
SECONDS = "mintmark_verification_seconds_total"
FAILURES = "mintmark_catalog_failures_total"
ENTRIES, VIEWS = "mintmark_catalog_entries", "mintmark_catalog_views"
STALE, WITHOUT_RELIEF = "mintmark_catalog_stale_views", "mintmark_catalog_views_without_relief"
WRITABLE = "mintmark_catalog_writable"
FREE, SIZE = "mintmark_catalog_disk_free_bytes", "mintmark_catalog_disk_bytes"
COUNTED_EVERY = 30.0  # s; counting a large catalog takes some milliseconds


class SearchMetrics:
    """The metrics; all instances of the model share them.

    Args:
        family: Triton's `MetricFamily`.
        status: gives the `Status` of the catalog that is searched, or raises CatalogError.
        folder: of the catalog; None where it lies elsewhere, without metrics of its disk.
        now: clock, s.
    """

    def __init__(
        self, family: Any, status: Callable[[], Any], folder: Path | None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._status, self._folder, self._now = status, folder, now
        self._metrics = Reported(family, now)
        counter, gauge = self._metrics.counter, self._metrics.gauge
        self._queries = counter(QUERIES, "Photos whose candidates were compared by their relief")
        self._candidates = counter(CANDIDATES, "Views compared by their relief")
        self._seconds = counter(SECONDS, "Time that these comparisons took")
        self._failures = counter(FAILURES, "Searches, and counts of the catalog, that failed because of its store")
        self._counts = {
            "entries": gauge(ENTRIES, "Entries of the catalog"),
            "views": gauge(VIEWS, "Views that a search finds"),
            "stale_views": gauge(STALE, "Views without an embedding of the weights that serve"),
            "without_relief": gauge(WITHOUT_RELIEF, "Views without a relief map"),
        }
        self._disk = (
            []
            if folder is None
            else [
                gauge(WRITABLE, "1 if the catalog's folder can be written"),
                gauge(FREE, "Bytes that are free on the catalog's disk"),
                gauge(SIZE, "Bytes of the catalog's disk"),
            ]
        )
        self._count()

    def verified(self, views: int, seconds: float) -> None:
        """Candidates of one photo were compared; see `Verification.seen`."""
        self._queries.add()
        self._candidates.add(views)
        self._seconds.add(seconds)

    def failed(self) -> None:
        """The store failed."""
        self._failures.add()

    def report(self) -> None:
        """Tell Triton what has gathered, and now and then what the catalog holds."""
        if self._now() - self._counted >= COUNTED_EVERY:
            self._count()
        self._metrics.report()

    def _count(self) -> None:
        self._counted = self._now()
        try:
            status = self._status()
        except CatalogError:
            self.failed()
        else:
            for name, gauge in self._counts.items():
                gauge.set(float(getattr(status, name)))
        if self._folder is not None:
            for gauge, value in zip(self._disk, _disk_of(self._folder), strict=True):
                gauge.set(float(value))


def _disk_of(folder: Path) -> tuple[bool, int, int]:
    """Whether a folder can be written, and bytes that are free on its disk and in all; zeros where it is gone."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return False, 0, 0
    return os.access(folder, os.W_OK), usage.free, usage.total
