"""Mintmark beside what one would build instead: same photos, weights and cores, one run, answers checked equal.

    python -m loadtest.compare [--concurrency 1 4 16] [--rounds 5] [--seconds 10] [--out data/loadtest/compare]

mintmark                   the ensemble, through `mintmark.Client`
bare                       the same compiled models in a loop without any server: the limit
fastapi + pytorch          as one would write it in a day: float32, PyTorch's own threading, all requests at once
fastapi + pytorch, tuned   mixed precision, as many at once as there are cores, on one thread each
fastapi + onnx             FastAPI and ONNX Runtime with the same graphs
separate calls             every step a call of its own to Triton, instead of the ensemble

All of them stay started, one is under load at a time. Rounds are interleaved: each goes through all contenders, in an
order that shifts by one, at every concurrency. Ratios are taken within a round and given with their spread over rounds.
"""

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from ensemble.graph import Target
from loadtest.comparison import MEASURES, Comparison, Run, draw, measure
from loadtest.contenders.bare import Bare
from loadtest.contenders.base import Contender, difference
from loadtest.contenders.separate import Separate
from loadtest.contenders.served import Served
from loadtest.contenders.web_server import ContenderError, Web
from loadtest.host import Host, add_arguments, host, pin
from loadtest.tables import table
from server import ServerError

CHECKED = 6  # photos that every contender is asked about before the rounds
PYTORCH, PYTORCH_TUNED, ONNX = "fastapi + pytorch", "fastapi + pytorch, tuned", "fastapi + onnx"
WARM_UP = 2.0  # s of load on every contender before the rounds


class Aim(NamedTuple):
    """What mintmark's figure over that of another contender is to be."""

    other: str
    figure: str
    sign: str
    bound: float


# With one request under way, and with more.
AIMS: dict[bool, list[Aim]] = {
    False: [Aim(Bare.name, "p50 ms", "≤", 1.15)],
    True: [
        Aim(Bare.name, "photos/s", "≥", 0.90),
        Aim(PYTORCH, "photos/s", "≥", 3.0),
        Aim(PYTORCH_TUNED, "photos/s", "≥", 3.0),
        Aim(ONNX, "photos/s", "≥", 1.0),
        Aim(ONNX, "p95 ms", "≤", 1.0),
        Aim(Separate.name, "photos/s", "≥", 1.0),
        Aim(Separate.name, "p95 ms", "≤", 1.0),
    ],
}


def contenders(there: Host, cores: int, target: Target) -> dict[str, Callable[[], Contender]]:
    """How each contender is started, by name. Those without Mintmark's server need its catalog's folder."""
    if there.catalog is None:
        return {Served.name: lambda: Served(there), Separate.name: lambda: Separate(there.url, there.tree)}
    catalog = there.catalog

    def web(name: str, module: str, threads: int, *more: str) -> Callable[[], Contender]:
        arguments = ["--catalog", str(catalog), "--threads", str(threads), *more]
        return lambda: Web(name, f"loadtest.contenders.{module}", arguments)

    return {
        Served.name: lambda: Served(there),  # the reference first
        Separate.name: lambda: Separate.with_server(catalog, target),
        Bare.name: lambda: Bare(catalog, cores),
        PYTORCH: web(PYTORCH, "pytorch_app", cores),
        PYTORCH_TUNED: web(PYTORCH_TUNED, "pytorch_app", 1, "--bfloat16", "--at-once", str(cores)),
        ONNX: web(ONNX, "onnx_app", cores),
    }


@contextlib.contextmanager
def started(makers: Sequence[Callable[[], Contender]]) -> Iterator[list[Contender]]:
    """The contenders, running."""
    with contextlib.ExitStack() as stack:
        running = []
        for make in tqdm(makers, desc="starting", unit="contender", leave=False):
            running.append(make())
            stack.callback(running[-1].close)
        yield running


def check_answers(running: Sequence[Contender], photos: Sequence[bytes]) -> None:
    """Ask every contender about the same photos.

    Raises:
        ContenderError: one answers otherwise than the first.
    """
    for number, photo in enumerate(photos):
        expected = running[0].answer(photo)
        for contender in running[1:]:
            if problem := difference(expected, contender.answer(photo)):
                raise ContenderError(f"photo {number}: {running[0].name} and {contender.name}: {problem}")


def run_rounds(
    running: Sequence[Contender], photos: Sequence[bytes], concurrencies: Sequence[int], rounds: int, seconds: float
) -> list[Run]:
    """Load every contender at every concurrency in every round."""
    for contender in running:
        contender.load(photos, max(concurrencies), WARM_UP)
    runs = []
    plan = [
        (number, concurrency, running[(number + place) % len(running)])
        for number in range(rounds)
        for concurrency in concurrencies
        for place in range(len(running))
    ]
    for number, concurrency, contender in tqdm(plan, desc="measuring", unit="run"):
        runs.append(measure(contender, photos, concurrency, seconds, number))
    return runs


def verdicts(comparison: Comparison) -> list[list[str]]:
    """Rows that hold the aims against what was measured, as far as their contenders took part."""
    aims = [(aim, under_way) for under_way in comparison.concurrencies for aim in AIMS[under_way > 1]]
    return [_verdict(comparison, aim, under_way) for aim, under_way in aims if aim.other in comparison.names]


def _verdict(comparison: Comparison, aim: Aim, under_way: int) -> list[str]:
    ratio = comparison.ratio(Served.name, aim.other, under_way, MEASURES[aim.figure])
    holds = ratio.median >= aim.bound if aim.sign == "≥" else ratio.median <= aim.bound
    title = f"{aim.figure} over {aim.other}, {under_way} under way"
    return [title, f"{aim.sign} {aim.bound:g}", str(ratio), "holds" if holds else "MISSED"]


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where the answers differ or something does not start."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 16], help="(1 4 16)")
    parser.add_argument("--rounds", type=int, default=5, help="(%(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run (%(default)s)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="contenders besides mintmark (all)")
    parser.add_argument("--out", type=Path, default=Path("data/loadtest/compare"), help="folder (%(default)s)")
    options = parser.parse_args(argv)
    cores = pin(options.cores)
    try:
        with host(options) as there:
            makers = contenders(there, cores, options.target)
            unknown = sorted(set(options.only or ()) - set(makers))
            if unknown:
                parser.error(f"no contender {', '.join(unknown)}; there are: {', '.join(makers)}")
            chosen = [name for name in makers if name == Served.name or not options.only or name in options.only]
            with started([makers[name] for name in chosen]) as running:
                check_answers(running, there.queries[:CHECKED])
                runs = run_rounds(running, there.queries, options.concurrency, options.rounds, options.seconds)
    except (ServerError, ContenderError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    comparison = Comparison(cores, runs)
    print(comparison.text())
    print(
        "\n".join(["\nwhat is aimed at, median over rounds", *table(["", "aim", "measured", ""], verdicts(comparison))])
    )
    options.out.mkdir(parents=True, exist_ok=True)
    record = {"cores": cores, "seconds": options.seconds, "runs": [asdict(run) for run in runs]}
    (options.out / "compare.json").write_text(json.dumps(record, indent=2) + "\n")
    draw(comparison, options.out / "compare.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
