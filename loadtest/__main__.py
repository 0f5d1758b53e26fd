"""Server, load and report in one command: Locust loads the ensembles, then a breakdown shows where the time went.

    python -m loadtest                                         a minute of 10 users, report in data/loadtest/run
    python -m loadtest --users 32 --shape spike --run-time 5m --p95-limit 2000 --error-limit 0.01
    python -m loadtest --users-of Recognizer --rate 5          five requests per second, however fast they are answered
    python -m loadtest --model segmentation --batch 4          one model alone
    python -m loadtest --web                                   Locust's web UI, until Ctrl-C
    python -m loadtest --url gpu-host:8001 --processes 8       eight processes load a server that runs already

All other options go to Locust: see `locust -f loadtest/locustfile.py --help`.
"""

import argparse
import sys
from pathlib import Path

from tritonclient.utils import InferenceServerException

from loadtest import command
from loadtest.breakdown.chart import save
from loadtest.breakdown.figures import Watch
from loadtest.breakdown.traces import draw, median, read_traces
from loadtest.host import add_arguments, host, pin
from loadtest.locust.run import LOCUSTFILE, MODELFILE, common, headless, run_locust
from server.wheel import ServerError

KINDS = ("Recognizer", "Embedder", "Enroller")


def parse(argv: list[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """The options, and the words that go to Locust."""
    parser = command.parser("loadtest", __doc__)
    add_arguments(parser)
    group = parser.add_argument_group("the load")
    group.add_argument("--users", type=int, default=10, help="most users at a time (%(default)s)")
    group.add_argument("--run-time", default="60s", help="such as 90s, 30m (%(default)s)")
    group.add_argument("--users-of", nargs="+", choices=KINDS, default=KINDS, help="kinds of users (all)")
    group.add_argument("--model", help="load this model alone, instead of the ensembles")
    group.add_argument("--web", action="store_true", help="Locust's web UI on http://127.0.0.1:8089")
    group.add_argument("--out", type=Path, default=Path("data/loadtest/run"), help="folder of the report (%(default)s)")
    return parser.parse_known_args(argv)


def locust_arguments(options: argparse.Namespace, rest: list[str]) -> list[str]:
    """Locust's command line for these options."""
    arguments = common(options, options.users)
    if options.web:
        arguments += ["--web-host", "127.0.0.1"]
    else:
        arguments += [*headless(options.run_time), "--html", str(options.out / "report.html")]
    arguments += ["--model", options.model] if options.model else list(options.users_of)
    return [*rest, *arguments]


def main(argv: list[str] | None = None) -> int:
    """Command line; Locust's exit status, 1 where the server fails."""
    options, rest = parse(argv)
    pin(options.cores)
    options.out.mkdir(parents=True, exist_ok=True)
    trace = options.out / "trace.json"
    trace.unlink(missing_ok=True)
    try:
        with host(options, trace.resolve()) as there:
            watch = Watch(there.url, there.metrics)
            locustfile = MODELFILE if options.model else LOCUSTFILE
            status = run_locust(locustfile, there.url, locust_arguments(options, rest), options.out / "locust.json")
            if not options.model:
                result = watch.finish()
                print(f"\n{result.text()}")
                save(result, options.out / "breakdown")
    except (ServerError, InferenceServerException, ValueError) as error:
        return command.failed(error)
    except KeyboardInterrupt:
        return 130
    if trace.is_file() and (traces := read_traces(trace)):
        draw(median(traces), options.out / "trace.png")
    print(f"\nreport: {options.out}")
    return status


if __name__ == "__main__":
    sys.exit(main())
