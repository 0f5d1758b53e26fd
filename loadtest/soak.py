"""A long load of all kinds of users, and what the server's memory does meanwhile.

    python -m loadtest.soak --minutes 30
    python -m loadtest.soak --url 127.0.0.1:8001 --pid 4711 --minutes 240 --rate 3

Memory is that of the server's processes together, pages that they share counted once; shared memory is what lies in
/dev/shm for them. Growth is the difference between the means of the last quarter and of the one after the first: caches
and pools fill at the beginning, a leak goes on.
"""

import argparse
import csv
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("agg")
from matplotlib import pyplot

from loadtest.host import add_arguments, host, pin
from loadtest.locust_run import LOCUSTFILE, common, headless, read_rows, run_locust
from loadtest.processes import ProcessTree
from loadtest.tables import number, table
from server import ServerError

INTERVAL = 5.0  # s between looks
MIB = 2**20


@dataclass(frozen=True)
class Look:
    """The server's memory at a moment."""

    minutes: float  # since the beginning
    memory_mib: float
    shared_mib: float  # in /dev/shm


class Observer:
    """Looks at a process tree again and again, in a thread; a context manager."""

    def __init__(self, tree: ProcessTree, interval: float = INTERVAL) -> None:
        self.looks: list[Look] = []
        self._tree, self._interval = tree, interval
        self._start, self._stop = time.monotonic(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while True:
            minutes = (time.monotonic() - self._start) / 60
            self.looks.append(Look(minutes, self._tree.memory() / MIB, self._tree.shared_memory() / MIB))
            if self._stop.wait(self._interval):
                return

    def __enter__(self) -> "Observer":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()


def growth(values: Sequence[float]) -> float:
    """Mean of the last quarter less that of the second."""
    quarter = max(1, len(values) // 4)
    return float(np.mean(values[-quarter:]) - np.mean(values[quarter : 2 * quarter] or values[:1]))


def report(looks: Sequence[Look]) -> str:
    """Memory at the beginning, at most and at the end, and its growth."""
    rows = []
    for title, values in (
        ("memory", [look.memory_mib for look in looks]),
        ("/dev/shm", [look.shared_mib for look in looks]),
    ):
        rows.append([title, *map(number, (values[0], max(values), values[-1], growth(values)))])
    return "\n".join(table(["MiB", "first", "most", "last", "growth"], rows))


def draw(looks: Sequence[Look], path: Path) -> None:
    """Both over time."""
    minutes = [look.minutes for look in looks]
    figure, axes = pyplot.subplots(2, 1, figsize=(9, 5), sharex=True, layout="constrained")
    for axis, values, title in (
        (axes[0], [look.memory_mib for look in looks], "memory of the server's processes, MiB"),
        (axes[1], [look.shared_mib for look in looks], "of the server in /dev/shm, MiB"),
    ):
        axis.plot(minutes, values, color="#08519c", linewidth=1.2)
        axis.set_title(title, loc="left", fontsize=10)
        axis.set_ylim(0, 1.15 * max(*values, 1.0))
        axis.spines[["top", "right"]].set_visible(False)
    axes[1].set_xlabel("minutes")
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def main(argv: list[str] | None = None) -> int:
    """Command line; Locust's exit status, 1 where the server fails or its processes are not known."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument("--minutes", type=float, default=30.0, help="(%(default)s)")
    parser.add_argument("--users", type=int, default=10, help="at a time (%(default)s)")
    parser.add_argument("--rate", type=float, default=0.0, help="requests per second; 0: as fast as answered (0)")
    parser.add_argument("--out", type=Path, default=Path("data/loadtest/soak"), help="folder (%(default)s)")
    options = parser.parse_args(argv)
    pin(options.cores)
    options.out.mkdir(parents=True, exist_ok=True)
    words = [*headless(f"{round(60 * options.minutes)}s"), *common(options, options.users), "--shape", "soak"]
    words += ["--rate", str(options.rate), "--error-limit", "0", "--html", str(options.out / "report.html")]
    try:
        with host(options) as there:
            if there.tree is None:
                parser.error("--url needs --pid too: it is the server's memory that is watched")
            with Observer(there.tree) as observer:
                status = run_locust(LOCUSTFILE, there.url, words, options.out / "locust.json")
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    with (options.out / "soak.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(Look))
        writer.writerows(map(astuple, observer.looks))
    draw(observer.looks, options.out / "soak.png")
    total = read_rows(options.out / "locust.json")[-1]
    print(f"{total.requests} requests, {total.failures} failed\n{report(observer.looks)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
