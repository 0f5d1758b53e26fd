"""Look after a data set of coin photos: a folder with photos and labels.csv, described in docs/dataset.md.

    python -m training.dataset check FOLDER                  name every bad row
    python -m training.dataset sheet FOLDER [--out DIR]      contact sheets
    python -m training.dataset split FOLDER [--out DIR]      split.csv and manifest.csv

The exit status is 1 if there are errors, 0 if there are only warnings.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .sheet import write_sheets
from .split import SplitError, split, write_split
from .table import Dataset, DatasetError, read
from .validate import check


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    args = _parser().parse_args(arguments)
    try:
        return int(args.run(args))
    except (DatasetError, SplitError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    checking = commands.add_parser("check", help="name every bad row")
    checking.set_defaults(run=_check)
    showing = commands.add_parser("sheet", help="draw contact sheets, one row per class")
    showing.add_argument("--columns", type=_positive, default=8, help="photos in a row (%(default)s)")
    showing.add_argument("--rows", type=_positive, default=8, help="rows on a sheet (%(default)s)")
    showing.set_defaults(run=_sheet)
    splitting = commands.add_parser("split", help="split by class and by source photo, write a manifest")
    splitting.add_argument("--seed", type=int, default=0)
    splitting.add_argument("--test", type=float, default=0.2, help="share of classes never trained on (%(default)s)")
    splitting.add_argument("--val", type=float, default=0.1, help="share of the others' photos (%(default)s)")
    splitting.set_defaults(run=_split)
    for command in (checking, showing, splitting):
        command.add_argument("folder", type=Path, metavar="FOLDER")
    for command in (showing, splitting):
        command.add_argument("--out", type=Path, metavar="DIR", help="where to write (FOLDER)")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not above 0")
    return number


def _check(args: argparse.Namespace) -> int:
    problems = check(args.folder)
    print(*problems, sep="\n", end="\n" if problems else "")
    errors = sum(not problem.warning for problem in problems)
    print(f"{errors} errors, {len(problems) - errors} warnings" + ("" if errors else f" in {_size(read(args.folder))}"))
    return int(errors > 0)


def _sheet(args: argparse.Namespace) -> int:
    paths = write_sheets(read(args.folder), args.out or args.folder, args.columns, args.rows)
    print(*paths, sep="\n")
    return 0


def _split(args: argparse.Namespace) -> int:
    # The same file under two names could be in two sets of the split; only the files' contents show it.
    errors = [problem for problem in check(args.folder) if not problem.warning]
    if errors:
        raise DatasetError(args.folder, errors)
    parts = split(read(args.folder), args.seed, args.test, args.val)
    out = args.out or args.folder
    write_split(parts, out)
    for name, photos in (("train", parts.train), ("val", parts.val), ("test", parts.test)):
        print(f"{name}: {len(photos)} photos, {len({photo.key for photo in photos})} classes")
    print(f"wrote {out / 'split.csv'} and {out / 'manifest.csv'}")
    return 0


def _size(dataset: Dataset) -> str:
    return f"{len(dataset.photos)} photos, {len(dataset.classes)} classes"


if __name__ == "__main__":
    sys.exit(main())
