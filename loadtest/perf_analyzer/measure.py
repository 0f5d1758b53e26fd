"""One model measured by perf_analyzer: its input file, its command line, its figures."""

import base64
import csv
import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble import variables
from ensemble.chain import Arrays
from ensemble.contract import ENCODED, ENSEMBLES, MODELS, Model
from loadtest.host import Host
from loadtest.models import inputs_of_models
from loadtest.perf_analyzer.binary import UnsteadyError, run
from server.gate.rules import ADMIN_HEADER

TRIALS = 8  # windows at most, until three in a row agree
STEADY = 15  # percent by which three windows may differ
COUNTED = 50  # requests of each caller where the windows do not agree
PHOTOS = 16  # most photos in an input file
BY_NAME = {model.name: model for model in (*ENSEMBLES, *(model for model in MODELS if model not in ENSEMBLES))}


@dataclass(frozen=True)
class Measured:
    """One model at one concurrency."""

    tool: str
    model: str
    concurrency: int
    throughput: float  # inferences per second
    p50_ms: float
    p95_ms: float
    p99_ms: float
    steady: bool = True  # three windows in a row agreed


def input_record(inputs: Arrays) -> dict[str, dict[str, object]]:
    """One request of an input file: each tensor, without its batch axis, as base64.

    The format is that of perf_analyzer's documentation, "Input Data", section "Real Input Data".
    """
    record: dict[str, dict[str, object]] = {}
    for name, array in inputs.items():
        row = array[0]
        # perf_analyzer decodes this and sends it unchanged: so text has its length before it, as on the wire.
        raw = b"".join(_with_length(value) for value in row.reshape(-1)) if row.dtype == object else row.tobytes()
        content = {"b64": base64.b64encode(raw).decode()}
        record[name] = {"content": content, "shape": list(row.shape)}
    return record


def _with_length(value: bytes) -> bytes:
    return len(value).to_bytes(4, "little") + value


def write_inputs(there: Host, models: Sequence[Model], folder: Path) -> dict[Model, Path]:
    """An input file for each model: several photos for the models that take photos, one request for each step."""
    folder.mkdir(parents=True, exist_ok=True)
    made = inputs_of_models(there.url, there.queries[0])
    files = {}
    for model in models:
        requests = [made[model]]
        if model in ENSEMBLES:
            requests = [{**made[model], ENCODED.name: _photo(photo)} for photo in there.queries[:PHOTOS]]
        files[model] = folder / f"{model.name}.json"
        files[model].write_text(json.dumps({"data": [input_record(request) for request in requests]}))
    return files


def _photo(encoded: bytes) -> np.ndarray:
    array = np.empty((1, 1), object)
    array[0, 0] = encoded
    return array


def arguments(model: Model, url: str, inputs: Path, concurrency: int, out: Path) -> list[str]:
    """perf_analyzer's command line for a closed loop over gRPC, without its length."""
    options = {"-m": model.name, "-u": url, "-i": "grpc", "--input-data": inputs, "--concurrency-range": concurrency}
    # It reads the model's config and statistics, which are the operator's.
    key = f"{ADMIN_HEADER}:{os.environ.get(variables.ADMIN_KEY, '')}"
    return [str(word) for pair in {**options, "-f": out, "-H": key}.items() for word in pair]


def until_steady(window: float) -> list[str]:
    """The part of the command line that measures until three windows of `window` seconds agree."""
    milliseconds = round(1000 * window)
    return [f"--measurement-interval={milliseconds}", f"--stability-percentage={STEADY}", f"--max-trials={TRIALS}"]


def measure(model: Model, there: Host, inputs: Path, concurrency: int, window: float, folder: Path) -> Measured:
    """perf_analyzer on one model at one concurrency.

    Raises:
        PerfAnalyzerError: perf_analyzer fails.
    """
    out = folder / f"{model.name}-{concurrency}.csv"
    command = arguments(model, there.url, inputs, concurrency, out)
    with (folder / "commands.sh").open("a") as file:
        *shown, _ = command
        header = f'"{ADMIN_HEADER}:${variables.ADMIN_KEY}"'  # the key itself is not written down
        file.write(f"perf_analyzer {shlex.join(shown)} {header} {shlex.join(until_steady(window))}\n")
    try:
        run([*command, *until_steady(window)])
        steady = True
    except UnsteadyError:
        run([*command, f"--request-count={COUNTED * concurrency}"])
        steady = False
    with out.open(newline="") as file:
        row = next(csv.DictReader(file))
    p50, p95, p99 = (float(row[f"p{percent} latency"]) / 1e3 for percent in (50, 95, 99))
    rate = float(row["Inferences/Second"])
    return Measured("perf_analyzer", model.name, concurrency, rate, p50, p95, p99, steady)
