"""The figures of a comparison: values, ratios with their spread, tables and a chart."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from loadtest import charts
from loadtest.command import write_json
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
    cpu_s: float  # CPU seconds per photo, the caller's included; NaN where the server's processes are not given
    memory_mib: float  # peak of the contender's processes; NaN where they are not given
    failures: dict[str, int]


MEASURES: dict[str, Callable[[Run], float]] = {
    "photos/s": lambda run: run.throughput,
    "p50 ms": lambda run: run.p50_ms,
    "p95 ms": lambda run: run.p95_ms,
    "p99 ms": lambda run: run.p99_ms,
    "CPU s/photo": lambda run: run.cpu_s,
    "peak MiB": lambda run: run.memory_mib,
}


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
    """All runs of a comparison; the first contender is the reference for the others."""

    cores: int
    runs: list[Run]

    @property
    def names(self) -> list[str]:
        """Contenders in the order of the first round: the reference first."""
        return sorted({run.contender for run in self.runs}, key=[run.contender for run in self.runs].index)

    @property
    def concurrencies(self) -> list[int]:
        """The numbers of requests under way."""
        return sorted({run.concurrency for run in self.runs})

    def save(self, path: Path, seconds: float) -> None:
        """Write as JSON; `seconds` is the length of each run."""
        write_json(path, {"cores": self.cores, "seconds": seconds, "runs": [asdict(run) for run in self.runs]})

    @classmethod
    def load(cls, path: Path) -> "Comparison":
        """Read a file of `save`."""
        record = json.loads(path.read_text())
        return cls(record["cores"], [Run(**run) for run in record["runs"]])

    def values(self, name: str, concurrency: int, figure: Callable[[Run], float]) -> list[float]:
        """A figure of one contender at one concurrency, by round."""
        chosen = [run for run in self.runs if (run.contender, run.concurrency) == (name, concurrency)]
        return [figure(run) for run in sorted(chosen, key=lambda run: run.round)]

    def ratio(self, name: str, other: str, concurrency: int, figure: Callable[[Run], float]) -> Spread:
        """A figure of one contender over that of another, taken within each round."""
        pairs = zip(self.values(name, concurrency, figure), self.values(other, concurrency, figure), strict=True)
        return spread([one / two if two else float("nan") for one, two in pairs])

    def text(self) -> str:
        """The tables of values and of ratios to the reference, and all failures."""
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
    """Throughput, p95 and CPU time of every contender at every concurrency; whiskers from least to most."""
    shown = ("photos/s", "p95 ms", "CPU s/photo")
    names, concurrencies = comparison.names, comparison.concurrencies
    groups, width = np.arange(len(concurrencies)), 0.8 / len(names)
    colours = ["black", *matplotlib.color_sequences["tab10"]]
    with charts.panels(path, (4.6 * len(shown), 4.6), columns=len(shown)) as (figure, axes):
        for axis, measure in zip(axes, shown, strict=True):
            for index, name in enumerate(names):
                spreads = [spread(comparison.values(name, each, MEASURES[measure])) for each in concurrencies]
                middle = np.array([each.median for each in spreads])
                reach = np.array([[each.median - each.low, each.high - each.median] for each in spreads]).T
                at = groups + (index - (len(names) - 1) / 2) * width
                style: dict[str, Any] = {"capsize": 2, "color": colours[index], "ecolor": "gray"}
                axis.bar(at, middle, width * 0.9, yerr=reach, label=name, **style)
            axis.set_xticks(groups, [str(each) for each in concurrencies])
            axis.set(xlabel="requests under way", title=measure)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
