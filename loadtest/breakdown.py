"""Where the time goes: each model's queue, input, compute and output time, from Triton's own statistics.

    python -m loadtest.breakdown --url localhost:8001 --seconds 30     what a server does in the next half minute

Triton counts for each request how long it waited and how long the execution took that it was a part of: what is shown
is each model's share of a photo's latency. `busy` is how much of the time the model's instances spent executing: where
it nears the number of instances, that model is the bottleneck.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

matplotlib.use("agg")
from matplotlib import pyplot

from ensemble.contract import ENSEMBLES
from ensemble.graph import STEPS
from loadtest.tables import number, table

PARTS = ("queue", "compute_input", "compute_infer", "compute_output")
LABELS = ("queue", "input", "compute", "output")
COLOURS = ("#c9c9c9", "#9ecae1", "#08519c", "#fdae6b")
ORDER = list(dict.fromkeys(model.name for steps in STEPS.values() for model in steps))
ASKED = {model.name for model in ENSEMBLES}

Counts = dict[str, dict[str, int]]  # by model: counters since the server's start, times in ns


@dataclass(frozen=True)
class Share:
    """One model's share of a photo's latency; times in ms per photo."""

    model: str
    calls: float  # per photo
    batch: float  # mean size
    queue: float
    compute_input: float
    compute_infer: float
    compute_output: float
    busy: float  # executions under way, mean

    @property
    def total(self) -> float:
        """All four parts, ms per photo."""
        return self.queue + self.compute_input + self.compute_infer + self.compute_output


@dataclass(frozen=True)
class Breakdown:
    """What a server did for some time."""

    seconds: float
    photos: int  # answered by the ensembles
    latency: float  # of the ensembles in the server, mean, ms
    shares: list[Share]

    @property
    def between(self) -> float:
        """What the ensembles take beside their models: handing tensors on, ms per photo.

        Below zero where large batches are under way: a photo's next step begins while its batch is still being closed.
        """
        return self.latency - sum(share.total for share in self.shares)

    def text(self) -> str:
        """The table."""
        rows = [
            [
                share.model,
                *map(number, (share.calls, share.batch)),
                *(f"{getattr(share, part):.2f}" for part in PARTS),
                f"{share.total:.2f}",
                f"{share.busy:.2f}",
            ]
            for share in self.shares
        ]
        rows.append(["between the steps", *[""] * 6, f"{self.between:.2f}", ""])
        rows.append(["latency in the server", *[""] * 6, f"{self.latency:.2f}", ""])
        header = ["ms per photo", "calls", "batch", *LABELS, "sum", "busy"]
        rate = f"{self.photos} photos in {self.seconds:.0f} s"
        return "\n".join([rate, *table(header, rows)])

    def save(self, stem: Path) -> None:
        """Write the figures beside a picture: STEM.json, STEM.png."""
        stem.parent.mkdir(parents=True, exist_ok=True)
        stem.with_suffix(".json").write_text(json.dumps(asdict(self), indent=2) + "\n")
        draw(self, stem.with_suffix(".png"))


def read_counts(url: str) -> Counts:
    """A server's counters.

    Raises:
        InferenceServerException: the server does not answer.
    """
    with triton.InferenceServerClient(url) as client:
        answer = client.get_inference_statistics()
    return {model.name: _flat(model) for model in answer.model_stats}


def _flat(model: Any) -> dict[str, int]:
    stats = model.inference_stats
    counts = {f"{part} ns": getattr(stats, part).ns for part in PARTS}
    busy = sum(each.compute_input.ns + each.compute_infer.ns + each.compute_output.ns for each in model.batch_stats)
    return counts | {
        "requests": stats.success.count,
        "success ns": stats.success.ns,
        "pictures": model.inference_count,
        "executions": model.execution_count,
        "busy ns": busy,
    }


def between(before: Counts, after: Counts, seconds: float) -> Breakdown:
    """What happened between two readings that lie so many seconds apart.

    Raises:
        ValueError: the ensembles answered nothing in between.
    """
    change = {
        name: {key: value - before.get(name, {}).get(key, 0) for key, value in counts.items()}
        for name, counts in after.items()
    }
    asked = [change[name] for name in ASKED if name in change]
    photos = sum(counts["pictures"] for counts in asked)
    if not photos:
        raise ValueError("no ensemble has answered a photo meanwhile: there is nothing to break down")
    latency = sum(counts["success ns"] for counts in asked) / photos / 1e6
    used = [name for name in ORDER if change.get(name, {}).get("requests")]
    shares = [_share(name, change[name], photos, seconds) for name in used]
    return Breakdown(seconds, photos, latency, shares)


def _share(name: str, counts: dict[str, int], photos: int, seconds: float) -> Share:
    return Share(
        name,
        calls=counts["requests"] / photos,
        batch=counts["pictures"] / max(counts["executions"], 1),
        busy=counts["busy ns"] / 1e9 / seconds,
        **{part: counts[f"{part} ns"] / photos / 1e6 for part in PARTS},
    )


class Watch:
    """Readings of a server's counters at the beginning and at the end of a load."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._before, self._start = read_counts(url), time.perf_counter()

    def finish(self) -> Breakdown:
        """What has happened since; ValueError where nothing has."""
        return between(self._before, read_counts(self._url), time.perf_counter() - self._start)


def draw(breakdown: Breakdown, path: Path) -> None:
    """One bar for each model, stacked of its four parts, and one for what lies between them."""
    names = [share.model for share in breakdown.shares] + ["between the steps"]
    figure, axes = pyplot.subplots(figsize=(9, 0.55 * len(names) + 1.6), layout="constrained")
    left = [0.0] * len(names)
    for part, label, colour in zip(PARTS, LABELS, COLOURS, strict=True):
        widths = [getattr(share, part) for share in breakdown.shares] + [0.0]
        axes.barh(names, widths, left=left, color=colour, label=label)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.barh(names[-1], max(breakdown.between, 0.0), color="#636363")
    left[-1] = max(breakdown.between, 0.0)
    totals = [share.total for share in breakdown.shares] + [breakdown.between]
    for row, (end, total) in enumerate(zip(left, totals, strict=True)):
        axes.annotate(f"{total:.1f}", (end, row), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.1 * max(left))
    axes.set_xlabel("ms per photo")
    rate = breakdown.photos / breakdown.seconds
    axes.set_title(f"{breakdown.latency:.0f} ms in the server, {rate:.1f} photos per second", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where the server does not answer or answers nobody."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.breakdown", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="127.0.0.1:8001", help="HOST:PORT of the server's gRPC port (%(default)s)")
    parser.add_argument("--seconds", type=float, default=30.0, help="to watch (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("data/loadtest/breakdown"), help="stem of files (%(default)s)")
    options = parser.parse_args(argv)
    try:
        watch = Watch(options.url)
        time.sleep(options.seconds)
        result = watch.finish()
    except (InferenceServerException, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(result.text())
    result.save(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
