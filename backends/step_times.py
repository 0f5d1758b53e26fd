"""Metrics of how long each step inside a worker takes. Triton itself sees a worker as one model."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from backends.reported import Reported
from ensemble.contract import Model

SECONDS = "mintmark_step_seconds_total"  # a counter per `step`
WAIT = "wait"  # counted like a step: the wait for a slot before the first one
PHOTOS = "mintmark_step_photos_total"  # photos that went through all steps


class StepTimes:
    """Counters of the steps; all workers of a server add to the same ones.

    Args:
        family: Triton's `MetricFamily`.
        steps: in order.
        now: clock, s.
    """

    def __init__(self, family: Any, steps: Sequence[Model], now: Callable[[], float] = time.monotonic) -> None:
        self._metrics = Reported(family, now)
        self._seconds = {
            step: self._metrics.counter(SECONDS, "Time that a step of the chain took", {"step": step})
            for step in (WAIT, *(step.name for step in steps))
        }
        self._photos = self._metrics.counter(PHOTOS, "Photos that went through the chain")
        self._last = steps[-1]
        self.report = self._metrics.report

    def waited(self, seconds: float) -> None:
        """Add the time that a photo waited for a slot."""
        self._seconds[WAIT].add(seconds)

    def observe(self, step: Model, seconds: float) -> None:
        """Add the time that a photo took in a step; see Chain.run."""
        self._seconds[step.name].add(seconds)
        if step is self._last:
            self._photos.add()
