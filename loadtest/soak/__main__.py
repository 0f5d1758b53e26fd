"""A long load of all kinds of users, and the server's memory meanwhile.

    python -m loadtest.soak --minutes 30
    python -m loadtest.soak --url 127.0.0.1:8001 --pid 4711 --minutes 240 --rate 3

Memory is that of all processes of the server together; pages that they share count once. Shared memory is what they
have in /dev/shm. Growth is the mean of the last quarter less the mean of the second quarter: caches and pools fill at
the beginning, a leak goes on.
"""

import argparse
import sys
from pathlib import Path

from loadtest import command
from loadtest.host import add_arguments, host, pin
from loadtest.locust.run import LOCUSTFILE, common, headless, read_rows, run_locust
from loadtest.soak.memory import Observer, draw, report, write_csv
from server.wheel import ServerError


def locust_arguments(options: argparse.Namespace) -> list[str]:
    """Locust's command line for these options."""
    words = [*headless(f"{round(60 * options.minutes)}s"), *common(options, options.users), "--shape", "soak"]
    return [*words, "--rate", str(options.rate), "--error-limit", "0", "--html", str(options.out / "report.html")]


def main(argv: list[str] | None = None) -> int:
    """Command line; Locust's exit status, 1 where the server fails."""
    parser = command.parser("loadtest.soak", __doc__)
    add_arguments(parser)
    parser.add_argument("--minutes", type=float, default=30.0, help="of load (%(default)s)")
    parser.add_argument("--users", type=int, default=10, help="most users at a time (%(default)s)")
    parser.add_argument("--rate", type=float, default=0.0, help="requests per second; 0: as fast as answered (0)")
    parser.add_argument("--out", type=Path, default=Path("data/loadtest/soak"), help="folder (%(default)s)")
    options = parser.parse_args(argv)
    pin(options.cores)
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        with host(options) as there:
            if there.tree is None:
                parser.error("--url needs --pid too: it is the server's memory that is watched")
            with Observer(there.tree) as observer:
                status = run_locust(LOCUSTFILE, there.url, locust_arguments(options), options.out / "locust.json")
    except ServerError as error:
        return command.failed(error)
    write_csv(observer.looks, options.out / "soak.csv")
    draw(observer.looks, options.out / "soak.png")
    total = read_rows(options.out / "locust.json")[-1]
    print(f"{total.requests} requests, {total.failures} failed\n{report(observer.looks)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
