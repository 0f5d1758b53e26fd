"""Past one machine: throughput and p95 for other instances, batches and machines, from measured stage times.

    python -m loadtest.planning measure                           stage times of a server into data/loadtest/stages.json
    python -m loadtest.planning check --measured data/loadtest/compare/compare.json
    python -m loadtest.planning table --p95 1000 --machines 1 4 16 [--price 0.10]

`check` holds the simulation against what `loadtest.compare` measured. `table` predicts: first for numbers of instances
and batch sizes, then the capacity of some machines, and what a million photos take.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from loadtest.contenders.served import Served
from loadtest.host import add_arguments, host, pin
from loadtest.simulation import Setup, capacity, closed
from loadtest.stage_times import Times, measure
from loadtest.tables import number, table
from mintmark import MintmarkError
from server import ServerError

STAGES = Path("data/loadtest/stages.json")
ASSUMPTIONS = """
Assumed: stage times as measured with nothing else running; executions share the cores (or the GPU) fairly; a batch is
what waits when an instance is free, and what takes no batches runs on as many threads as were its share when it began;
photos come at random and go to the machines in turn; machines do not disturb one another; the catalog is as large as it
was when the times were measured.
""".strip()


def stages_text(times: Times) -> str:
    """The measured times as a table."""
    sizes = sorted({size for stage in times.stages for size in stage.seconds})
    rows = [
        [
            stage.model,
            str(stage.instances),
            *(number(1e3 * stage.seconds[size]) if size in stage.seconds else "" for size in sizes),
            number(stage.cores[1]),
            f"{stage.variation[1]:.2f}",
        ]
        for stage in times.stages
    ]
    rows.append(["the rest", "", number(1e3 * times.rest_s), *[""] * (len(sizes) - 1), number(times.rest_cores), ""])
    by = "ms by batch" if times.batched else "ms by how many at work"
    header = [by, "instances", *map(str, sizes), "cores busy", "variation"]
    return "\n".join(table(header, rows))


def check_text(times: Times, compare: Path) -> str:
    """Predicted beside measured, at every concurrency of a comparison."""
    runs = [run for run in json.loads(compare.read_text())["runs"] if run["contender"] == Served.name]
    rows = []
    for concurrency in sorted({run["concurrency"] for run in runs}):
        chosen = [run for run in runs if run["concurrency"] == concurrency]
        said = closed(Setup(times), concurrency)
        cells = []
        for predicted, name in ((said.throughput, "throughput"), (said.p50_ms, "p50_ms"), (said.p95_ms, "p95_ms")):
            seen = float(np.median([run[name] for run in chosen]))
            cells += [number(seen), number(predicted), f"{predicted / seen - 1:+.0%}"]
        rows.append([str(concurrency), *cells])
    header = ["under way"]
    for name in ("photos/s", "p50 ms", "p95 ms"):
        header += [name, "predicted", ""]
    return "\n".join(table(header, rows))


def variants_text(times: Times, options: argparse.Namespace) -> str:
    """Throughput and p95 for numbers of instances and largest batches, on the machine that was measured."""
    rows = []
    batches = options.batches if times.batched else [1]
    for count in tqdm(options.instances, desc="instances", leave=False):
        setups = [Setup(times, instances=count, max_batch=batch) for batch in batches]
        said = [closed(setup, options.callers, options.sample) for setup in setups]
        rows.append([str(count), *(f"{number(each.throughput)} / {number(each.p95_ms)}" for each in said)])
    title = f"photos per second / p95 ms with {options.callers} under way, by instances of each model and largest batch"
    return "\n".join([title, *table(["instances", *map(str, batches)], rows)])


def capacity_text(times: Times, options: argparse.Namespace) -> str:
    """What some machines can take within a p95, and what a million photos take of them."""
    gpu = any(stage.gpu for stage in times.stages)
    rows = []
    for count in tqdm(options.machines, desc="machines", leave=False):
        rate = capacity(Setup(times, machines=count), options.p95, options.sample)
        hours = count * 1e6 / rate / 3600 if rate else float("nan")
        units = count if gpu else count * times.cores
        cost = number(hours * options.price) if options.price is not None else "-"
        rows.append([str(count), number(rate), number(rate / units), number(hours), cost])
    unit = "GPU" if gpu else "core"
    header = ["machines", "photos/s", f"per {unit}", "machine hours per million", "cost per million"]
    kind = "one GPU" if gpu else f"{times.cores} cores"
    title = f"capacity at p95 within {options.p95:g} ms, machines of {kind}"
    return "\n".join([title, *table(header, rows), "", ASSUMPTIONS])


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where the server fails."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.planning", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="stage times of a server")
    add_arguments(measuring)
    measuring.add_argument("--seconds", type=float, default=3.0, help="for each figure of a model (%(default)s)")
    checking = commands.add_parser("check", help="the simulation against measured points")
    checking.add_argument(
        "--measured", type=Path, default=Path("data/loadtest/compare/compare.json"), help="%(default)s"
    )
    tables = commands.add_parser("table", help="predictions")
    tables.add_argument("--instances", type=int, nargs="+", default=[1, 2, 4], help="of each model (1 2 4)")
    tables.add_argument("--batches", type=int, nargs="+", default=[1, 4, 8], help="largest ones, on GPUs (1 4 8)")
    tables.add_argument("--callers", type=int, default=16, help="for those (%(default)s)")
    tables.add_argument("--machines", type=int, nargs="+", default=[1, 2, 4, 8], help="(1 2 4 8)")
    tables.add_argument("--p95", type=float, default=1000.0, help="ms that the capacity keeps to (%(default)s)")
    tables.add_argument("--sample", type=int, default=2000, help="photos simulated for a figure (%(default)s)")
    tables.add_argument("--price", type=float, help="of a machine for an hour, in any currency")
    for command in (measuring, checking, tables):
        command.add_argument("--stages", type=Path, default=STAGES, help="file of the stage times (%(default)s)")
    options = parser.parse_args(argv)
    try:
        if options.command == "measure":
            cores = pin(options.cores)
            with host(options) as there:
                measure(there, cores, options.seconds).save(options.stages)
        times = Times.load(options.stages)
    except (ServerError, MintmarkError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.command == "measure":
        print(stages_text(times))
    elif options.command == "check":
        print(check_text(times, options.measured))
    else:
        print(variants_text(times, options), end="\n\n")
        print(capacity_text(times, options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
