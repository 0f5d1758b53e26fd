"""What a server counts: Triton's statistics of every model, and on CPUs the steps inside `coin_embedding`."""

import re
import urllib.request
from collections.abc import Mapping
from typing import Any

import tritonclient.grpc as triton

from backends.step_times import PHOTOS, SECONDS
from ensemble.contract import ENSEMBLES

PARTS = ("queue", "compute_input", "compute_infer", "compute_output")
METRICS_PORT = 8002  # Triton's, where nothing else is said
_TIMEOUT = 10.0  # s
_COUNTER = re.compile(rf'^(?:{SECONDS}{{.*?step="(\w+)".*?}}|({PHOTOS})(?:{{}})?) (\S+)$', re.MULTILINE)

Counts = dict[str, dict[str, int]]  # by model: counters since the server's start, times in ns
Routes = dict[str, tuple[str, ...]]  # by what clients ask for: the models that a photo goes through, in order
Inside = dict[str, float]  # by step: s of all photos since the server's start; PHOTOS: how many those are


def metrics_beside(url: str) -> str:
    """HOST:PORT of the metrics of a server whose gRPC port is HOST:PORT, where it uses Triton's own port."""
    return f"{url.rpartition(':')[0]}:{METRICS_PORT}"


def read_counts(url: str) -> Counts:
    """A server's counters.

    Raises:
        InferenceServerException: the server does not answer.
    """
    with triton.InferenceServerClient(url) as client:
        answer = client.get_inference_statistics()
    return {model.name: _flat(model) for model in answer.model_stats}


def _flat(model: Any) -> dict[str, int]:
    stats = model.inference_stats
    counts = {f"{part} ns": getattr(stats, part).ns for part in PARTS}
    busy = sum(each.compute_input.ns + each.compute_infer.ns + each.compute_output.ns for each in model.batch_stats)
    return counts | {
        "requests": stats.success.count,
        "success ns": stats.success.ns,
        "pictures": model.inference_count,
        "executions": model.execution_count,
        "busy ns": busy,
    }


def read_routes(url: str) -> Routes:
    """How a server takes photos to what clients ask for: an ensemble's models, or the one model that does all.

    Raises:
        InferenceServerException: the server does not answer.
    """
    with triton.InferenceServerClient(url) as client:
        configs = {model.name: client.get_model_config(model.name).config for model in ENSEMBLES}
    steps = {
        name: tuple(step.model_name for step in config.ensemble_scheduling.step) for name, config in configs.items()
    }
    return {name: route or (name,) for name, route in steps.items()}


def read_inside(metrics: str) -> Inside:
    """What the steps inside `coin_embedding` have taken; nothing where the server does not tell.

    Args:
        metrics: HOST:PORT of the server's metrics.

    Raises:
        OSError: it does not answer there.
    """
    with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=_TIMEOUT) as answer:
        text = answer.read().decode()
    return {step or photos: float(value) for step, photos, value in _COUNTER.findall(text)}


def added(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What has been added to counters since a reading."""
    return {key: value - before.get(key, 0) for key, value in after.items()}
