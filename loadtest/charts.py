"""Charts in one style, written as PNG files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, PALE_BLUE, MIDDLE_BLUE = "#08519c", "#9ecae1", "#4d80b9"
ORANGE, RED = "#fdae6b", "#cb181d"
LIGHT_GRAY, DARK_GRAY = "#c9c9c9", "#636363"
DPI = 130


@contextmanager
def panels(
    path: Path, size: tuple[float, float], rows: int = 1, columns: int = 1, dpi: int = DPI
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure with panels to draw on; it is written when the block ends.

    Args:
        path: of the PNG file.
        size: width and height, inches.
        rows: of panels; panels below one another have one x axis in common.
        columns: of panels.
        dpi: pixels per inch.
    """
    figure, axes = pyplot.subplots(rows, columns, figsize=size, sharex=rows > 1, layout="constrained", squeeze=False)
    try:
        yield figure, list(axes.flat)
        for panel in axes.flat:
            panel.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, dpi=dpi)
    finally:
        pyplot.close(figure)
