"""The load on a fleet: callers that enroll and search in a closed loop, and check every answer."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from loadtest.fleet.requests import Requests, unit
from loadtest.generator import Sample
from mintmark import MintmarkError


@dataclass
class Seen:
    """What the callers were told.

    Attributes:
        acknowledged: embeddings of enrolled entries, by their ids.
        searches, enrolments: one sample of each.
        wrong: searches whose answer was another entry than the one that must be found.
        faults: errors that callers got.
    """

    acknowledged: dict[str, np.ndarray] = field(default_factory=dict)
    searches: list[Sample] = field(default_factory=list)
    enrolments: list[Sample] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Load:
    """Callers in threads; a context manager.

    An enroller searches at once for what it enrolled, a searcher for anything that is enrolled.

    Args:
        url: HOST:PORT that they ask.
        searchers, enrollers: how many.
    """

    def __init__(self, url: str, searchers: int, enrollers: int) -> None:
        self.seen = Seen()
        self._url = url
        self._begin, self._stop = time.perf_counter(), threading.Event()
        self._writing = threading.Event()
        self._idle = [threading.Event() for _ in range(enrollers)]
        work = [(self._enroll, n) for n in range(enrollers)] + [(self._search, n) for n in range(searchers)]
        self._threads = [threading.Thread(target=each, args=(n,), daemon=True) for each, n in work]

    def __enter__(self) -> "Load":
        """Begin."""
        self._writing.set()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """End, after the requests that are under way."""
        self._stop.set()
        self._writing.set()
        for thread in self._threads:
            thread.join()

    def hold_writing(self) -> None:
        """Enroll no more; returns when nothing is being enrolled."""
        self._writing.clear()
        for idle in self._idle:
            idle.wait()

    def go_on_writing(self) -> None:
        """Enroll again."""
        self._writing.set()

    @property
    def seconds(self) -> float:
        """Since the load began."""
        return time.perf_counter() - self._begin

    def _enroll(self, number: int) -> None:
        rng, requests, made = np.random.default_rng([number, 1]), Requests(self._url), 0
        while not self._stop.is_set():
            if not self._writing.is_set():
                self._idle[number].set()
                self._writing.wait()
                self._idle[number].clear()
                continue
            made += 1
            entry_id, embedding = f"caller{number}-{made}", unit(rng)
            if self._timed(self.seen.enrolments, partial(requests.enroll, embedding, entry_id)):
                self.seen.acknowledged[entry_id] = embedding
                self._look(requests, entry_id, embedding)
        self._idle[number].set()
        requests.close()

    def _search(self, number: int) -> None:
        pick, requests = random.Random(number), Requests(self._url)
        while not self._stop.is_set():
            if not self.seen.acknowledged:
                time.sleep(0.05)
                continue
            entry_id = pick.choice(list(self.seen.acknowledged))
            self._look(requests, entry_id, self.seen.acknowledged[entry_id])
        requests.close()

    def _look(self, requests: Requests, entry_id: str, embedding: np.ndarray) -> None:
        found = self._timed(self.seen.searches, lambda: requests.search(embedding) or "nothing")
        if found and found != entry_id:
            self.seen.wrong.append(f"{self.seconds:.1f} s: a search for {entry_id} found {found}")

    def _timed(self, samples: list[Sample], send: Callable[[], str]) -> str:
        start = self.seconds
        try:
            answer, failure = send(), ""
        except MintmarkError as error:
            answer, failure = "", type(error).__name__
            self.seen.faults.append(f"{start:.1f} s: {failure}: {error}")
        samples.append(Sample(start, self.seconds - start, failure))
        return answer
