"""One request from beginning to end: when each model waited and computed, from Triton's traces.

    python -m loadtest.traces trace.json [--out trace.png]

Triton writes the file when it is started with `--trace-config triton,file=trace.json --trace-config level=TIMESTAMPS
--trace-config rate=5`, as `python -m loadtest` starts it. The picture shows the traced photo of median latency.
Statistics tell how long the models take; a trace tells what lies between them.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ensemble.contract import ENSEMBLES
from loadtest import charts, command
from loadtest.breakdown.chart import COLOURS, add_legend

NOBODY = 0  # an id that no request has
MARKS = ("QUEUE_START", "COMPUTE_START", "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START", "COMPUTE_END")
ASKED = {model.name for model in ENSEMBLES}  # by clients; on CPUs, ensembles ask for one of these too


@dataclass(frozen=True)
class Span:
    """One model's part of a request; ms since the request began."""

    model: str
    marks: tuple[float, ...]  # at MARKS


@dataclass(frozen=True)
class Trace:
    """One request of a client."""

    asked: str  # the ensemble, or the model that does all steps by itself
    latency: float  # in the server, ms
    spans: tuple[Span, ...]  # sorted by their beginning

    @property
    def between(self) -> float:
        """Time in which no model of the request waited or computed, ms."""
        covered, end = 0.0, 0.0
        for span in self.spans:
            covered += max(0.0, span.marks[-1] - max(span.marks[0], end))
            end = max(end, span.marks[-1])
        return self.latency - covered


def read_traces(path: Path) -> list[Trace]:
    """The complete requests about photos in a trace file of Triton's.

    Raises:
        FileNotFoundError: there is no such file: Triton has traced nothing.
    """
    models: dict[int, str] = {}
    children: dict[int, list[int]] = defaultdict(list)  # by request; clients' requests are those of NOBODY
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
    """The models of a request over time, one below the other."""
    title = f"{trace.asked}: {trace.latency:.0f} ms, {trace.between:.1f} of them between the models"
    with charts.panels(path, (9, 0.42 * len(trace.spans) + 1.6)) as (figure, (axes,)):
        for row, span in enumerate(trace.spans):
            for start, end, colour in zip(span.marks, span.marks[1:], COLOURS, strict=False):
                axes.barh(row, end - start, left=start, color=colour, height=0.7)
        axes.set_yticks(range(len(trace.spans)), [span.model for span in trace.spans])
        axes.invert_yaxis()
        axes.set_xlim(0, trace.latency)
        axes.set_xlabel("ms since the request came")
        axes.set_title(title, loc="left")
        add_legend(figure)


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where the file holds no request about a photo."""
    parser = command.parser("loadtest.traces", __doc__)
    parser.add_argument("file", type=Path, help="Triton's trace file")
    parser.add_argument("--out", type=Path, help="path of the picture (beside the file)")
    options = parser.parse_args(argv)
    try:
        traces = read_traces(options.file)
    except FileNotFoundError as error:
        return command.failed(error)
    if not traces:
        return command.failed(f"{options.file} holds no photo's request")
    chosen = median(traces)
    print(f"{len(traces)} requests; median {chosen.latency:.1f} ms, {chosen.between:.1f} ms of it between the models")
    draw(chosen, options.out or options.file.with_suffix(".png"))
    return 0
