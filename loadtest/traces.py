"""One request from beginning to end: when each model waited and computed, from Triton's traces.

    python -m loadtest.traces trace.json [--out trace.png]

The file is what Triton writes when it is started with `--trace-config triton,file=trace.json --trace-config
level=TIMESTAMPS --trace-config rate=5`; the embedded server does that for `python -m loadtest`. Drawn is the traced
photo of median latency: statistics tell how long the models take, a trace tells what lies between them.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot
from matplotlib.patches import Patch

from ensemble.contract import ENSEMBLES
from loadtest.breakdown_chart import COLOURS
from loadtest.shares import LABELS

NOBODY = 0  # an id that no request has
MARKS = ("QUEUE_START", "COMPUTE_START", "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START", "COMPUTE_END")


ASKED = {model.name for model in ENSEMBLES}  # on CPUs, one of them is a model that ensembles ask for too


@dataclass(frozen=True)
class Span:
    """One model's part of a request; ms since the request began."""

    model: str
    marks: tuple[float, ...]  # at MARKS


@dataclass(frozen=True)
class Trace:
    """One request of a client."""

    asked: str  # the ensemble, or the model that does all by itself
    latency: float  # in the server, ms
    spans: tuple[Span, ...]  # in the order of their beginning

    @property
    def between(self) -> float:
        """Time in which no model of the request waited or computed, ms."""
        covered, end = 0.0, 0.0
        for span in self.spans:
            covered += max(0.0, span.marks[-1] - max(span.marks[0], end))
            end = max(end, span.marks[-1])
        return self.latency - covered


def read_traces(path: Path) -> list[Trace]:
    """The complete requests for photos in a file of Triton's.

    Raises:
        FileNotFoundError: Triton has traced nothing.
    """
    models: dict[int, str] = {}
    children: dict[int, list[int]] = defaultdict(list)  # of a request, NOBODY's are the clients'
    times: dict[int, dict[str, int]] = defaultdict(dict)
    for record in json.loads(path.read_text()):
        number = record["id"]
        if "model_name" in record:
            models[number] = record["model_name"]
            children[record.get("parent_id", NOBODY)].append(number)
        for stamp in record.get("timestamps", ()):
            times[number][stamp["name"]] = stamp["ns"]
    roots = [number for number in children[NOBODY] if models[number] in ASKED and "REQUEST_END" in times[number]]
    return [_trace(root, models, children[root] or [root], times) for root in sorted(roots)]


def _trace(root: int, models: dict[int, str], steps: Sequence[int], times: dict[int, dict[str, int]]) -> Trace:
    begin = times[root]["REQUEST_START"]

    def since(ns: int) -> float:
        return (ns - begin) / 1e6

    spans = [
        Span(models[step], tuple(since(times[step][mark]) for mark in MARKS))
        for step in steps
        if all(mark in times[step] for mark in MARKS)
    ]
    return Trace(models[root], since(times[root]["REQUEST_END"]), tuple(sorted(spans, key=lambda span: span.marks)))


def median(traces: Sequence[Trace]) -> Trace:
    """The request of median latency."""
    return sorted(traces, key=lambda trace: trace.latency)[len(traces) // 2]


def draw(trace: Trace, path: Path) -> None:
    """The models of a request, one below the other, over time."""
    figure, axes = pyplot.subplots(figsize=(9, 0.42 * len(trace.spans) + 1.6), layout="constrained")
    for row, span in enumerate(trace.spans):
        for start, end, colour in zip(span.marks, span.marks[1:], COLOURS, strict=False):
            axes.barh(row, end - start, left=start, color=colour, height=0.7)
    axes.set_yticks(range(len(trace.spans)), [span.model for span in trace.spans])
    axes.invert_yaxis()
    axes.set_xlim(0, trace.latency)
    axes.set_xlabel("ms since the request came")
    axes.set_title(f"{trace.asked}: {trace.latency:.0f} ms, {trace.between:.1f} of them between the models", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    handles = [Patch(color=colour) for colour in COLOURS]
    figure.legend(handles, LABELS, loc="outside lower center", ncols=len(LABELS), frameon=False)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where the file holds no request about a photo."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.traces", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="Triton's trace file")
    parser.add_argument("--out", type=Path, help="picture (beside the file)")
    options = parser.parse_args(argv)
    try:
        traces = read_traces(options.file)
    except FileNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not traces:
        print(f"error: {options.file} holds no photo's request", file=sys.stderr)
        return 1
    chosen = median(traces)
    print(f"{len(traces)} requests; median {chosen.latency:.1f} ms, {chosen.between:.1f} ms of it between the models")
    draw(chosen, options.out or options.file.with_suffix(".png"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
