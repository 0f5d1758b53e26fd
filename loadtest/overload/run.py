"""The phases of an overload, their figures and their chart."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loadtest import charts
from loadtest.generator import Callers, Figures, Sample, figures
from loadtest.tables import number, table

REFUSALS = ("ServerBusy",)  # errors that say clearly: the server has too much to do
CALM = 0.5  # of the peak
FILLING = 0.25  # of the overload, at its beginning: the queues fill, and answers do not count for goodput
SLACK = 2.0  # of the calm p95: slower is not recovered
BINS = 60  # of the chart, at most


@dataclass(frozen=True)
class Overload:
    """The figures of an overload."""

    peaks: tuple[float, float]  # answers per second, before and after
    offered: float  # requests per second in the overload
    calm: Figures
    under: Figures  # requests sent in the overload when the queues were full, answered then or later
    answered: float  # per second at that time
    refused_ms: float  # p95 until a refusal
    recovery_s: float  # NaN where it took longer than the time watched
    samples: list[Sample]  # of overload and recovery; times since the overload began
    seconds: float  # of the overload

    @property
    def peak(self) -> float:
        """Answers per second that the server sustains: mean of before and after."""
        return sum(self.peaks) / 2

    @property
    def goodput(self) -> float:
        """Answers per second in the overload over the peak."""
        return self.answered / self.peak

    @property
    def unclear(self) -> dict[str, int]:
        """Failures in the overload or after that are no clear refusals, by kind."""
        kinds = [sample.failure for sample in self.samples if sample.failure and sample.failure not in REFUSALS]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}

    def text(self) -> str:
        """The figures as a table."""
        rows = [
            ["peak, answers per second, before and after", " ".join(map(number, self.peaks))],
            ["offered, requests per second", number(self.offered)],
            ["answered per second", number(self.answered)],
            ["goodput over peak", f"{self.goodput:.3f}"],
            ["calm: p50, p95, p99 ms", " ".join(map(number, (self.calm.p50_ms, self.calm.p95_ms, self.calm.p99_ms)))],
            [
                "accepted: p50, p95, p99 ms",
                " ".join(map(number, (self.under.p50_ms, self.under.p95_ms, self.under.p99_ms))),
            ],
            ["refused, by kind", str(self.under.failures or "none")],
            ["until a refusal, p95 ms", number(self.refused_ms)],
            ["failures that are no clear refusal", str(self.unclear or "none")],
            ["recovered after, s", number(self.recovery_s)],
        ]
        return "\n".join(table(["overload", ""], rows))


def recovery(samples: Sequence[Sample], end: float, bound: float) -> float:
    """Seconds from `end` until all later requests are answered within `bound` s; NaN where the last one is not."""
    after = [sample for sample in samples if sample.start >= end]
    bad = [sample.start for sample in after if sample.failure or sample.seconds > bound]
    if not after or (bad and bad[-1] == after[-1].start):
        return float("nan")
    return max(bad) - end if bad else 0.0


def provoke(callers: Callers, concurrency: int, factor: float, seconds: float, watched: float) -> Overload:
    """Find the peak, overload, and watch the recovery.

    Args:
        callers: send the load, each request once.
        concurrency: requests under way while the peak is measured.
        factor: offered rate over the peak.
        seconds: of each peak's measurement and of the overload.
        watched: seconds of calm after the overload.
    """
    before = _peak(callers, concurrency, seconds)
    calm = figures(callers.open([(CALM * before, seconds / 2)]), seconds / 2)
    samples = callers.open([(factor * before, seconds), (CALM * before, watched)])
    after = _peak(callers, concurrency, seconds)
    full, counted = FILLING * seconds, (1 - FILLING) * seconds
    under = figures([sample for sample in samples if full <= sample.start < seconds], counted)
    answered = [sample for sample in samples if full <= sample.end < seconds and not sample.failure]
    refused = [sample.seconds for sample in samples if sample.failure in REFUSALS]
    return Overload(
        (before, after),
        factor * before,
        calm,
        under,
        len(answered) / counted,
        1e3 * float(np.percentile(refused, 95)) if refused else float("nan"),
        recovery(samples, seconds, SLACK * calm.p95_ms / 1e3),
        samples,
        seconds,
    )


def _peak(callers: Callers, concurrency: int, seconds: float) -> float:
    """Answers per second in a closed loop."""
    start = time.perf_counter()
    samples = callers.closed(concurrency, seconds)
    return figures(samples, time.perf_counter() - start).throughput


def draw(result: Overload, path: Path) -> None:
    """Offered, answered and refused requests per second; below, the latency of every answer."""
    end = max(sample.end for sample in result.samples)
    width = max(1.0, end / BINS)
    edges = np.arange(0.0, end + width, width)
    answered = [sample for sample in result.samples if not sample.failure]
    lines = {
        "offered": ([sample.start for sample in result.samples], charts.LIGHT_GRAY),
        "answered": ([sample.end for sample in answered], charts.BLUE),
        "refused": ([sample.end for sample in result.samples if sample.failure in REFUSALS], charts.ORANGE),
        "failed": ([sample.end for sample in result.samples if sample.failure not in ("", *REFUSALS)], charts.RED),
    }
    with charts.panels(path, (9, 6.5), rows=2) as (_, (rates, times)):
        for label, (at, colour) in lines.items():
            if at:
                rates.stairs(np.histogram(at, edges)[0] / width, edges, label=label, color=colour, linewidth=1.8)
        rates.axhline(result.peak, color="black", linewidth=0.8, linestyle="--", label="peak")
        rates.set(ylabel="per second", ylim=(0, None))
        rates.legend(frameon=False, loc="upper right")
        times.plot([s.start for s in answered], [s.seconds for s in answered], ".", color=charts.BLUE, markersize=4)
        times.set(xlabel="seconds since the overload began", ylabel="latency of answers, s", ylim=(0, None))
        for panel in (rates, times):
            panel.axvline(result.seconds, color="gray", linewidth=0.8)
