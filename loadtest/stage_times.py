"""How long each step of the pipeline takes when nothing else runs, by batch size, as Triton counts it."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton

from ensemble.chain import Arrays
from ensemble.contract import COIN_SEARCH, Model
from ensemble.graph import STEPS
from loadtest.counters import read_counts
from loadtest.host import Host, connect
from loadtest.processes import ProcessTree
from loadtest.steps import inputs_of_models, remote, transport
from mintmark import Transport

BATCHES = (1, 2, 4, 8, 16, 32)
SAMPLES = 8  # photos that the inputs are made of
WARM_UP = 2  # requests that do not count


@dataclass(frozen=True)
class Stage:
    """One model of the pipeline, as the server runs it."""

    model: str
    instances: int
    max_batch: int
    gpu: bool
    seconds: dict[int, float]  # of one execution, by batch size
    cores: dict[int, float]  # that it keeps busy meanwhile, likewise; 1 where the server's processes are not known
    variation: float  # standard deviation over mean, of executions of one photo


@dataclass(frozen=True)
class Times:
    """The pipeline of a machine."""

    cores: int
    stages: list[Stage]
    rest_s: float  # what a request takes besides: the client, the wire, Triton between the steps
    rest_cores: float  # that are busy meanwhile

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Times":
        """Read what `save` wrote."""
        record = json.loads(path.read_text())
        stages = [
            Stage(**{**stage, **{key: {int(b): v for b, v in stage[key].items()} for key in ("seconds", "cores")}})
            for stage in record.pop("stages")
        ]
        return cls(stages=stages, **record)


def measure(there: Host, cores: int, seconds: float) -> Times:
    """Ask every model of `coin_search` alone, then the ensemble, one request at a time.

    Args:
        there: the server.
        cores: that it may use.
        seconds: for each model and batch size.
    """
    samples = [inputs_of_models(there.url, photo) for photo in there.queries[:SAMPLES]]
    connection = transport(there.url)
    try:
        stages = [
            _stage(there, connection, model, [sample[model] for sample in samples], seconds)
            for model in STEPS[COIN_SEARCH]
        ]
    finally:
        connection.close()
    latency, cpu = _whole(there, seconds)
    rest = max(latency - sum(stage.seconds[1] for stage in stages), 0.0)
    in_stages = sum(stage.seconds[1] * stage.cores[1] for stage in stages)
    return Times(cores, stages, rest, min(max((cpu - in_stages) / rest, 0.0), cores) if rest and cpu == cpu else 1.0)


def _stage(there: Host, connection: Transport, model: Model, samples: Sequence[Arrays], seconds: float) -> Stage:
    with triton.InferenceServerClient(there.url) as client:
        config = client.get_model_config(model.name).config
    run = remote(model, connection)
    times: dict[int, float] = {}
    cores: dict[int, float] = {}
    walls: list[float] = []
    for batch in (size for size in BATCHES if size <= config.max_batch_size):
        chosen = [samples[number % len(samples)] for number in range(batch)]
        joined = {name: np.concatenate([sample[name] for sample in chosen]) for name in chosen[0]}
        for _ in range(WARM_UP):
            run(joined)
        before, cpu, start = read_counts(there.url)[model.name], _cpu(there.tree), time.perf_counter()
        while time.perf_counter() - start < seconds:
            begin = time.perf_counter()
            run(joined)
            if batch == 1:
                walls.append(time.perf_counter() - begin)
        used = _cpu(there.tree) - cpu
        times[batch], executions = _execution(before, read_counts(there.url)[model.name])
        cores[batch] = used / executions / times[batch] if there.tree else 1.0
    groups = config.instance_group
    return Stage(
        model.name,
        sum(group.count * max(len(group.gpus), 1) for group in groups),
        config.max_batch_size,
        any(group.Kind.Name(group.kind) == "KIND_GPU" for group in groups),
        times,
        cores,
        float(np.std(walls) / np.mean(walls)),
    )


def _execution(before: dict[str, int], after: dict[str, int]) -> tuple[float, int]:
    """Mean time of an execution, s, and their number."""
    executions = after["executions"] - before["executions"]
    return (after["busy ns"] - before["busy ns"]) / executions / 1e9, executions


def _whole(there: Host, seconds: float) -> tuple[float, float]:
    """Mean latency of the ensemble as its client sees it, s, and CPU seconds per photo, the client's included."""
    with connect(there.url) as client:
        for photo in there.queries[:WARM_UP]:
            client.recognize(photo)
        cpu, start, asked = _cpu(there.tree) + time.process_time(), time.perf_counter(), 0
        while (elapsed := time.perf_counter() - start) < 3 * seconds:
            client.recognize(there.queries[asked % len(there.queries)])
            asked += 1
    return elapsed / asked, (_cpu(there.tree) + time.process_time() - cpu) / asked


def _cpu(tree: ProcessTree | None) -> float:
    return tree.cpu_seconds() if tree else float("nan")
