"""Load from this process: which requests are sent, when, and how they are counted."""

import threading
import time
from collections import Counter

import pytest

from loadtest import generator
from loadtest.generator import Sample, arrivals, closed_loop, figures, open_loop

PHOTOS = [b"a", b"b", b"c"]


class Busy(Exception):
    pass


class Watched:
    """Counts the calls under way."""

    def __init__(self) -> None:
        self.lock, self.inside, self.most = threading.Lock(), 0, 0
        self.photos: Counter[bytes] = Counter()

    def __call__(self, photo: bytes) -> None:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.photos[photo] += 1
        time.sleep(0.002)
        with self.lock:
            self.inside -= 1


def test_a_closed_loop_keeps_so_many_under_way() -> None:
    ask = Watched()
    samples = closed_loop(ask, PHOTOS, concurrency=4, seconds=0.3)
    assert ask.most == 4
    assert len(samples) == sum(ask.photos.values())
    assert set(ask.photos) == set(PHOTOS)
    assert all(not sample.failure for sample in samples)


def test_failures_are_counted_by_kind_and_end_nothing() -> None:
    def ask(photo: bytes) -> None:
        if photo == b"b":
            raise Busy("too many")

    samples = open_loop(ask, PHOTOS, [(300, 0.1)])
    result = figures(samples, 0.1)
    assert (result.answered, result.failures) == (20, {"Busy": 10})
    assert result.throughput == pytest.approx(200)


def test_nothing_answered_has_no_latency() -> None:
    result = figures([Sample(0.0, 0.1, "Busy")], 1.0)
    assert result.throughput == 0
    assert result.p95_ms != result.p95_ms


def test_percentiles_are_of_answers_alone() -> None:
    samples = [Sample(0.0, 0.1 * n) for n in range(1, 11)] + [Sample(0.0, 99.0, "Busy")]
    result = figures(samples, 10.0)
    assert result.p50_ms == pytest.approx(550)
    assert result.p99_ms < 1001


def test_phases_follow_each_other_without_a_pause() -> None:
    assert arrivals([(2.0, 1.0), (4.0, 0.5)]) == [0.0, 0.5, 1.0, 1.25]


def test_requests_that_had_to_wait_for_the_generator_count_their_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "MOST_WAITING", 1)
    samples = open_loop(lambda photo: time.sleep(0.02), PHOTOS, [(1000, 0.01)])
    assert [sample.start for sample in samples] == [n / 1000 for n in range(10)]
    assert all(later.seconds > earlier.seconds for earlier, later in zip(samples, samples[2:], strict=False))
