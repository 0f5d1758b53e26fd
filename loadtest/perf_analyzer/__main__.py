"""NVIDIA's perf_analyzer on every model, with real inputs, and Locust beside it.

    python -m loadtest.perf_analyzer                                   everything, at concurrency 1 and 4
    python -m loadtest.perf_analyzer --models coin_search segmentation --concurrency 1 4 16
    python -m loadtest.perf_analyzer --url gpu-host:8001 --concurrency 16 64

Models that recognize, embed or enroll get photos. A step gets the tensors that the server makes of a photo on its way
there. Input files and commands stay in the output's folder, to be run by hand. Where `coin_search` is among the models,
Locust's users load it at the same concurrencies: both tools should agree within noise. A figure is "unsteady" where no
three windows in a row agreed; it then comes from a fixed number of requests.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ensemble.contract import COIN_SEARCH
from loadtest import command
from loadtest.host import Host, add_arguments, host, pin
from loadtest.locust.run import LOCUSTFILE, common, headless, read_rows, run_locust
from loadtest.perf_analyzer.binary import PerfAnalyzerError
from loadtest.perf_analyzer.measure import BY_NAME, Measured, measure, write_inputs
from loadtest.tables import number, table
from mintmark import MintmarkError
from server.wheel import ServerError


def measure_by_locust(there: Host, options: argparse.Namespace, concurrency: int, folder: Path) -> Measured:
    """Locust's recognizing users on the same photos, `concurrency` at a time.

    Raises:
        PerfAnalyzerError: Locust fails.
    """
    figures = folder / f"locust-{concurrency}.json"
    words = ["Recognizer", *headless(f"{max(1, round(3 * options.window))}s"), *common(options, concurrency)]
    if run_locust(LOCUSTFILE, there.url, words, figures):
        raise PerfAnalyzerError("Locust failed, see above")
    row = read_rows(figures)[-1]
    return Measured("Locust", COIN_SEARCH.name, concurrency, row.throughput, row.p50_ms, row.p95_ms, row.p99_ms)


def measure_all(there: Host, options: argparse.Namespace) -> list[Measured]:
    """Every model at every concurrency; each row is printed to stderr when it is measured.

    Raises:
        PerfAnalyzerError: a tool fails.
        MintmarkError: the server fails to make the inputs.
    """
    rows: list[Measured] = []
    models = [BY_NAME[name] for name in options.models]
    files = write_inputs(there, models, options.out)
    for model in models:
        for concurrency in options.concurrency:
            rows.append(measure(model, there, files[model], concurrency, options.window, options.out))
            if model is COIN_SEARCH:
                rows.append(measure_by_locust(there, options, concurrency, options.out))
            print(report(rows[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
    return rows


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
    parser = command.parser("loadtest.perf_analyzer", __doc__)
    add_arguments(parser)
    parser.add_argument("--models", nargs="+", choices=BY_NAME, default=list(BY_NAME), metavar="NAME", help="(all)")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4], help="requests under way (1 4)")
    parser.add_argument("--window", type=float, default=5.0, help="of a measurement, s; three must agree (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("data/loadtest/perf_analyzer"), help="folder (%(default)s)")
    options = parser.parse_args(argv)
    pin(options.cores)
    (options.out / "commands.sh").unlink(missing_ok=True)
    try:
        with host(options) as there:
            rows = measure_all(there, options)
    except (ServerError, PerfAnalyzerError, MintmarkError) as error:
        return command.failed(error)
    print(report(rows))
    command.write_json(options.out / "perf_analyzer.json", [asdict(row) for row in rows])
    return 0


if __name__ == "__main__":
    sys.exit(main())
