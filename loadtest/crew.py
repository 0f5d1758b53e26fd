"""Load from several processes: one of Python sends some hundred photos per second at most."""

import itertools
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

from loadtest.generator import Here, Sample
from loadtest.prepared import Sender, encoded

_FOR_ALL_TO_START = 0.5  # s that each process is kept busy once, so that none takes the work of one that still starts
_here: Here | None = None  # of a process of the crew


class Crew:
    """Processes that share a load, each with a connection of its own; a context manager.

    Args:
        url: HOST:PORT of the server.
        photos: to send.
        processes: how many.
    """

    def __init__(self, url: str, photos: Sequence[bytes], processes: int) -> None:
        self._processes = processes
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(processes, context, initializer=_start, initargs=(url, photos))

    def __enter__(self) -> "Crew":
        list(self._pool.map(time.sleep, [_FOR_ALL_TO_START] * self._processes))
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()

    def closed(self, concurrency: int, seconds: float) -> list[Sample]:
        """See Callers."""
        share = max(1, concurrency // self._processes)
        return self._all(_closed, share, seconds)

    def open(self, phases: Sequence[tuple[float, float]]) -> list[Sample]:
        """See Callers."""
        return self._all(_open, [(rate / self._processes, seconds) for rate, seconds in phases])

    def _all(self, work: Callable[..., list[Sample]], *arguments: object) -> list[Sample]:
        parts = [self._pool.submit(work, *arguments) for _ in range(self._processes)]
        together = itertools.chain.from_iterable(part.result() for part in parts)
        return sorted(together, key=lambda sample: sample.start)


def _start(url: str, photos: Sequence[bytes]) -> None:
    global _here
    _here = Here(Sender(url).ask, [encoded(photo) for photo in photos])


def _closed(concurrency: int, seconds: float) -> list[Sample]:
    assert _here is not None
    return _here.closed(concurrency, seconds)


def _open(phases: Sequence[tuple[float, float]]) -> list[Sample]:
    assert _here is not None
    return _here.open(phases)
