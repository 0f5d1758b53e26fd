"""What a running server says of itself: Triton's statistics and configs, and on CPUs the steps in `coin_embedding`.

The Python client has no calls for these, so they are read with Triton's own client. They are the operator's, so
the environment must hold the server's key, MINTMARK_ADMIN_KEY.
"""

import os
import re
import urllib.request
from collections.abc import Mapping
from typing import Any

import tritonclient.grpc as triton

from backends.step_times import PHOTOS, SECONDS
from ensemble import variables
from ensemble.contract import ENSEMBLES
from server.gate.rules import ADMIN_HEADER

PARTS = ("queue", "compute_input", "compute_infer", "compute_output")
METRICS_PORT = 8002  # Triton's default
_TIMEOUT = 10.0  # s
_COUNTER = re.compile(rf'^(?:{SECONDS}{{.*?step="(\w+)".*?}}|({PHOTOS})(?:{{}})?) (\S+)$', re.MULTILINE)

Counts = dict[str, dict[str, int]]  # by model: counters since the server's start, times in ns
Routes = dict[str, tuple[str, ...]]  # by ensemble: the models that a photo goes through, in order
Inside = dict[str, float]  # by step: s for all photos since the server's start; PHOTOS: the number of these photos


def metrics_beside(url: str) -> str:
    """HOST:PORT of a server's metrics on Triton's default port, from the HOST:PORT of its gRPC port."""
    return f"{url.rpartition(':')[0]}:{METRICS_PORT}"


def _headers() -> dict[str, str]:
    return {ADMIN_HEADER: os.environ.get(variables.ADMIN_KEY, "")}


def read_counts(url: str) -> Counts:
    """A server's counters.

    Raises:
        InferenceServerException: the server does not answer.
    """
    with triton.InferenceServerClient(url) as client:
        answer = client.get_inference_statistics(headers=_headers())
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


def read_config(url: str, model: str) -> Any:
    """A model's config as the server runs it, Triton's `ModelConfig`.

    Raises:
        InferenceServerException: the server does not answer, or lacks the model.
    """
    with triton.InferenceServerClient(url) as client:
        return client.get_model_config(model, headers=_headers()).config


def read_routes(url: str) -> Routes:
    """The way of a photo through each ensemble: its models, or the one model that does all steps.

    Raises:
        InferenceServerException: the server does not answer.
    """
    configs = {model.name: read_config(url, model.name) for model in ENSEMBLES}
    steps = {
        name: tuple(step.model_name for step in config.ensemble_scheduling.step) for name, config in configs.items()
    }
    return {name: route or (name,) for name, route in steps.items()}


def read_inside(metrics: str) -> Inside:
    """The time of the steps inside `coin_embedding`; {} where the server does not report it.

    Args:
        metrics: HOST:PORT of the server's metrics.

    Raises:
        OSError: the port does not answer.
    """
    with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=_TIMEOUT) as answer:
        text = answer.read().decode()
    return {step or photos: float(value) for step, photos, value in _COUNTER.findall(text)}


def added(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """By how much each counter has grown between two readings."""
    return {key: value - before.get(key, 0) for key, value in after.items()}
