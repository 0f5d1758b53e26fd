"""Looks at the memory of a process tree over time: growth, table and chart."""

import csv
import threading
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from loadtest import charts
from loadtest.processes import ProcessTree
from loadtest.tables import number, table

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
    """First, most and last memory, and its growth, as a table."""
    rows = [
        [title, *map(number, (values[0], max(values), values[-1], growth(values)))]
        for title, values in (
            ("memory", [look.memory_mib for look in looks]),
            ("/dev/shm", [look.shared_mib for look in looks]),
        )
    ]
    return "\n".join(table(["MiB", "first", "most", "last", "growth"], rows))


def write_csv(looks: Sequence[Look], path: Path) -> None:
    """All looks, one a row."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(Look))
        writer.writerows(map(astuple, looks))


def draw(looks: Sequence[Look], path: Path) -> None:
    """Memory and shared memory over time, one below the other."""
    minutes = [look.minutes for look in looks]
    with charts.panels(path, (9, 5), rows=2) as (_, (memory, shared)):
        for panel, values, title in (
            (memory, [look.memory_mib for look in looks], "memory of the server's processes, MiB"),
            (shared, [look.shared_mib for look in looks], "of the server in /dev/shm, MiB"),
        ):
            panel.plot(minutes, values, color=charts.BLUE, linewidth=1.2)
            panel.set_title(title, loc="left", fontsize=10)
            panel.set_ylim(0, 1.15 * max(*values, 1.0))
        shared.set_xlabel("minutes")
