"""A breakdown as a chart: a bar for each model, and below it the steps of its compute time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from backends.step_times import WAIT
from loadtest import charts
from loadtest.breakdown.figures import LABELS, Breakdown, ModelTime
from loadtest.command import write_json
from loadtest.counters import PARTS

COLOURS = (charts.LIGHT_GRAY, charts.PALE_BLUE, charts.BLUE, charts.ORANGE)  # of PARTS
INSIDE, BETWEEN = charts.MIDDLE_BLUE, charts.DARK_GRAY
SMALL = "#555555"  # of the text beside a bar of a step


@dataclass(frozen=True)
class Bar:
    """One row: pieces side by side, in ms per photo."""

    name: str
    total: float  # written beside the bar
    pieces: tuple[tuple[float, str], ...]  # width, colour
    start: float = 0.0
    inner: bool = False  # a step of the model above

    @property
    def end(self) -> float:
        """Where the last piece ends."""
        return self.start + sum(width for width, _ in self.pieces)


def bars(breakdown: Breakdown) -> list[Bar]:
    """All rows from top to bottom."""
    rows = [bar for model in breakdown.models for bar in (_model(model), *_inside(breakdown, model))]
    between = Bar("between the models", breakdown.between, ((max(breakdown.between, 0.0), BETWEEN),))
    return [*rows, between]


def _model(model: ModelTime) -> Bar:
    pieces = tuple((getattr(model, part), colour) for part, colour in zip(PARTS, COLOURS, strict=True))
    return Bar(model.model, model.total, pieces)


def _inside(breakdown: Breakdown, model: ModelTime) -> list[Bar]:
    """A bar for each step: the first begins where the model's compute time begins, the others where the last ended."""
    start, rows = model.queue + model.compute_input, []
    for name, ms in breakdown.parts_inside(model).items():
        colour = COLOURS[0] if name == WAIT else INSIDE
        rows.append(Bar(name, ms, ((max(ms, 0.0), colour),), start, inner=True))
        start = rows[-1].end
    return rows


def save(breakdown: Breakdown, stem: Path) -> None:
    """Write the figures to STEM.json and the chart to STEM.png."""
    write_json(stem.with_suffix(".json"), asdict(breakdown))
    draw(breakdown, stem.with_suffix(".png"))


def draw(breakdown: Breakdown, path: Path) -> None:
    """Write the chart."""
    rows = bars(breakdown)
    with charts.panels(path, (9, 0.36 * len(rows) + 1.7)) as (figure, (axes,)):
        for row, bar in enumerate(rows):
            _draw_bar(axes, row, bar)
        _name_rows(axes, rows)
        rate = breakdown.photos / breakdown.seconds
        axes.set_title(f"{breakdown.latency:.0f} ms in the server, {rate:.1f} photos per second", loc="left")
        axes.set(xlabel="ms per photo", xlim=(0, 1.1 * max(bar.end for bar in rows)))
        add_legend(figure)


def add_legend(figure: Figure) -> None:
    """Name the colours of PARTS below a figure."""
    handles = [Patch(color=colour) for colour in COLOURS]
    figure.legend(handles, LABELS, loc="outside lower center", ncols=len(LABELS), frameon=False)


def _name_rows(axes: Axes, rows: Sequence[Bar]) -> None:
    axes.set_ylim(len(rows) - 0.4, -0.6)  # from top to bottom
    axes.set_yticks(range(len(rows)), [bar.name for bar in rows])
    for label, bar in zip(axes.get_yticklabels(), rows, strict=True):
        label.set(fontsize=9 if bar.inner else 10, color=SMALL if bar.inner else "black")


def _draw_bar(axes: Axes, row: int, bar: Bar) -> None:
    start = bar.start
    for width, colour in bar.pieces:
        axes.barh(row, width, left=start, color=colour, height=0.5 if bar.inner else 0.8)
        start += width
    size, colour = (8, SMALL) if bar.inner else (9, "black")
    text = axes.annotate(f"{bar.total:.1f}", (bar.end, row), (4, 0), textcoords="offset points", va="center")
    text.set(fontsize=size, color=colour)
