"""The simulation agrees with queueing theory."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.planning.simulation import Setup, at_size, capacity, closed, poisson
from loadtest.planning.step_times import Step, Times

pytestmark = pytest.mark.slow

MODELS = ("decode", "segmentation", "crop", "embedding", "search")
NOTHING = 1e-7  # s


def times(first: float, others: float = NOTHING, cores: int = 100, variation: float = 0.0) -> Times:
    """A pipeline whose first step takes `first` s and whose others take hardly any time; each keeps one core busy."""
    steps = [
        Step(name, 1, 1, False, {1: first if number == 0 else others}, {1: 1.0}, {1: variation})
        for number, name in enumerate(MODELS)
    ]
    return Times(cores, steps, NOTHING, 1.0)


def test_one_caller_waits_for_all_steps_in_turn() -> None:
    said = closed(Setup(times(0.01, 0.01)), callers=1, photos=100)
    assert said.p50_ms == pytest.approx(10 * len(MODELS), rel=1e-3)
    assert said.throughput == pytest.approx(100 / len(MODELS), rel=1e-3)


def test_the_slowest_step_bounds_the_throughput() -> None:
    said = closed(Setup(times(0.02, 0.001)), callers=16, photos=400)
    assert said.throughput == pytest.approx(50, rel=0.01)


def test_instances_add_up_until_the_cores_are_busy() -> None:
    assert closed(Setup(times(0.02), instances=3), 16, 400).throughput == pytest.approx(150, rel=0.02)
    assert closed(Setup(times(0.02, cores=2), instances=3), 16, 400).throughput == pytest.approx(100, rel=0.02)


def test_random_arrivals_at_one_step_are_the_queue_of_theory() -> None:
    """M/M/1: the time in the system is exponential, its rate that of service less that of arrival."""
    said = poisson(Setup(times(0.01, variation=1.0)), rate=70.0, photos=30_000)
    assert said.throughput == pytest.approx(70, rel=0.03)
    assert said.p50_ms == pytest.approx(1e3 * math.log(2) / 30, rel=0.1)
    assert said.p95_ms == pytest.approx(1e3 * math.log(20) / 30, rel=0.1)


def test_batches_take_what_waits() -> None:
    one = times(0.02)
    steps = [replace(s, max_batch=8, seconds={1: s.seconds[1], 8: s.seconds[1]}) for s in one.steps]
    batched = replace(one, steps=steps)
    assert closed(Setup(batched), 8, 800).throughput > 7 * closed(Setup(one), 8, 800).throughput
    assert closed(Setup(batched, max_batch=1), 8, 400).throughput == pytest.approx(50, rel=0.01)


def test_executions_without_batches_divide_the_cores() -> None:
    """One alone takes 100 ms on two cores; where two run at a time, each takes 180 ms on one."""
    one = times(0.1, cores=2)
    first = replace(one.steps[0], instances=2, seconds={1: 0.1, 2: 0.18}, cores={1: 1.6, 2: 1.0})
    pipeline = Setup(replace(one, steps=[first, *one.steps[1:]]))
    alone, two, more = (closed(pipeline, callers, photos=400) for callers in (1, 2, 16))
    assert (alone.p50_ms, alone.throughput) == pytest.approx((100, 10), rel=0.01)
    assert (two.p50_ms, two.throughput) == pytest.approx((180, 2 / 0.18), rel=0.01)
    assert more.throughput == pytest.approx(2 / 0.18, rel=0.01)
    assert more.p50_ms == pytest.approx(8 * 180, rel=0.01)


def test_all_models_use_one_gpu() -> None:
    one = times(0.01, 0.01)
    gpu = replace(one, steps=[replace(step, gpu=True, instances=4) for step in one.steps])
    assert closed(Setup(gpu), 32, 400).throughput == pytest.approx(100 / len(MODELS), rel=0.02)


def test_machines_multiply_the_capacity() -> None:
    pipeline = times(0.01, variation=0.5)
    one, four = (capacity(Setup(pipeline, machines=count), p95_ms=50.0, photos=2000) for count in (1, 4))
    assert 50 < one < 100
    assert four > 3.8 * one


def test_no_rate_is_slow_enough_for_too_strict_a_limit() -> None:
    assert capacity(Setup(times(0.01)), p95_ms=1.0, photos=200) == 0


def test_figures_between_and_beyond_measured_sizes() -> None:
    assert at_size({1: 1.0, 4: 2.5}, 2, proportional=True) == pytest.approx(1.5)
    assert at_size({1: 1.0, 4: 2.5}, 8, proportional=True) == pytest.approx(5.0)
    assert at_size({1: 1.0, 4: 2.5}, 8, proportional=False) == pytest.approx(2.5)


def test_times_come_back_from_their_file(tmp_path: Path) -> None:
    made = times(0.01, variation=0.2)
    made.save(tmp_path / "new" / "steps.json")
    assert Times.load(tmp_path / "new" / "steps.json") == made
