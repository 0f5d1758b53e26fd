"""The running pipeline as a queueing network, simulated event by event.

Each step is a queue before some instances. An instance takes the photos that wait, up to its largest batch, as Triton's
dynamic batcher does without a delay. The time of an execution depends on its batch; without batches, on how many
executions of the step run when it begins, since they divide the threads. Executions under way use the machine's cores
and its GPU together: where they want more than there is, all slow down alike (processor sharing; Kleinrock 1967). Times
of executions are drawn from a gamma distribution with the measured mean and variation.
"""

import itertools
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import simpy

from loadtest.planning.step_times import Step, Times

SETTLING = 0.1  # of the photos: the first ones do not count
_DONE = 1e-9  # s of work left that count as done

Process = Generator[simpy.Event, Any, None]


@dataclass(frozen=True)
class Setup:
    """A pipeline on some machines to simulate; None leaves instances or the largest batches as measured."""

    times: Times
    machines: int = 1
    instances: int | None = None
    max_batch: int | None = None

    def steps(self) -> list[Step]:
        """The steps with these instances."""
        steps = self.times.steps
        return steps if self.instances is None else [replace(step, instances=self.instances) for step in steps]

    def most(self, step: Step) -> int:
        """Most photos in a batch."""
        return step.max_batch if self.max_batch is None else min(step.max_batch, self.max_batch)


@dataclass(frozen=True)
class Predicted:
    """The figures that a simulation predicts."""

    throughput: float  # photos per second
    p50_ms: float
    p95_ms: float


@dataclass
class _Job:
    left: float  # s of work, with all the capacity that it demands
    demand: float
    done: simpy.Event


class Processor:
    """Cores or a GPU; executions on it slow down alike where they want more than there is."""

    def __init__(self, env: simpy.Environment, capacity: float) -> None:
        self._env, self._capacity = env, capacity
        self._jobs: list[_Job] = []
        self._since, self._turn = 0.0, 0

    def run(self, seconds: float, demand: float) -> simpy.Event:
        """An execution that alone takes `seconds` and keeps `demand` busy; the event is its end."""
        self._advance()
        job = _Job(seconds, max(demand, 1e-6), self._env.event())
        self._jobs.append(job)
        self._plan()
        return job.done

    def _speed(self) -> float:
        return min(1.0, self._capacity / sum(job.demand for job in self._jobs))

    def _advance(self) -> None:
        """Subtract the work done since the last change."""
        if self._jobs:
            done = (self._env.now - self._since) * self._speed()
            for job in self._jobs:
                job.left -= done
        self._since = self._env.now

    def _plan(self) -> None:
        self._turn += 1
        if self._jobs:
            self._env.process(self._finish(self._turn, max(min(job.left for job in self._jobs), 0.0) / self._speed()))

    def _finish(self, turn: int, delay: float) -> Process:
        yield self._env.timeout(delay)
        if turn != self._turn:
            return  # a later change has planned anew
        self._advance()
        ended = [job for job in self._jobs if job.left <= _DONE]
        self._jobs = [job for job in self._jobs if job.left > _DONE]
        for job in ended:
            job.done.succeed()
        self._plan()


