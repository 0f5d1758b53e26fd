"""Where the time goes: each model's queue, input, compute and output time, from Triton's own statistics.

    python -m loadtest.breakdown --url localhost:8001 --seconds 30     what a server does in the next half minute

Triton counts how long each request waited and how long its execution took. The table shows, for each model, this time
per photo. `busy` is the mean number of instances that execute at a time. Where it comes near the number of instances,
the model is the bottleneck.

On a CPU one model, `coin_embedding`, takes a photo through all steps up to the embedding. It reports on the server's
metrics port how long each step took.
"""

import argparse
import sys
import time
from pathlib import Path

from tritonclient.utils import InferenceServerException

from loadtest import command
from loadtest.breakdown.chart import save
from loadtest.breakdown.figures import Watch
from loadtest.counters import metrics_beside


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The options."""
    parser = command.parser("loadtest.breakdown", __doc__)
    parser.add_argument("--url", default="127.0.0.1:8001", help="HOST:PORT of the server's gRPC port (%(default)s)")
    parser.add_argument("--metrics", help="HOST:PORT of its metrics (port 8002 there)")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to watch (%(default)s)")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("data/loadtest/breakdown"),
        help="path of the files, without extension (%(default)s)",
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where the server does not answer, or answers no photo meanwhile."""
    options = parse(argv)
    try:
        watch = Watch(options.url, options.metrics or metrics_beside(options.url))
        time.sleep(options.seconds)
        result = watch.finish()
    except (InferenceServerException, ValueError) as error:
        return command.failed(error)
    print(result.text())
    save(result, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
