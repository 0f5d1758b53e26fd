"""Requests sent again: those that a busy server refused, and those that did not reach the server."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from mintmark._errors import ServerBusy, ServerUnavailable

Answer = TypeVar("Answer")

FIRST_PAUSE = 0.1  # s; doubled after each try
LONGEST_PAUSE = 2.0  # s
MOST_LOST = 4  # tries without a connection: a server that restarts is back by then, else the address is wrong
LEAST_TIME = 0.05  # s before the deadline; with less time left, another try is not worth it


@dataclass(frozen=True)
class Retry:
    """Repeats a request until its deadline, with pauses that grow and differ between clients.

    A busy server refuses a request before it does anything, so every such request is sent again. If the connection
    failed, only requests that change nothing are sent again: the server may have carried out the others.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random  # 0 to 1

    def call(self, send: Callable[[float], Answer], *, timeout: float, repeatable: bool) -> Answer:
        """The answer of `send`, which gets the number of seconds left.

        Raises the error of the last try when another one would come too late.
        """
        deadline = self.clock() + timeout
        pause, lost = FIRST_PAUSE, 0
        while True:
            try:
                return send(deadline - self.clock())
            except ServerUnavailable as error:
                busy = isinstance(error, ServerBusy)
                lost += not busy
                wait = pause * (0.5 + 0.5 * self.jitter())
                late = self.clock() + wait + LEAST_TIME > deadline
                if late or not (busy or repeatable) or lost >= MOST_LOST:
                    raise
            self.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)