class Machine:
    """One server: its steps, their queues, and the cores and the GPU that they use."""

    def __init__(self, env: simpy.Environment, setup: Setup, rng: np.random.Generator) -> None:
        self._env, self._times, self._rng = env, setup.times, rng
        self._cores, self._gpu = Processor(env, setup.times.cores), Processor(env, 1.0)
        self._queues = {step.model: simpy.Store(env) for step in setup.steps()}
        self._at_work = dict.fromkeys(self._queues, 0)
        for step in setup.steps():
            for _ in range(step.instances):
                env.process(self._instance(step, setup.most(step)))

    def _instance(self, step: Step, most: int) -> Process:
        queue = self._queues[step.model]
        while True:
            batch = [(yield queue.get())]
            while queue.items and len(batch) < most:
                batch.append((yield queue.get()))
            self._at_work[step.model] += 1
            yield self._execution(step, len(batch))
            self._at_work[step.model] -= 1
            for request in batch:
                request.succeed()

    def _execution(self, step: Step, batch: int) -> simpy.Event:
        """An execution that begins now."""
        size = batch if step.batched else self._at_work[step.model]
        noise = self._noise(at_size(step.variation, size, proportional=False))
        seconds = at_size(step.seconds, size, proportional=step.batched) * noise
        if step.gpu:
            return self._gpu.run(seconds, 1.0)
        return self._cores.run(seconds, at_size(step.cores, size, proportional=False))

    def _noise(self, variation: float) -> float:
        if variation <= 0:
            return 1.0
        return float(self._rng.gamma(1 / variation**2, variation**2))

    def recognize(self) -> Process:
        """One photo through all steps."""
        yield self._cores.run(self._times.rest_s, self._times.rest_cores)
        for queue in self._queues.values():
            done = self._env.event()
            yield queue.put(done)
            yield done


def at_size(measured: dict[int, float], size: int, proportional: bool) -> float:
    """A figure interpolated between measured sizes; beyond the largest size in proportion to it, or constant."""
    sizes = sorted(measured)
    value = float(np.interp(size, sizes, [measured[each] for each in sizes]))
    return value * max(size / sizes[-1], 1.0) if proportional else value


class Load:
    """Some machines that get photos in turn, and the time of every answer."""

    def __init__(self, setup: Setup, seed: int) -> None:
        self.env = simpy.Environment()
        self.rng = np.random.default_rng(seed)
        machines = [Machine(self.env, setup, self.rng) for _ in range(setup.machines)]
        self._turns = itertools.cycle(machines)
        self._answers: list[tuple[float, float]] = []  # when and after how long, s
        self._enough = self.env.event()
        self._wanted = 0

    def ask(self) -> Process:
        """One photo to the next machine."""
        start = self.env.now
        yield self.env.process(next(self._turns).recognize())
        self._answers.append((self.env.now, self.env.now - start))
        if len(self._answers) == self._wanted:
            self._enough.succeed()

    def run(self, photos: int) -> Predicted:
        """Simulate until `photos` are answered; the first of them do not count."""
        self._wanted = photos
        self.env.run(self._enough)
        counted = self._answers[round(SETTLING * photos) :]
        times = [1e3 * seconds for _, seconds in counted]
        p50, p95 = (float(np.percentile(times, q)) for q in (50, 95))
        return Predicted((len(counted) - 1) / (counted[-1][0] - counted[0][0]), p50, p95)


def closed(setup: Setup, callers: int, photos: int = 2000, seed: int = 0) -> Predicted:
    """`callers` that ask again when they are answered."""
    load = Load(setup, seed)

    def caller() -> Process:
        while True:
            yield load.env.process(load.ask())

    for _ in range(callers):
        load.env.process(caller())
    return load.run(photos)


def poisson(setup: Setup, rate: float, photos: int = 2000, seed: int = 0) -> Predicted:
    """Photos that come at random, `rate` per second in the mean."""
    load = Load(setup, seed)

    def source() -> Process:
        while True:
            yield load.env.timeout(load.rng.exponential(1 / rate))
            load.env.process(load.ask())

    load.env.process(source())
    return load.run(photos)


def capacity(setup: Setup, p95_ms: float, photos: int = 2000) -> float:
    """The highest rate of random arrivals, photos per second, that keeps p95 within a limit; 0 where none does."""
    most = 1.2 * closed(setup, 64 * setup.machines, photos).throughput
    low, high = 0.0, most
    while high - low > 0.01 * most:
        middle = (low + high) / 2
        if poisson(setup, middle, photos).p95_ms <= p95_ms:
            low = middle
        else:
            high = middle
    return low
