"""Mintmark beside other ways to build the same: same photos, weights and cores, one run, answers checked equal.

    python -m loadtest.compare [--concurrency 1 4 16] [--rounds 5] [--seconds 10] [--out data/loadtest/compare]

mintmark                   the ensemble, through `mintmark.Client`
bare                       the limit: the same compiled models in a loop, without a server
fastapi + openvino         the best that one could build: the same compiled models, a process for each core
fastapi + pytorch          as one would write it in a day: float32, PyTorch's own threading, all requests at once
fastapi + pytorch, tuned   mixed precision, as many requests at once as there are cores, one thread each
fastapi + onnx             FastAPI and ONNX Runtime with the same graphs
separate calls             every step a call of its own to Triton, instead of the ensemble
release                    with --release: another checkout of Mintmark, in which `make models` has run

All contenders are started together and stay; one is under load at a time. A round loads every contender at every
concurrency; the next round begins with the next contender. Ratios are taken within a round and given with their spread
over rounds.
"""

import argparse
import sys
from collections.abc import Collection
from pathlib import Path

from loadtest import command
from loadtest.compare.aims import verdicts
from loadtest.compare.contenders.triton import Ensemble
from loadtest.compare.contenders.web_server import ContenderError
from loadtest.compare.figures import Comparison, draw
from loadtest.compare.rounds import check_answers, contenders, run_rounds, started
from loadtest.host import add_arguments, host, pin
from loadtest.tables import table
from server.wheel import ServerError

CHECKED = 6  # photos that every contender is asked about before the rounds


def options_parser() -> argparse.ArgumentParser:
    """The command line's parser."""
    parser = command.parser("loadtest.compare", __doc__)
    add_arguments(parser)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 16], help="requests under way (1 4 16)")
    parser.add_argument("--rounds", type=int, default=5, help="(%(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run (%(default)s)")
    parser.add_argument("--release", type=Path, metavar="FOLDER", help="another checkout of Mintmark that takes part")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="contenders besides mintmark (all)")
    parser.add_argument("--out", type=Path, default=Path("data/loadtest/compare"), help="folder (%(default)s)")
    return parser


def chosen(there: Collection[str], only: Collection[str]) -> list[str]:
    """The names of the contenders that take part: the reference, and those of `only`, or all where it is empty.

    Raises:
        ValueError: there is no contender of a name.
    """
    if unknown := sorted(set(only) - set(there)):
        raise ValueError(f"no contender {', '.join(unknown)}; there are: {', '.join(there)}")
    return [name for name in there if name == Ensemble.name or not only or name in only]


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where the answers differ or something does not start."""
    parser = options_parser()
    options = parser.parse_args(argv)
    cores = pin(options.cores)
    try:
        with host(options) as there:
            makers = contenders(there, cores, options.target, options.release)
            try:
                names = chosen(makers, options.only or ())
            except ValueError as error:
                parser.error(str(error))
            with started([makers[name] for name in names]) as running:
                check_answers(running, there.queries[:CHECKED])
                runs = run_rounds(running, there.queries, options.concurrency, options.rounds, options.seconds)
    except (ServerError, ContenderError) as error:
        return command.failed(error)
    comparison = Comparison(cores, runs)
    print(comparison.text())
    print("\n".join(["\naims, median over rounds", *table(["", "aim", "measured", ""], verdicts(comparison))]))
    comparison.save(options.out / "compare.json", options.seconds)
    draw(comparison, options.out / "compare.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
