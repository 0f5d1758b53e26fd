"""A breakdown as a picture: a bar for each model, and below it what its compute time consists of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from backends.step_times import WAIT
from loadtest.counters import PARTS
from loadtest.shares import LABELS, Breakdown, Share

COLOURS = ("#c9c9c9", "#9ecae1", "#08519c", "#fdae6b")  # of PARTS
INSIDE, BETWEEN = "#4d80b9", "#636363"


@dataclass(frozen=True)
class Bar:
    """One row: pieces one after the other, from where they begin; ms per photo."""

    name: str
    total: float  # as written beside it
    pieces: tuple[tuple[float, str], ...]  # width, colour
    start: float = 0.0
    inner: bool = False  # a part of the bar above

    @property
    def end(self) -> float:
        """Where the last piece ends."""
        return self.start + sum(width for width, _ in self.pieces)


def bars(breakdown: Breakdown) -> list[Bar]:
    """All rows from top to bottom."""
    rows = [bar for share in breakdown.shares for bar in (_model(share), *_inside(breakdown, share))]
    between = Bar("between the models", breakdown.between, ((max(breakdown.between, 0.0), BETWEEN),))
    return [*rows, between]


def _model(share: Share) -> Bar:
    pieces = tuple((getattr(share, part), colour) for part, colour in zip(PARTS, COLOURS, strict=True))
    return Bar(share.model, share.total, pieces)


def _inside(breakdown: Breakdown, share: Share) -> list[Bar]:
    """Each begins where the one before ends, the first where computing does."""
    start, rows = share.queue + share.compute_input, []
    for name, ms in breakdown.parts_inside(share).items():
        colour = COLOURS[0] if name == WAIT else INSIDE
        rows.append(Bar(name, ms, ((max(ms, 0.0), colour),), start, inner=True))
        start = rows[-1].end
    return rows


def draw(breakdown: Breakdown, path: Path) -> None:
    """Write the picture."""
    rows = bars(breakdown)
    figure, axes = pyplot.subplots(figsize=(9, 0.36 * len(rows) + 1.7), layout="constrained")
    for place, bar in enumerate(rows):
        _draw_bar(axes, place, bar)
    _name_rows(axes, rows)
    rate = breakdown.photos / breakdown.seconds
    axes.set_title(f"{breakdown.latency:.0f} ms in the server, {rate:.1f} photos per second", loc="left")
    axes.set(xlabel="ms per photo", xlim=(0, 1.1 * max(bar.end for bar in rows)))
    axes.spines[["top", "right"]].set_visible(False)
    handles = [Patch(color=colour) for colour in COLOURS]
    figure.legend(handles, LABELS, loc="outside lower center", ncols=len(LABELS), frameon=False)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _name_rows(axes: Axes, rows: Sequence[Bar]) -> None:
    axes.set_ylim(len(rows) - 0.4, -0.6)  # from top to bottom
    axes.set_yticks(range(len(rows)), [bar.name for bar in rows])
    for label, bar in zip(axes.get_yticklabels(), rows, strict=True):
        label.set(fontsize=9 if bar.inner else 10, color="#555555" if bar.inner else "black")


def _draw_bar(axes: Axes, place: int, bar: Bar) -> None:
    start = bar.start
    for width, colour in bar.pieces:
        axes.barh(place, width, left=start, color=colour, height=0.5 if bar.inner else 0.8)
        start += width
    size, colour = (8, "#555555") if bar.inner else (9, "black")
    text = axes.annotate(f"{bar.total:.1f}", (bar.end, place), (4, 0), textcoords="offset points", va="center")
    text.set(fontsize=size, color=colour)
