"""Take the weights of a finished training into weights/, or go back to those before.

    python -m training.installation WORK [--show]      make install-weights WORK=…
    python -m training.installation --restore          make restore-weights

Prints how each figure changes: both are measured on the same held-out coins, by `make train`. With --show nothing is
taken. The weights before are kept in data/weights_before/, and are what --restore brings back.
"""

import argparse
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from ensemble import render
from ensemble.artifacts import WEIGHTS
from ensemble.places import ROOT
from training.work import Work, figures, read

BEFORE = ROOT / "data" / "weights_before"
CARD = "MODEL_CARD.md"  # is written by people


def table(before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """One line for each figure that was measured with both."""
    rows = [("", "before", "after", "change")]
    for name in (name for name in after if name in before):
        change = after[name] - before[name]
        rows.append((name, f"{before[name]:.4f}", f"{after[name]:.4f}", f"{change:+.4f}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )


def install(work: Work, weights: Path = WEIGHTS, before: Path = BEFORE) -> None:
    """Copy the weights of a finished training over those that serve, which are kept.

    Raises:
        ValueError: the training is not done.
    """
    work.finished()
    replace(before, weights)
    replace(weights, work.weights)


def restore(weights: Path = WEIGHTS, before: Path = BEFORE) -> None:
    """Bring back the weights before the last installation.

    Raises:
        ValueError: there are none.
    """
    if not before.is_dir():
        raise ValueError(f"{before} is not there: no weights were installed")
    replace(weights, before)


def replace(target: Path, source: Path) -> None:
    """Make the files of `target` those of `source`, with today's date, so that models are unpacked anew."""
    target.mkdir(parents=True, exist_ok=True)
    names = {path.name for path in source.iterdir()}
    for path in source.iterdir():
        if path.name != CARD or not (target / CARD).is_file():
            shutil.copyfile(path, target / path.name)
    for path in target.iterdir():
        if path.name not in names and path.name != CARD:
            path.unlink()


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where there is nothing to take."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, nargs="?", help="folder of a finished training")
    parser.add_argument("--show", action="store_true", help="only print how the figures change")
    parser.add_argument("--restore", action="store_true", help="go back to the weights before")
    options = parser.parse_args(argv)
    if (options.work is None) != options.restore:
        parser.error("give either a work folder or --restore")
    try:
        if options.restore:
            restore()
        else:
            work = Work(options.work.resolve())
            work.finished()
            print(table(figures(read(work.figures_before)), figures(read(work.figures))))
            if options.show:
                return 0
            install(work)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    render.main([])
    print("weights/ and the configs have changed; `make models` unpacks them. Embeddings of existing catalogs are made")
    print("anew by `mintmark reembed` where the embedding has changed; weights/MODEL_CARD.md is yours to write.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
