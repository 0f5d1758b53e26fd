"""Metrics of how long each step inside a worker takes. Triton itself sees a worker as one model.

Metrics live in Triton's own process, and every change of one is a message to it. So a worker adds up its times and
reports them after a photo, at most once per INTERVAL. The times of its last photos are reported with the next photo.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from ensemble.contract import Model

SECONDS = "mintmark_step_seconds_total"  # a counter per `step`
WAIT = "wait"  # counted like a step: the wait for a slot before the first one
PHOTOS = "mintmark_step_photos_total"  # photos that went through all steps
INTERVAL = 0.5  # s


class StepTimes:
    """Counters of the steps; all workers of a server add to the same ones.

    Args:
        family: Triton's `MetricFamily`.
        steps: in order.
        now: clock, s.
    """

    def __init__(self, family: Any, steps: Sequence[Model], now: Callable[[], float] = time.monotonic) -> None:
        seconds = family(name=SECONDS, description="Time that a step of the chain took", kind=family.COUNTER)
        photos = family(name=PHOTOS, description="Photos that went through the chain", kind=family.COUNTER)
        self._families = seconds, photos  # kept: they must outlive their counters
        names = (WAIT, *(step.name for step in steps))
        self._counters = {name: seconds.Metric(labels={"step": name}) for name in names}
        self._counters[PHOTOS] = photos.Metric(labels={})
        self._gathered = dict.fromkeys(self._counters, 0.0)
        self._last, self._now, self._reported = steps[-1], now, now()

    def waited(self, seconds: float) -> None:
        """Add the time that a photo waited for a slot."""
        self._gathered[WAIT] += seconds

    def observe(self, step: Model, seconds: float) -> None:
        """Add the time that a photo took in a step; see Chain.run."""
        self._gathered[step.name] += seconds
        if step is self._last:
            self._gathered[PHOTOS] += 1

    def report(self) -> None:
        """Send what has gathered to Triton, unless the last report is less than INTERVAL ago."""
        if self._now() - self._reported < INTERVAL:
            return
        for name, counter in self._counters.items():
            counter.increment(self._gathered[name])
            self._gathered[name] = 0.0
        self._reported = self._now()
