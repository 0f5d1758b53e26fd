"""More than the server can do: what it answers meanwhile, how it refuses the rest, how soon it is itself again.

    python -m loadtest.overload                        on a server that is started for it
    python -m loadtest.overload --load-cores 1         the same, and what sends has a core of its own
    python -m loadtest.overload --url gpu-host:8001 --factor 4 --seconds 60

1. Peak: many callers in a closed loop; the answers per second are the peak, and the sustainable rate.
2. Calm: half of that rate, for the latency that an unloaded server has.
3. Overload: `--factor` times the peak at a constant rate, whatever becomes of the requests. Goodput is what is answered
   per second, in the part that is left when the queues have filled.
4. Recovery: calm again; recovered is when, from then on, all is answered within twice the calm p95.
5. Peak once more: goodput is held against the mean of both, since machines are now faster, now slower.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("agg")
from matplotlib import pyplot

from loadtest.crew import Crew
from loadtest.generator import Callers, Figures, Sample, figures
from loadtest.host import add_arguments, host, pin
from loadtest.tables import number, table
from server import ServerError

REFUSALS = ("ServerBusy",)  # what says clearly that the server has too much to do
CALM = 0.5  # of the peak
FILLING = 0.25  # of the overload, at its beginning, that does not count for goodput
SLACK = 2.0  # of the calm p95: slower is not recovered
BINS = 60  # of the picture, at most


@dataclass(frozen=True)
class Overload:
    """What an overload showed."""

    peaks: tuple[float, float]  # answers per second, before and after
    offered: float  # requests per second in the overload
    calm: Figures
    under: Figures  # what was sent in the overload when the queues were full; answered then or later
    answered: float  # per second at that time
    refused_ms: float  # p95 until a refusal
    recovery_s: float  # NaN: not within the time that was watched
    samples: list[Sample]  # of overload and recovery; times count from the overload's beginning
    seconds: float  # of the overload

    @property
    def peak(self) -> float:
        """Answers per second that the server sustains, mean of before and after."""
        return sum(self.peaks) / 2

    @property
    def goodput(self) -> float:
        """Share of the peak that was answered in the overload."""
        return self.answered / self.peak

    @property
    def unclear(self) -> dict[str, int]:
        """Failures, in the overload or after, that are no clear refusals; by kind."""
        kinds = [sample.failure for sample in self.samples if sample.failure and sample.failure not in REFUSALS]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}

    def text(self) -> str:
        """The figures for people."""
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
    """Seconds from `end` until everything sent is answered within `bound` seconds; NaN where the last one is not."""
    after = [sample for sample in samples if sample.start >= end]
    bad = [sample.start for sample in after if sample.failure or sample.seconds > bound]
    if not after or (bad and bad[-1] == after[-1].start):
        return float("nan")
    return max(bad) - end if bad else 0.0


def provoke(callers: Callers, concurrency: int, factor: float, seconds: float, watched: float) -> Overload:
    """Find the peak, overload, and watch the recovery.

    Args:
        callers: where the load comes from; requests are sent once.
        concurrency: under way when the peak is looked for.
        factor: of the peak that is offered.
        seconds: of the peak's search and of the overload.
        watched: s after the overload.
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
    """Offered, answered and refused per second; below, the latency of every answer."""
    end = max(sample.end for sample in result.samples)
    width = max(1.0, end / BINS)
    edges = np.arange(0.0, end + width, width)
    figure, (rates, times) = pyplot.subplots(2, 1, figsize=(9, 6.5), sharex=True, layout="constrained")
    lines = {
        "offered": ([sample.start for sample in result.samples], "#c9c9c9"),
        "answered": ([sample.end for sample in result.samples if not sample.failure], "#08519c"),
        "refused": ([sample.end for sample in result.samples if sample.failure in REFUSALS], "#fdae6b"),
        "failed": ([sample.end for sample in result.samples if sample.failure not in ("", *REFUSALS)], "#cb181d"),
    }
    for label, (at, colour) in lines.items():
        if at:
            rates.stairs(np.histogram(at, edges)[0] / width, edges, label=label, color=colour, linewidth=1.8)
    rates.axhline(result.peak, color="black", linewidth=0.8, linestyle="--", label="peak")
    rates.set(ylabel="per second", ylim=(0, None))
    rates.legend(frameon=False, loc="upper right")
    answered = [sample for sample in result.samples if not sample.failure]
    times.plot([s.start for s in answered], [s.seconds for s in answered], ".", color="#08519c", markersize=4)
    times.set(xlabel="seconds since the overload began", ylabel="latency of answers, s", ylim=(0, None))
    for axes in (rates, times):
        axes.axvline(result.seconds, color="gray", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


@contextmanager
def _loaded(options: argparse.Namespace) -> Iterator[Crew]:
    """The server, and a crew that sends to it; each on cores of its own where that is wanted."""
    cores = sorted(os.sched_getaffinity(0))
    if not 0 <= options.load_cores < len(cores):
        raise ServerError(f"{options.load_cores} of {len(cores)} cores for the load leave none to the server")
    os.sched_setaffinity(0, cores[: len(cores) - options.load_cores])
    with host(options) as there:
        os.sched_setaffinity(0, cores[-options.load_cores :])
        with Crew(there.url, there.queries, options.processes) as crew:
            yield crew


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where the server fails or a failure is no clear refusal."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.overload", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument("--factor", type=float, default=4.0, help="of the peak that is offered (%(default)s)")
    parser.add_argument("--callers", type=int, default=16, help="under way at the peak (%(default)s)")
    parser.add_argument("--processes", type=int, default=1, help="that send (%(default)s)")
    parser.add_argument(
        "--load-cores", type=int, default=0, help="for what sends, taken from a server that is started here (none)"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of overload (%(default)s)")
    parser.add_argument("--watched", type=float, default=60.0, help="seconds after it (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("data/loadtest/overload"), help="folder (%(default)s)")
    options = parser.parse_args(argv)
    pin(options.cores)
    try:
        with _loaded(options) as crew:
            result = provoke(crew, options.callers, options.factor, options.seconds, options.watched)
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(result.text())
    options.out.mkdir(parents=True, exist_ok=True)
    record = {"peak": result.peak, "goodput": result.goodput, **asdict(result)}
    (options.out / "overload.json").write_text(json.dumps(record, indent=2) + "\n")
    draw(result, options.out / "overload.png")
    return 1 if result.unclear else 0


if __name__ == "__main__":
    sys.exit(main())
