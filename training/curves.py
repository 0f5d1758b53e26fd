"""Draw a training's log.csv: loss and learning curves over minutes.

python -m training.curves training/runs/embedding/log.csv --out curves.png
"""

import argparse
import csv
from pathlib import Path

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot


def read_log(path: Path) -> dict[str, list[float]]:
    """Columns of a log by name.

    Raises:
        ValueError: the log has no rows.
    """
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise ValueError(f"{path} has no rows: the training has not finished an epoch")
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def draw(columns: dict[str, list[float]], out: Path) -> None:
    """Loss on the left, the measures (recall@k, IoU) on the right."""
    minutes = columns["minutes"]
    measures = [name for name in columns if "recall" in name or "iou" in name]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    left.plot(minutes, columns["loss"], "o-", color="black", markersize=3)
    left.set(xlabel="minutes", ylabel="training loss")
    for name in measures:
        right.plot(minutes, columns[name], "o-", markersize=3, label=f"{name} {columns[name][-1]:.3f}")
    right.set(xlabel="minutes", ylim=(0, 1))
    right.legend(loc="lower right")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(out, dpi=110)
    pyplot.close(figure)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="PNG, SVG or PDF")
    args = parser.parse_args()
    draw(read_log(args.log), args.out)


if __name__ == "__main__":
    main()
