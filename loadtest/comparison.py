"""What a comparison measures, as values, as ratios with their spread, as tables and as a picture."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("agg")
from matplotlib import pyplot

from loadtest.contenders.base import Contender
from loadtest.generator import figures
from loadtest.processes import PeakMemory, ProcessTree
from loadtest.tables import number, table


@dataclass(frozen=True)
class Run:
    """One contender under load for some seconds."""

    contender: str
    concurrency: int
    round: int
    throughput: float  # photos per second
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_s: float  # CPU seconds per photo, those of the caller included; NaN where the server's are not known
    memory_mib: float  # peak of the contender's processes; NaN where they are not known
    failures: dict[str, int]


MEASURES: dict[str, Callable[[Run], float]] = {
    "photos/s": lambda run: run.throughput,
    "p50 ms": lambda run: run.p50_ms,
    "p95 ms": lambda run: run.p95_ms,
    "p99 ms": lambda run: run.p99_ms,
    "CPU s/photo": lambda run: run.cpu_s,
    "peak MiB": lambda run: run.memory_mib,
}


def measure(contender: Contender, photos: Sequence[bytes], concurrency: int, seconds: float, turn: int) -> Run:
    """Load a contender and take its figures; `turn` is the round's number."""
    tree = contender.tree
    before = _cpu_seconds(tree)
    start = time.perf_counter()
    with PeakMemory(tree) as memory:
        samples = contender.load(photos, concurrency, seconds)
        elapsed = time.perf_counter() - start
    used = _cpu_seconds(tree) - before
    result = figures(samples, elapsed)
    return Run(
        contender.name,
        concurrency,
        turn,
        result.throughput,
        result.p50_ms,
        result.p95_ms,
        result.p99_ms,
        used / max(result.answered, 1),
        memory.bytes / 2**20 if tree else float("nan"),
        result.failures,
    )


def _cpu_seconds(tree: ProcessTree | None) -> float:
    """CPU time of a server and of this process, which asks it."""
    return time.process_time() + (tree.cpu_seconds() if tree else float("nan"))


@dataclass(frozen=True)
class Spread:
    """A figure over rounds."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        if self.low == self.high or self.median != self.median:
            return number(self.median)
        return f"{number(self.median)} [{number(self.low)} … {number(self.high)}]"


def spread(values: Sequence[float]) -> Spread:
    """Median, least and largest."""
    return Spread(float(np.median(values)), min(values), max(values))


@dataclass(frozen=True)
class Comparison:
    """All runs of a comparison; the first contender is what the others are held against."""

    cores: int
    runs: list[Run]

    @property
    def names(self) -> list[str]:
        """Contenders: the reference, then the others by name as they came."""
        return sorted({run.contender for run in self.runs}, key=[run.contender for run in self.runs].index)

    @property
    def concurrencies(self) -> list[int]:
        """At how many requests under way."""
        return sorted({run.concurrency for run in self.runs})

    def values(self, name: str, concurrency: int, figure: Callable[[Run], float]) -> list[float]:
        """A figure of one contender at one concurrency, by round."""
        chosen = [run for run in self.runs if (run.contender, run.concurrency) == (name, concurrency)]
        return [figure(run) for run in sorted(chosen, key=lambda run: run.round)]

    def ratio(self, name: str, other: str, concurrency: int, figure: Callable[[Run], float]) -> Spread:
        """A figure of one contender over that of another, taken in each round."""
        pairs = zip(self.values(name, concurrency, figure), self.values(other, concurrency, figure), strict=True)
        return spread([one / two if two else float("nan") for one, two in pairs])

    def text(self) -> str:
        """The tables: values, ratios to the reference, and failures where there are any."""
        reference = self.names[0]
        parts = []
        for concurrency in self.concurrencies:
            values = [
                [name, *(str(spread(self.values(name, concurrency, figure))) for figure in MEASURES.values())]
                for name in self.names
            ]
            ratios = [
                [name, *(str(self.ratio(name, reference, concurrency, figure)) for figure in MEASURES.values())]
                for name in self.names[1:]
            ]
            parts += [f"\n{concurrency} under way, {self.cores} cores: median [least … most] over rounds"]
            parts += table(["contender", *MEASURES], values)
            parts += [f"\n… over {reference}", *table(["contender", *MEASURES], ratios)]
        for run in self.runs:
            if run.failures:
                parts.append(
                    f"failures: {run.contender}, {run.concurrency} under way, round {run.round}: {run.failures}"
                )
        return "\n".join(parts)


def draw(comparison: Comparison, path: Path) -> None:
    """Throughput, p95 and CPU time of every contender at every concurrency, whiskers from least to most."""
    shown = ("photos/s", "p95 ms", "CPU s/photo")
    figure, axes = pyplot.subplots(1, len(shown), figsize=(4.6 * len(shown), 4.6), layout="constrained")
    names, places = comparison.names, np.arange(len(comparison.concurrencies))
    width = 0.8 / len(names)
    colours = ["black", *matplotlib.color_sequences["tab10"]]
    for axis, measure_name in zip(axes, shown, strict=True):
        for place, name in enumerate(names):
            spreads = [
                spread(comparison.values(name, concurrency, MEASURES[measure_name]))
                for concurrency in comparison.concurrencies
            ]
            middle = np.array([each.median for each in spreads])
            reach = np.array([[each.median - each.low, each.high - each.median] for each in spreads]).T
            at = places + (place - (len(names) - 1) / 2) * width
            axis.bar(at, middle, width * 0.9, yerr=reach, capsize=2, color=colours[place], label=name, ecolor="gray")
        axis.set_xticks(places, [str(concurrency) for concurrency in comparison.concurrencies])
        axis.set(xlabel="requests under way", title=measure_name)
        axis.spines[["top", "right"]].set_visible(False)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
