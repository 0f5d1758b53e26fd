"""Asking again: what a busy server refused, and what an unreachable one never got."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from mintmark._errors import ServerBusy, ServerUnavailable

Answer = TypeVar("Answer")

FIRST_PAUSE = 0.1  # s; doubled from try to try
LONGEST_PAUSE = 2.0  # s
MOST_LOST = 4  # tries without a connection: a server that restarts is back by then, or it is the wrong address
LEAST_TIME = 0.05  # s, left before the deadline, that another try is worth


@dataclass(frozen=True)
class Retry:
    """How a request is repeated until its deadline, with pauses that grow and differ between clients.

    A busy server has refused the request before it did anything, so asking again is safe. Where the connection failed,
    only what changes nothing is asked again: the server may have done the rest.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    share: Callable[[], float] = random.random

    def call(self, send: Callable[[float], Answer], *, timeout: float, repeatable: bool) -> Answer:
        """The answer of `send`, which is given the seconds that are left.

        Raises what the last try raised, once another would come too late.
        """
        deadline = self.clock() + timeout
        pause, lost = FIRST_PAUSE, 0
        while True:
            try:
                return send(deadline - self.clock())
            except ServerUnavailable as error:
                busy = isinstance(error, ServerBusy)
                lost += not busy
                wait = pause * (0.5 + 0.5 * self.share())
                late = self.clock() + wait + LEAST_TIME > deadline
                if late or not (busy or repeatable) or lost >= MOST_LOST:
                    raise
            self.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)
