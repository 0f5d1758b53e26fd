"""The time of each step on a photo's way when nothing else runs, as Triton counts it.

On GPUs, where models take batches, times are by batch size. On a CPU the threads of an execution depend on how many
executions of the model run at a time, so times are by this number.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ensemble.chain import Arrays, Chain, Runner
from ensemble.contract import COIN_SEARCH, MODELS, Model
from loadtest.command import write_json
from loadtest.counters import Counts, added, read_config, read_counts, read_routes
from loadtest.generator import Ask, Given, closed_loop
from loadtest.host import Host, connect
from loadtest.models import remote, transport
from loadtest.processes import ProcessTree
from mintmark import MintmarkError

BATCHES = (1, 2, 4, 8, 16, 32)
SAMPLES = 8  # photos, from which the inputs are made
WARM_UP = 2  # requests that do not count
_BY_SIZE = ("seconds", "cores", "variation")


@dataclass(frozen=True)
class Step:
    """One step on a photo's way, as the server runs it."""

    model: str
    instances: int
    max_batch: int
    gpu: bool
    # By batch size; without batches, by how many executions of the model run at a time:
    seconds: dict[int, float]  # of one execution
    cores: dict[int, float]  # that it keeps busy; 1 where the server's processes are not given
    variation: dict[int, float]  # standard deviation of these executions over their mean

    @property
    def batched(self) -> bool:
        """Whether the figures are by batch size."""
        return self.max_batch > 1


@dataclass(frozen=True)
class Times:
    """The pipeline of a machine."""

    cores: int
    steps: list[Step]  # in the order in which a photo goes through them
    rest_s: float  # of a request outside the steps: the client, the wire, Triton between the steps
    rest_cores: float  # that are busy in this time

    @property
    def batched(self) -> bool:
        """Whether any step takes batches."""
        return any(step.batched for step in self.steps)

    def save(self, path: Path) -> None:
        """Write as JSON."""
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "Times":
        """Read a file of `save`."""
        record = json.loads(path.read_text())
        steps = [
            Step(**{**step, **{key: {int(size): v for size, v in step[key].items()} for key in _BY_SIZE}})
            for step in record.pop("steps")
        ]
        return cls(steps=steps, **record)


def measure(there: Host, cores: int, seconds: float) -> Times:
    """Ask every model on the server's way of a photo alone, then the ensemble, one request at a time.

    Args:
        there: the server.
        cores: that it may use.
        seconds: for each figure of a model.

    Raises:
        MintmarkError: a request fails.
    """
    names = read_routes(there.url)[COIN_SEARCH.name]
    route = [next(model for model in MODELS if model.name == name) for name in names]
    connection = transport(there.url)
    try:
        chain = Chain(route, lambda model: remote(model, connection))
        samples = [chain.run(photo) for photo in there.queries[:SAMPLES]]
        steps = [_step(there, model, remote(model, connection), samples, seconds) for model in route]
    finally:
        connection.close()
    rest, rest_cores = _rest(there, steps, 3 * seconds)
    return Times(cores, steps, rest, min(rest_cores, cores))


def _step(there: Host, model: Model, run: Runner, samples: Sequence[Arrays], seconds: float) -> Step:
    config = read_config(there.url, model.name)
    instances = sum(group.count * max(len(group.gpus), 1) for group in config.instance_group)
    if config.max_batch_size > 1:
        sizes = [size for size in BATCHES if size <= config.max_batch_size]
        figures = {size: _ask(there, model, run, _joined(model, samples, size), 1, seconds) for size in sizes}
    else:
        single = _joined(model, samples, 1)
        figures = {count: _ask(there, model, run, single, count, seconds) for count in range(1, instances + 1)}
    return Step(
        model.name,
        instances,
        config.max_batch_size,
        _on_gpu(config),
        {size: figure.seconds for size, figure in figures.items()},
        {size: figure.cores for size, figure in figures.items()},
        {size: figure.variation for size, figure in figures.items()},
    )


def _on_gpu(config: Any) -> bool:
    return any(group.Kind.Name(group.kind) == "KIND_GPU" for group in config.instance_group)


def _joined(model: Model, samples: Sequence[Arrays], size: int) -> list[Arrays]:
    """Requests of `size` photos: one for each sample where the size is 1; else a single one, since it is large."""
    firsts = range(len(samples)) if size == 1 else (0,)
    chosen = [[samples[(first + more) % len(samples)] for more in range(size)] for first in firsts]
    return [{t.name: np.concatenate([sample[t.name] for sample in batch]) for t in model.inputs} for batch in chosen]


class _Figure(NamedTuple):
    seconds: float  # of one execution
    cores: float
    variation: float


def _ask(there: Host, model: Model, run: Runner, requests: Sequence[Arrays], callers: int, seconds: float) -> _Figure:
    """`callers` for `seconds`; each asks again when it is answered."""

    def ask(tensors: Arrays) -> Arrays:
        return run(tensors, None)

    for _ in range(WARM_UP):
        ask(requests[0])
    before, cpu = read_counts(there.url), _cpu(there.tree)
    walls = _answers(ask, requests, callers, seconds)
    used, took = _cpu(there.tree) - cpu, _execution(before, read_counts(there.url), model.name)
    return _Figure(took, used / len(walls) / took if there.tree else 1.0, _variation(walls))


def _rest(there: Host, steps: Sequence[Step], seconds: float) -> tuple[float, float]:
    """The time of a photo alone outside its steps as its client sees it, s, and the cores busy in this time.

    The time of the steps is taken from the same photos: a small difference of two measurements would be noise.
    """
    before, cpu = read_counts(there.url), _cpu(there.tree) + time.process_time()
    with connect(there.url) as client:
        walls = _answers(client.recognize, there.queries, 1, seconds)
    used, after = _cpu(there.tree) + time.process_time() - cpu, read_counts(there.url)
    took = [_execution(before, after, step.model) for step in steps]
    rest = max(float(np.mean(walls)) - sum(took), 1e-6)  # executions may overlap by more than lies between them
    in_steps = sum(one * step.cores[1] for one, step in zip(took, steps, strict=True))
    return rest, max((used / len(walls) - in_steps) / rest, 0.0) if there.tree else 1.0


def _answers(ask: Ask[Given], requests: Sequence[Given], callers: int, seconds: float) -> list[float]:
    """The time of each request as its caller sees it, s."""
    answers = closed_loop(ask, requests, callers, seconds)
    if failed := [answer.failure for answer in answers if answer.failure]:
        raise MintmarkError(f"{len(failed)} of {len(answers)} requests failed, the first with {failed[0]}")
    return [answer.seconds for answer in answers]


def _variation(seconds: Sequence[float]) -> float:
    """Standard deviation over mean, from the middle two thirds: a hiccup of the machine does not count."""
    low, middle, high = np.percentile(seconds, (16, 50, 84))
    return float((high - low) / 2 / middle)


def _execution(before: Counts, after: Counts, model: str) -> float:
    """Mean time of a model's executions between two readings, s."""
    done = added(before[model], after[model])
    return done["busy ns"] / done["executions"] / 1e9


def _cpu(tree: ProcessTree | None) -> float:
    return tree.cpu_seconds() if tree else float("nan")
