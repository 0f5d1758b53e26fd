"""How long the steps inside one process take, told on the server's metrics port: Triton sees the process as one model.

Metrics live in Triton's own process, and every change of one is a message to it. So a process sums up, and passes on
what there is when it has done a photo and INTERVAL is over. What its last photos took is passed on with the next one.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from ensemble.contract import Model

SECONDS = "mintmark_step_seconds_total"  # one for each `step`
WAIT = "wait"  # the step before the first one: for a place among those who compute
PHOTOS = "mintmark_step_photos_total"  # that went through all steps
INTERVAL = 0.5  # s


class StepTimes:
    """Counters of a process's steps, the same ones for all processes of a server.

    Args:
        family: Triton's `MetricFamily`.
        steps: in order.
        now: a clock, s.
    """

    def __init__(self, family: Any, steps: Sequence[Model], now: Callable[[], float] = time.monotonic) -> None:
        seconds = family(name=SECONDS, description="Time that a step of the chain took", kind=family.COUNTER)
        photos = family(name=PHOTOS, description="Photos that went through the chain", kind=family.COUNTER)
        self._families = seconds, photos  # which must outlive their counters
        names = (WAIT, *(step.name for step in steps))
        self._counters = {name: seconds.Metric(labels={"step": name}) for name in names}
        self._counters[PHOTOS] = photos.Metric(labels={})
        self._gathered = dict.fromkeys(self._counters, 0.0)
        self._last, self._now, self._told = steps[-1], now, now()

    def waited(self, seconds: float) -> None:
        """A photo has waited before its first step."""
        self._gathered[WAIT] += seconds

    def observe(self, step: Model, seconds: float) -> None:
        """A photo has gone through a step; see Chain.run."""
        self._gathered[step.name] += seconds
        if step is self._last:
            self._gathered[PHOTOS] += 1

    def tell(self) -> None:
        """Pass on what has gathered, unless that has been done a moment ago."""
        if self._now() - self._told < INTERVAL:
            return
        for name, counter in self._counters.items():
            counter.increment(self._gathered[name])
            self._gathered[name] = 0.0
        self._told = self._now()
