"""Where the time goes: each model's queue, input, compute and output time, from Triton's own statistics.

    python -m loadtest.breakdown --url localhost:8001 --seconds 30     what a server does in the next half minute

Triton counts for each request how long it waited and how long the execution took that it was a part of: what is shown
is each model's share of a photo's latency. `busy` is how much of the time the model's instances spent executing: where
it nears the number of instances, that model is the bottleneck.

On a CPU one model, `coin_embedding`, takes a photo through all steps up to the embedding. It tells on the server's
metrics port how long each of them took.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tritonclient.utils import InferenceServerException

from loadtest.breakdown_chart import draw
from loadtest.counters import Inside, metrics_beside, read_counts, read_inside, read_routes
from loadtest.shares import Breakdown, Reading, between


class Watch:
    """Readings of a server's counters at the beginning and at the end of a load.

    Args:
        url: HOST:PORT of its gRPC port.
        metrics: HOST:PORT of its metrics; where they cannot be reached, the steps inside a model are not told.

    Raises:
        InferenceServerException: the server does not answer.
    """

    def __init__(self, url: str, metrics: str) -> None:
        self._url, self._metrics = url, metrics
        self._routes, self._before = read_routes(url), self._read()

    def _read(self) -> Reading:
        return Reading(time.perf_counter(), read_counts(self._url), self._inside())

    def _inside(self) -> Inside:
        try:
            return read_inside(self._metrics)
        except OSError:
            return {}

    def finish(self) -> Breakdown:
        """What has happened since; ValueError where nothing has."""
        return between(self._before, self._read(), self._routes, self._metrics)


def save(breakdown: Breakdown, stem: Path) -> None:
    """Write the figures beside a picture: STEM.json, STEM.png."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(".json").write_text(json.dumps(asdict(breakdown), indent=2) + "\n")
    draw(breakdown, stem.with_suffix(".png"))


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where the server does not answer or answers nobody."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.breakdown", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="127.0.0.1:8001", help="HOST:PORT of the server's gRPC port (%(default)s)")
    parser.add_argument("--metrics", help="HOST:PORT of its metrics (port 8002 there)")
    parser.add_argument("--seconds", type=float, default=30.0, help="to watch (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("data/loadtest/breakdown"), help="stem of files (%(default)s)")
    options = parser.parse_args(argv)
    try:
        watch = Watch(options.url, options.metrics or metrics_beside(options.url))
        time.sleep(options.seconds)
        result = watch.finish()
    except (InferenceServerException, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(result.text())
    save(result, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
