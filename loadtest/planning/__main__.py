"""Beyond one machine: throughput and p95 for other instances, batches and machines, from measured step times.

    python -m loadtest.planning measure                           step times of a server into data/loadtest/steps.json
    python -m loadtest.planning check --measured data/loadtest/compare/compare.json
    python -m loadtest.planning table --p95 1000 --machines 1 4 16 [--price 0.10]
    python -m loadtest.planning slices [--p95 100]                cards and MIG slices, estimated: none was measured

`check` compares the simulation with the measurements of `loadtest.compare`. `table` predicts throughput and p95 by
number of instances and batch size, then the capacity of some machines and the machine hours of a million photos.
"""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ensemble.places import MODEL_REPOSITORY
from loadtest import command
from loadtest.compare.figures import MEASURES, Comparison
from loadtest.host import add_arguments, host, pin
from loadtest.planning.simulation import Setup, capacity, closed
from loadtest.planning.slices import STEPS as SLICED
from loadtest.planning.slices import Assumed, slices_text
from loadtest.planning.step_times import Times, measure
from loadtest.planning.work import Work
from loadtest.planning.work import count as counted
from loadtest.tables import number, table
from mintmark import MintmarkError
from server.wheel import ServerError

STEPS = Path("data/loadtest/steps.json")
ASSUMPTIONS = """
Assumptions: step times are as measured with nothing else running; executions divide the cores or the GPU fairly; a
batch holds the photos that wait when an instance gets free; without batches, an execution keeps the threads that it
began with; photos come at random and go to the machines in turn; machines do not disturb one another; the catalog is as
large as when the times were measured.
""".strip()


def steps_text(times: Times) -> str:
    """The measured times as a table."""
    sizes = sorted({size for step in times.steps for size in step.seconds})
    rows = [
        [
            step.model,
            str(step.instances),
            *(number(1e3 * step.seconds[size]) if size in step.seconds else "" for size in sizes),
            number(step.cores[1]),
            f"{step.variation[1]:.2f}",
        ]
        for step in times.steps
    ]
    rows.append(["the rest", "", number(1e3 * times.rest_s), *[""] * (len(sizes) - 1), number(times.rest_cores), ""])
    by = "ms by batch" if times.batched else "ms by executions at a time"
    header = [by, "instances", *map(str, sizes), "cores busy", "variation"]
    return "\n".join(table(header, rows))


def check_text(times: Times, comparison: Comparison) -> str:
    """Predicted beside measured, at every concurrency of a comparison."""
    mintmark = comparison.names[0]
    rows = []
    for concurrency in comparison.concurrencies:
        said = closed(Setup(times), concurrency)
        cells = []
        for name, predicted in (("photos/s", said.throughput), ("p50 ms", said.p50_ms), ("p95 ms", said.p95_ms)):
            measured = float(np.median(comparison.values(mintmark, concurrency, MEASURES[name])))
            cells += [number(measured), number(predicted), f"{predicted / measured - 1:+.0%}"]
        rows.append([str(concurrency), *cells])
    header = ["under way"]
    for name in ("photos/s", "p50 ms", "p95 ms"):
        header += [name, "predicted", ""]
    return "\n".join(table(header, rows))


def variants_text(times: Times, options: argparse.Namespace) -> str:
    """Throughput and p95 by number of instances and largest batch, on the measured machine."""
    rows = []
    batches = options.batches if times.batched else [1]
    for count in tqdm(options.instances, desc="instances", leave=False):
        setups = [Setup(times, instances=count, max_batch=batch) for batch in batches]
        said = [closed(setup, options.callers, options.sample) for setup in setups]
        rows.append([str(count), *(f"{number(each.throughput)} / {number(each.p95_ms)}" for each in said)])
    title = f"photos per second / p95 ms with {options.callers} under way, by instances of each model and largest batch"
    return "\n".join([title, *table(["instances", *map(str, batches)], rows)])


def capacity_text(times: Times, options: argparse.Namespace) -> str:
    """The capacity of some machines within a p95, and their hours for a million photos."""
    gpu = any(step.gpu for step in times.steps)
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


def _works() -> list[Work]:
    return [counted(step.name, MODEL_REPOSITORY / step.name / "1" / "model.onnx") for step in SLICED]


def _assumed(options: argparse.Namespace) -> Assumed:
    said = {one.name: getattr(options, one.name) for one in fields(Assumed)}
    return Assumed(**{name: int(value) if name in ("cores", "entries") else value for name, value in said.items()})


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The options."""
    parser = command.parser("loadtest.planning", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="step times of a server")
    add_arguments(measuring)
    measuring.add_argument("--seconds", type=float, default=3.0, help="for each figure of a model (%(default)s)")
    checking = commands.add_parser("check", help="the simulation against measured figures")
    checking.add_argument(
        "--measured", type=Path, default=Path("data/loadtest/compare/compare.json"), help="%(default)s"
    )
    tables = commands.add_parser("table", help="predictions")
    tables.add_argument("--instances", type=int, nargs="+", default=[1, 2, 4], help="of each model (1 2 4)")
    tables.add_argument("--batches", type=int, nargs="+", default=[1, 4, 8], help="largest batches, on GPUs (1 4 8)")
    tables.add_argument("--callers", type=int, default=16, help="for instances and batches (%(default)s)")
    tables.add_argument("--machines", type=int, nargs="+", default=[1, 2, 4, 8], help="(1 2 4 8)")
    tables.add_argument("--p95", type=float, default=1000.0, help="limit for the capacity, ms (%(default)s)")
    tables.add_argument("--sample", type=int, default=2000, help="photos simulated for a figure (%(default)s)")
    tables.add_argument("--price", type=float, help="of a machine for an hour, in any currency")
    slicing = commands.add_parser("slices", help="cards and MIG slices, estimated from the graphs")
    slicing.add_argument("--p95", type=float, default=100.0, help="limit for the capacity, ms (%(default)s)")
    slicing.add_argument("--sample", type=int, default=1000, help="photos simulated for a figure (%(default)s)")
    for one in fields(Assumed):
        option = f"--{one.name.replace('_', '-')}"
        slicing.add_argument(option, type=float, default=one.default, help="assumed (%(default)g)")
    for each in (measuring, checking, tables):
        each.add_argument("--steps", "--stages", type=Path, default=STEPS, help="file of the step times (%(default)s)")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where the server fails or a file is missing."""
    options = parse(argv)
    try:
        if options.command == "measure":
            cores = pin(options.cores)
            with host(options) as there:
                measure(there, cores, options.seconds).save(options.steps)
        if options.command == "slices":
            print(slices_text(_works(), _assumed(options), options.p95, options.sample))
            return 0
        times = Times.load(options.steps)
        if options.command == "measure":
            print(steps_text(times))
        elif options.command == "check":
            print(check_text(times, Comparison.load(options.measured)))
        else:
            print(variants_text(times, options), end="\n\n")
            print(capacity_text(times, options))
    except (ServerError, MintmarkError, FileNotFoundError) as error:
        return command.failed(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
