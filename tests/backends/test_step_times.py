"""Times of the steps are added up and reported at intervals, and none is lost."""

import pytest

from backends.reported import INTERVAL
from backends.step_times import PHOTOS, SECONDS, StepTimes
from ensemble.contract import DECODE, EMBEDDER, SEGMENTATION

STEPS = (DECODE, SEGMENTATION, EMBEDDER)


class Metric:
    def __init__(self) -> None:
        self.value, self.messages = 0.0, 0

    def increment(self, value: float) -> None:
        self.value += value
        self.messages += 1


class Family:
    """Triton's metrics: processes that give the same name and labels get the same metric."""

    COUNTER, GAUGE = "counter", "gauge"
    made: dict[tuple[str, str], Metric]

    def __init__(self, name: str, description: str, kind: str) -> None:
        assert description and kind == self.COUNTER
        self.name = name

    def Metric(self, labels: dict[str, str]) -> Metric:
        return self.made.setdefault((self.name, labels.get("step", "")), Metric())


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Metric]:
    """The metrics of a server."""
    metrics: dict[tuple[str, str], Metric] = {}
    monkeypatch.setattr(Family, "made", metrics, raising=False)
    return metrics


def photo(times: StepTimes, seconds: float) -> None:
    times.waited(0.125)
    for step in STEPS:
        times.observe(step, seconds)


def test_every_step_has_a_counter(made: dict[tuple[str, str], Metric], clock: Clock) -> None:
    StepTimes(Family, STEPS, clock)
    steps = {(SECONDS, "wait"), (SECONDS, "decode"), (SECONDS, "segmentation"), (SECONDS, "embedding")}
    assert set(made) == {*steps, (PHOTOS, "")}


def test_sums_are_reported_at_intervals(made: dict[tuple[str, str], Metric], clock: Clock) -> None:
    times = StepTimes(Family, STEPS, clock)
    for _ in range(10):
        photo(times, 0.25)
        clock.seconds += INTERVAL / 4
        times.report()
    assert made[PHOTOS, ""].value == 8
    assert made[SECONDS, "segmentation"].value == pytest.approx(8 * 0.25)
    assert made[SECONDS, "wait"].value == pytest.approx(8 * 0.125)
    assert {metric.messages for metric in made.values()} == {2}
    clock.seconds += INTERVAL
    times.report()
    assert made[PHOTOS, ""].value == 10
    assert made[SECONDS, "segmentation"].value == pytest.approx(10 * 0.25)


def test_a_photo_that_did_not_come_through_does_not_count(made: dict[tuple[str, str], Metric], clock: Clock) -> None:
    times = StepTimes(Family, STEPS, clock)
    times.observe(DECODE, 0.25)
    clock.seconds += INTERVAL
    times.report()
    assert made[PHOTOS, ""].value == 0


def test_workers_add_to_the_same_counters(made: dict[tuple[str, str], Metric], clock: Clock) -> None:
    for times in [StepTimes(Family, STEPS, clock) for _ in range(2)]:
        photo(times, 0.25)
        clock.seconds += INTERVAL
        times.report()
    assert made[PHOTOS, ""].value == 2
    assert made[SECONDS, "decode"].value == pytest.approx(0.5)
