"""More load than the server can answer: what it still answers, how it refuses the rest, how soon it recovers.

    python -m loadtest.overload                        on a server that is started for it
    python -m loadtest.overload --load-cores 1         the same; the load has a core of its own
    python -m loadtest.overload --url gpu-host:8001 --factor 4 --seconds 60

1. Peak: many callers in a closed loop. Their answers per second are the peak, the rate that the server sustains.
2. Calm: half of that rate, for the latency of a server that is not loaded.
3. Overload: `--factor` times the peak at a constant rate, however fast requests are answered. Goodput is the number of
   answers per second after the queues have filled.
4. Recovery: calm again. The server has recovered when all later requests are answered within twice the calm p95.
5. Peak once more: goodput is compared with the mean of both peaks, since a machine's speed changes.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from loadtest import command
from loadtest.host import add_arguments, host, pin
from loadtest.overload.crew import Crew
from loadtest.overload.run import draw, provoke
from server.wheel import ServerError


@contextmanager
def _loaded(options: argparse.Namespace) -> Iterator[Crew]:
    """The server and the crew that loads it, each on cores of its own where `--load-cores` asks for it."""
    cores = sorted(os.sched_getaffinity(0))
    if not 0 <= options.load_cores < len(cores):
        raise ServerError(f"{options.load_cores} of {len(cores)} cores for the load leave none to the server")
    os.sched_setaffinity(0, cores[: len(cores) - options.load_cores])
    with host(options) as there:
        os.sched_setaffinity(0, cores[-options.load_cores :])
        with Crew(there.url, there.queries, options.processes) as crew:
            yield crew


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where the server fails, or a request fails other than by a clear refusal."""
    parser = command.parser("loadtest.overload", __doc__)
    add_arguments(parser)
    parser.add_argument("--factor", type=float, default=4.0, help="offered rate over the peak (%(default)s)")
    parser.add_argument("--callers", type=int, default=16, help="requests under way at the peak (%(default)s)")
    parser.add_argument("--processes", type=int, default=1, help="that send (%(default)s)")
    parser.add_argument(
        "--load-cores", type=int, default=0, help="cores for the load alone; a server started here gets the rest (none)"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of overload (%(default)s)")
    parser.add_argument("--watched", type=float, default=60.0, help="seconds of calm after it (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("data/loadtest/overload"), help="folder (%(default)s)")
    options = parser.parse_args(argv)
    pin(options.cores)
    try:
        with _loaded(options) as crew:
            result = provoke(crew, options.callers, options.factor, options.seconds, options.watched)
    except ServerError as error:
        return command.failed(error)
    print(result.text())
    record = {"peak": result.peak, "goodput": result.goodput, **asdict(result)}
    command.write_json(options.out / "overload.json", record)
    draw(result, options.out / "overload.png")
    return 1 if result.unclear else 0


if __name__ == "__main__":
    sys.exit(main())
