"""Label real photos: propose, review, export; and compare the proposals with the server's U-Net.

python -m training.labelling propose PHOTOS --out proposals.csv
python -m training.labelling review PHOTOS proposals.csv --out DIR
python -m training.labelling export PHOTOS proposals.csv --out DIR
python -m training.labelling compare PHOTOS --manifest manifest.csv --outlines ellipses.csv --out DIR

PHOTOS is a folder; paths in the tables are relative to it. Exit statuses: 0 done, 1 nothing found or kept, 2 a file or
the command line is wrong.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from ensemble.contract import PHOTO_ENDINGS
from ensemble.errors import PhotoError
from ensemble.photo import is_photo_file
from training.labelling import compare
from training.labelling.proposals import read_proposals, write_labels
from training.labelling.propose import propose_circles, reduce
from training.labelling.refine import Outline, refine
from training.labelling.review import Layout, write_review
from training.mint import Ellipse
from training.outlines import (
    ELLIPSE_COLUMNS,
    OutlineError,
    ellipse_cells,
    read_photo,
    scale_ellipse,
    write_rows,
)

LONGER_SIDE = 1800  # px that outlines are looked for in; finer ones do not help
KEEP = 0.7  # quality from which a proposal is kept until a person says otherwise


def find_outlines(photo: np.ndarray) -> list[Outline]:
    """Coins in a [h, w, 3] uint8 BGR photo, best first, in its px."""
    picture, factor = reduce(photo, LONGER_SIDE)
    outlines = refine(picture, propose_circles(picture))
    return [Outline(scale_ellipse(o.ellipse, 1 / factor), o.quality, o.strength) for o in outlines]


def find_kept(photo: np.ndarray) -> list[Ellipse]:
    """The outlines that are kept without a review."""
    return [outline.ellipse for outline in find_outlines(photo) if outline.quality >= KEEP]


def _propose(options: argparse.Namespace) -> int:
    root: Path = options.photos
    paths = sorted(path for path in root.rglob("*") if is_photo_file(path.name))
    if options.within:
        paths = [path for path in paths if path.relative_to(root).is_relative_to(options.within)]
    if not paths:
        raise OutlineError(f"no photos under {root / options.within}; supported are {' '.join(PHOTO_ENDINGS)}")
    rows: list[list[object]] = []
    for path in tqdm(paths, desc="propose", unit="photo"):
        for outline in find_outlines(read_photo(path)):
            keep = int(outline.quality >= KEEP)
            name = path.relative_to(root).as_posix()
            rows.append([name, *ellipse_cells(outline.ellipse), f"{outline.quality:.2f}", keep])
    write_rows(options.out, (*ELLIPSE_COLUMNS, "quality", "keep"), rows)
    print(f"{len(rows)} outlines on {len({row[0] for row in rows})} of {len(paths)} photos: {options.out}")
    return 0 if rows else 1


def _review(options: argparse.Namespace) -> int:
    layout = Layout(options.columns, options.rows, options.side)
    pages = write_review(options.photos, read_proposals(options.proposals), options.out, layout)
    print(f"{len(pages)} pages in {options.out}; edit the column keep of {options.proposals}")
    return 0 if pages else 1


def _export(options: argparse.Namespace) -> int:
    photos = write_labels(options.photos, read_proposals(options.proposals), options.out)
    print(f"masks of {photos} photos and ellipses.csv in {options.out}")
    return 0 if photos else 1


def _compare(options: argparse.Namespace) -> int:
    from training.finder import CoinFinder  # OpenVINO takes seconds to load

    truths = compare.read_truths(options.manifest, options.outlines)
    if not truths:
        raise OutlineError(f"no photo of {options.manifest} has a good outline in {options.outlines}")
    results = compare.find_both(options.photos, truths, find_kept, CoinFinder(options.threads).find)
    text = compare.table(results)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "comparison.md").write_text(text, encoding="utf-8")
    worst = sorted(results, key=compare.badness, reverse=True)[: options.shown]
    compare.write_sheet(options.photos, worst, options.out / "comparison.png")
    print(text, end="")
    return 0


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is below 1")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.labelling", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    texts = {
        _propose: "find coins; write proposals.csv",
        _review: "draw the proposals, numbered as their lines in the file",
        _export: "kept proposals to masks and ellipses.csv",
        _compare: "Hough against U-Net: a table and a picture",
    }
    made = {}
    for run, text in texts.items():
        made[run] = command = commands.add_parser(run.__name__[1:], help=text, description=text)
        command.set_defaults(run=run)
        command.add_argument("photos", type=Path, help="folder of the photos")
        if run in (_review, _export):
            command.add_argument("proposals", type=Path, help="proposals.csv")
        command.add_argument("--out", type=Path, required=True)
        command.add_argument("--threads", type=_positive, default=1, help="%(default)s")
    made[_propose].add_argument("--within", default="", help="only photos of this folder in PHOTOS")
    for name, value, text in (("columns", 3, "photos"), ("rows", 2, "photos"), ("side", 640, "px of a photo")):
        made[_review].add_argument(f"--{name}", type=_positive, default=value, help=f"{text}, %(default)s")
    made[_compare].add_argument("--manifest", type=Path, required=True, help="path, role")
    made[_compare].add_argument("--outlines", type=Path, required=True, help="path, cx, cy, a, b, angle[, quality]")
    made[_compare].add_argument("--shown", type=_positive, default=24, help="worst photos in the picture, %(default)s")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(argv)
    cv2.setNumThreads(options.threads)
    try:
        return int(options.run(options))
    except (PhotoError, ValueError, OSError) as error:  # OutlineError and missing weights are ValueErrors
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
