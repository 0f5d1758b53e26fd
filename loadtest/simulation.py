"""The served pipeline as a queueing network, simulated event by event.

Each model is a queue before some instances; an instance takes what waits, up to its largest batch, as Triton's dynamic
batcher does without a delay. How long an execution takes depends on its batch; without batches, on how many of the
model are at work when it begins, since it runs on its share of the cores. Executions under way share the machine's
cores, and a GPU: where they want more than there is, all of them slow down alike (processor sharing; Kleinrock 1967).
Times of executions are drawn from a gamma distribution with the measured mean and variation.
"""

import itertools
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import simpy

from loadtest.stage_times import Stage, Times

SETTLING = 0.1  # of the photos, the first ones, that do not count
_DONE = 1e-9  # s of work left that count as none

Process = Generator[simpy.Event, Any, None]


@dataclass(frozen=True)
class Setup:
    """What is simulated: a pipeline on some machines; None leaves instances or the largest batches as measured."""

    times: Times
    machines: int = 1
    instances: int | None = None
    max_batch: int | None = None

    def stages(self) -> list[Stage]:
        """The stages with these instances."""
        stages = self.times.stages
        return stages if self.instances is None else [replace(stage, instances=self.instances) for stage in stages]

    def most(self, stage: Stage) -> int:
        """Photos in a batch."""
        return stage.max_batch if self.max_batch is None else min(stage.max_batch, self.max_batch)


@dataclass(frozen=True)
class Predicted:
    """What a simulation says."""

    throughput: float  # photos per second
    p50_ms: float
    p95_ms: float


@dataclass
class _Job:
    left: float  # s, if it had all that it wants
    demand: float
    done: simpy.Event


class Shared:
    """Cores, or a GPU, that executions share."""

    def __init__(self, env: simpy.Environment, capacity: float) -> None:
        self._env, self._capacity = env, capacity
        self._jobs: list[_Job] = []
        self._since, self._turn = 0.0, 0

    def run(self, seconds: float, demand: float) -> simpy.Event:
        """An execution that takes so long alone and keeps so much busy; the event is its end."""
        self._advance()
        job = _Job(seconds, max(demand, 1e-6), self._env.event())
        self._jobs.append(job)
        self._plan()
        return job.done

    def _speed(self) -> float:
        return min(1.0, self._capacity / sum(job.demand for job in self._jobs))

    def _advance(self) -> None:
        """Take off what has been done since the last change."""
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
            return  # something has changed meanwhile, and planned anew
        self._advance()
        ended = [job for job in self._jobs if job.left <= _DONE]
        self._jobs = [job for job in self._jobs if job.left > _DONE]
        for job in ended:
            job.done.succeed()
        self._plan()


class Machine:
    """One server: its stages, their queues, and what they share."""

    def __init__(self, env: simpy.Environment, setup: Setup, rng: np.random.Generator) -> None:
        self._env, self._times, self._rng = env, setup.times, rng
        self._cores, self._gpu = Shared(env, setup.times.cores), Shared(env, 1.0)
        self._queues = {stage.model: simpy.Store(env) for stage in setup.stages()}
        self._at_work = dict.fromkeys(self._queues, 0)
        for stage in setup.stages():
            for _ in range(stage.instances):
                env.process(self._instance(stage, setup.most(stage)))

    def _instance(self, stage: Stage, most: int) -> Process:
        queue = self._queues[stage.model]
        while True:
            batch = [(yield queue.get())]
            while queue.items and len(batch) < most:
                batch.append((yield queue.get()))
            self._at_work[stage.model] += 1
            yield self._execution(stage, len(batch))
            self._at_work[stage.model] -= 1
            for request in batch:
                request.succeed()

    def _execution(self, stage: Stage, batch: int) -> simpy.Event:
        """One that begins now."""
        size = batch if stage.batched else self._at_work[stage.model]
        noise = self._noise(at_size(stage.variation, size, proportional=False))
        seconds = at_size(stage.seconds, size, proportional=stage.batched) * noise
        if stage.gpu:
            return self._gpu.run(seconds, 1.0)
        return self._cores.run(seconds, at_size(stage.cores, size, proportional=False))

    def _noise(self, variation: float) -> float:
        if variation <= 0:
            return 1.0
        return float(self._rng.gamma(1 / variation**2, variation**2))

    def recognize(self) -> Process:
        """One photo through all stages."""
        yield self._cores.run(self._times.rest_s, self._times.rest_cores)
        for queue in self._queues.values():
            done = self._env.event()
            yield queue.put(done)
            yield done


def at_size(measured: dict[int, float], size: int, proportional: bool) -> float:
    """A figure between those that were measured; beyond the largest of them in proportion to the size, or the same."""
    sizes = sorted(measured)
    value = float(np.interp(size, sizes, [measured[each] for each in sizes]))
    return value * max(size / sizes[-1], 1.0) if proportional else value


class Load:
    """Some machines, given photos in turn, and when each photo was answered."""

    def __init__(self, setup: Setup, seed: int) -> None:
        self.env = simpy.Environment()
        self.rng = np.random.default_rng(seed)
        machines = [Machine(self.env, setup, self.rng) for _ in range(setup.machines)]
        self._turns = itertools.cycle(machines)
        self._answers: list[tuple[float, float]] = []  # when, and after how long, s
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
        """Until so many photos have been answered; the first of them do not count."""
        self._wanted = photos
        self.env.run(self._enough)
        counted = self._answers[round(SETTLING * photos) :]
        times = [1e3 * seconds for _, seconds in counted]
        p50, p95 = (float(np.percentile(times, q)) for q in (50, 95))
        return Predicted((len(counted) - 1) / (counted[-1][0] - counted[0][0]), p50, p95)


def closed(setup: Setup, callers: int, photos: int = 2000, seed: int = 0) -> Predicted:
    """So many callers that ask again when they are answered."""
    load = Load(setup, seed)

    def caller() -> Process:
        while True:
            yield load.env.process(load.ask())

    for _ in range(callers):
        load.env.process(caller())
    return load.run(photos)


def poisson(setup: Setup, rate: float, photos: int = 2000, seed: int = 0) -> Predicted:
    """Photos that come at random, so many per second in the mean."""
    load = Load(setup, seed)

    def source() -> Process:
        while True:
            yield load.env.timeout(load.rng.exponential(1 / rate))
            load.env.process(load.ask())

    load.env.process(source())
    return load.run(photos)


def capacity(setup: Setup, p95_ms: float, photos: int = 2000) -> float:
    """The highest rate of random arrivals, photos per second, at which p95 stays within a limit; 0 where none does."""
    most = 1.2 * closed(setup, 64 * setup.machines, photos).throughput
    low, high = 0.0, most
    while high - low > 0.01 * most:
        middle = (low + high) / 2
        if poisson(setup, middle, photos).p95_ms <= p95_ms:
            low = middle
        else:
            high = middle
    return low
