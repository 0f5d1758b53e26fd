"""Triton's metrics, changed seldom: every change of one is a message to Triton's own process.

So a model adds up what it counts, and reports it after a request, at most once per INTERVAL. What its last requests
added is reported with the next one.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

INTERVAL = 0.5  # s


class Reported:
    """Counters and gauges of one model; all instances of it add to the same ones.

    Args:
        family: Triton's `MetricFamily`.
        now: clock, s.
    """

    def __init__(self, family: Any, now: Callable[[], float] = time.monotonic) -> None:
        self._family = family
        self._families: dict[str, Any] = {}  # kept: they must outlive their metrics
        self._counters: list[Counter] = []
        self._now, self._reported = now, now()

    def counter(self, name: str, description: str, labels: Mapping[str, str] | None = None) -> "Counter":
        """A counter of a family, which is made with the first of it."""
        counter = Counter(self._metric(name, description, self._family.COUNTER, labels or {}))
        self._counters.append(counter)
        return counter

    def gauge(self, name: str, description: str) -> Any:
        """A gauge, which Triton is told about at once; its method `set` takes a value."""
        return self._metric(name, description, self._family.GAUGE, {})

    def _metric(self, name: str, description: str, kind: Any, labels: Mapping[str, str]) -> Any:
        if name not in self._families:
            self._families[name] = self._family(name=name, description=description, kind=kind)
        return self._families[name].Metric(labels=dict(labels))

    def report(self) -> None:
        """Send what has gathered to Triton, unless the last report is less than INTERVAL ago."""
        if self._now() - self._reported < INTERVAL:
            return
        for counter in self._counters:
            counter.send()
        self._reported = self._now()


class Counter:
    """Adds up until it is sent."""

    def __init__(self, metric: Any) -> None:
        self._metric = metric
        self._gathered = 0.0

    def add(self, value: float = 1.0) -> None:
        """Add a number that is not below 0."""
        self._gathered += value

    def send(self) -> None:
        """Tell Triton."""
        self._metric.increment(self._gathered)
        self._gathered = 0.0
