"""NVIDIA's perf_analyzer on every model, with real inputs, and Locust beside it.

    python -m loadtest.perf_analyzer                                   everything, at concurrency 1 and 4
    python -m loadtest.perf_analyzer --models coin_search segmentation --concurrency 1 4 16
    python -m loadtest.perf_analyzer --url gpu-host:8001 --concurrency 16 64

What recognizes, embeds and enrolls gets the photos; a step gets what a photo becomes on its way there, computed by the
server. Input files and commands are kept in the output's folder, to be run by hand. Where `coin_search` is among the
models, Locust's users ask it at the same concurrencies: the two should agree within noise. A figure is "unsteady" where
no three windows in a row agreed, and is then that of a fixed number of requests.
"""

import argparse
import base64
import csv
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ensemble.chain import Arrays
from ensemble.contract import COIN_SEARCH, ENCODED, ENSEMBLES, MODELS, Model
from loadtest.host import Host, add_arguments, host, pin
from loadtest.locust_run import LOCUSTFILE, common, headless, read_rows, run_locust
from loadtest.perf_binary import PerfAnalyzerError, UnsteadyError, run
from loadtest.steps import inputs_of_models
from loadtest.tables import number, table
from mintmark import MintmarkError
from server import ServerError

TRIALS = 8  # windows at most, until three in a row agree
STEADY = 15  # percent that three windows may differ by
COUNTED = 50  # requests of each caller, where they do not agree
PHOTOS = 16  # that an input file holds at most
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
        # perf_analyzer sends what it decodes as it is: text goes with its length before it, as on the wire.
        raw = b"".join(_with_length(value) for value in row.reshape(-1)) if row.dtype == object else row.tobytes()
        content = {"b64": base64.b64encode(raw).decode()}
        record[name] = {"content": content, "shape": list(row.shape)}
    return record


def _with_length(value: bytes) -> bytes:
    return len(value).to_bytes(4, "little") + value


def write_inputs(there: Host, models: Sequence[Model], folder: Path) -> dict[Model, Path]:
    """An input file for each model: several photos for those that take photos, one request for the steps."""
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
    """perf_analyzer's command line for a closed loop over gRPC, but for how long."""
    options = {"-m": model.name, "-u": url, "-i": "grpc", "--input-data": inputs, "--concurrency-range": concurrency}
    return [str(word) for pair in {**options, "-f": out}.items() for word in pair]


def until_steady(window: float) -> list[str]:
    """… until three windows of so many seconds agree."""
    milliseconds = round(1000 * window)
    return [f"--measurement-interval={milliseconds}", f"--stability-percentage={STEADY}", f"--max-trials={TRIALS}"]


def measure(model: Model, there: Host, inputs: Path, concurrency: int, window: float, folder: Path) -> Measured:
    """perf_analyzer on one model at one concurrency.

    Raises:
        PerfAnalyzerError: it fails.
    """
    out = folder / f"{model.name}-{concurrency}.csv"
    command = arguments(model, there.url, inputs, concurrency, out)
    with (folder / "commands.sh").open("a") as file:
        file.write(f"perf_analyzer {shlex.join([*command, *until_steady(window)])}\n")
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


def measure_by_locust(there: Host, options: argparse.Namespace, concurrency: int, folder: Path) -> Measured:
    """Locust's recognizing users on the same photos, so many at a time.

    Raises:
        PerfAnalyzerError: Locust fails.
    """
    figures = folder / f"locust-{concurrency}.json"
    words = ["Recognizer", *headless(f"{max(1, round(3 * options.window))}s"), *common(options, concurrency)]
    if run_locust(LOCUSTFILE, there.url, words, figures):
        raise PerfAnalyzerError("Locust failed, see above")
    row = read_rows(figures)[-1]
    return Measured("Locust", COIN_SEARCH.name, concurrency, row.throughput, row.p50_ms, row.p95_ms, row.p99_ms)


def report(rows: Sequence[Measured]) -> str:
    """All figures as a table."""
    header = ["model", "by", "concurrency", "per second", "p50 ms", "p95 ms", "p99 ms", ""]
    cells = [
        [
            row.model,
            row.tool,
            str(row.concurrency),
            *map(number, (row.throughput, row.p50_ms, row.p95_ms, row.p99_ms)),
            "" if row.steady else "unsteady",
        ]
        for row in rows
    ]
    return "\n".join(table(header, cells))


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where a tool or the server fails."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.perf_analyzer",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument("--models", nargs="+", choices=BY_NAME, default=list(BY_NAME), metavar="NAME", help="(all)")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4], help="(1 4)")
    parser.add_argument("--window", type=float, default=5.0, help="of a measurement, s; three must agree (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("data/loadtest/perf_analyzer"), help="folder (%(default)s)")
    options = parser.parse_args(argv)
    pin(options.cores)
    (options.out / "commands.sh").unlink(missing_ok=True)
    rows: list[Measured] = []
    try:
        with host(options) as there:
            models = [BY_NAME[name] for name in options.models]
            files = write_inputs(there, models, options.out)
            for model in models:
                for concurrency in options.concurrency:
                    rows.append(measure(model, there, files[model], concurrency, options.window, options.out))
                    if model is COIN_SEARCH:
                        rows.append(measure_by_locust(there, options, concurrency, options.out))
                    print(report(rows[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
    except (ServerError, PerfAnalyzerError, MintmarkError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(report(rows))
    (options.out / "perf_analyzer.json").write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
