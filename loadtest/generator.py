"""Load from this process: closed loops, where callers wait for answers, and open loops, which keep a rate."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

Given = TypeVar("Given")
Ask = Callable[[Given], object]  # sends one request; an exception counts as a failure under its class

MOST_WAITING = 2000  # requests under way in an open loop: more than a server that refuses any ever has


@dataclass(frozen=True)
class Sample:
    """One request."""

    start: float  # s since the load began: when it was sent; in an open loop, when it was due
    seconds: float  # until it was answered or refused
    failure: str = ""  # class of the error, '' for an answer

    @property
    def end(self) -> float:
        """When it was answered or refused, s since the load began."""
        return self.start + self.seconds


@dataclass(frozen=True)
class Figures:
    """Figures of some requests; latencies are those of answers alone."""

    answered: int
    throughput: float  # answers per second
    p50_ms: float
    p95_ms: float
    p99_ms: float
    failures: dict[str, int]  # by kind


def figures(samples: Sequence[Sample], seconds: float) -> Figures:
    """Throughput over `seconds`, and percentiles of the latency; NaN where nothing was answered."""
    times = [1e3 * sample.seconds for sample in samples if not sample.failure]
    p50, p95, p99 = (float(np.percentile(times, q)) if times else float("nan") for q in (50, 95, 99))
    failures = Counter(sample.failure for sample in samples if sample.failure)
    return Figures(len(times), len(times) / seconds, p50, p95, p99, dict(failures))


def timed(ask: Ask[Given], photo: Given, begin: float, due: float | None = None) -> Sample:
    """Send one request; `due` is when it should have been sent, s after `begin`, None for now."""
    start = time.perf_counter() - begin if due is None else due
    failure = ""
    try:
        ask(photo)
    except Exception as error:  # all are counted, none ends the load
        failure = type(error).__name__
    return Sample(start, time.perf_counter() - begin - start, failure)


def closed_loop(ask: Ask[Given], photos: Sequence[Given], concurrency: int, seconds: float) -> list[Sample]:
    """`concurrency` callers for `seconds`; each sends its next request when its last one is answered."""
    begin = time.perf_counter()

    def caller(number: int) -> list[Sample]:
        samples: list[Sample] = []
        while time.perf_counter() - begin < seconds:
            samples.append(timed(ask, photos[(number + len(samples) * concurrency) % len(photos)], begin))
        return samples

    with ThreadPoolExecutor(concurrency) as pool:
        return [sample for samples in pool.map(caller, range(concurrency)) for sample in samples]


def open_loop(ask: Ask[bytes], photos: Sequence[bytes], phases: Sequence[tuple[float, float]]) -> list[Sample]:
    """Requests at a constant rate, however fast they are answered.

    A request's time counts from when it was due: a generator that falls behind hides nothing ("coordinated omission").

    Args:
        ask: sends one request.
        photos: sent in turn.
        phases: each a rate (requests per second) and a duration (s); they follow each other without a pause.

    Returns:
        All requests, sorted by when they were due.
    """
    begin = time.perf_counter()
    samples: list[Sample] = []
    room = threading.Semaphore(MOST_WAITING)

    def send(photo: bytes, due: float) -> None:
        samples.append(timed(ask, photo, begin, due))
        room.release()

    with ThreadPoolExecutor(MOST_WAITING) as pool:
        for number, due in enumerate(arrivals(phases)):
            time.sleep(max(0.0, begin + due - time.perf_counter()))
            room.acquire()
            pool.submit(send, photos[number % len(photos)], due)
    return sorted(samples, key=lambda sample: sample.start)


class Callers(Protocol):
    """Where load comes from."""

    def closed(self, concurrency: int, seconds: float) -> list[Sample]:
        """See closed_loop."""

    def open(self, phases: Sequence[tuple[float, float]]) -> list[Sample]:
        """See open_loop."""


@dataclass(frozen=True)
class Here:
    """Load from this process."""

    ask: Ask[bytes]
    photos: Sequence[bytes]

    def closed(self, concurrency: int, seconds: float) -> list[Sample]:
        """See closed_loop."""
        return closed_loop(self.ask, self.photos, concurrency, seconds)

    def open(self, phases: Sequence[tuple[float, float]]) -> list[Sample]:
        """See open_loop."""
        return open_loop(self.ask, self.photos, phases)


def arrivals(phases: Sequence[tuple[float, float]]) -> list[float]:
    """When requests are due, s after the beginning: evenly spaced within each phase (rate per second, duration s)."""
    start, due = 0.0, []
    for rate, seconds in phases:
        due += [start + number / rate for number in range(int(rate * seconds))]
        start += seconds
    return due
