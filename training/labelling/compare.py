"""Hough circles refined to ellipses against the server's U-Net, on photos whose outlines are drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from training.labelling.review import fit_photo, mount, tile
from training.mint import Ellipse
from training.outlines import (
    ELLIPSE_COLUMNS,
    Colour,
    draw,
    overlap,
    parse_ellipse,
    read_photo,
    read_table,
    scale_ellipse,
)

GOOD = 0.9  # IoU from which an outline is good
MATCH = 0.8  # IoU from which a proposal stands for a coin, for recall and precision
TRUTH: Colour = (60, 220, 60)
HOUGH: Colour = (40, 40, 255)
UNET: Colour = (255, 120, 40)

Hough = Callable[[np.ndarray], list[Ellipse]]  # of a [h, w, 3] BGR photo
Unet = Callable[[bytes], Ellipse | None]  # of a photo file


@dataclass(frozen=True)
class Truth:
    """The outlines drawn on one photo."""

    path: str
    scene: bool  # many coins; else one
    outlines: tuple[Ellipse, ...]
    doubtful: tuple[Ellipse, ...] = ()  # quality 0: finding these is neither right nor wrong


@dataclass(frozen=True)
class Result:
    """The outlines that both found on one photo."""

    truth: Truth
    hough: tuple[Ellipse, ...]
    unet: Ellipse | None

    @property
    def largest(self) -> Ellipse | None:
        """Hough's largest outline."""
        return max(self.hough, key=lambda e: e.a * e.b, default=None)

    @property
    def overlaps(self) -> tuple[float, float]:
        """IoU of Hough's largest and of the U-Net's coin with the outline that fits best; 0 where none was found."""
        hough, unet = (_best(one, self.truth.outlines) for one in (self.largest, self.unet))
        return hough, unet


def _best(ellipse: Ellipse | None, outlines: Sequence[Ellipse]) -> float:
    return max((overlap(ellipse, one) for one in outlines), default=0.0) if ellipse else 0.0


def read_truths(manifest: Path, outlines: Path) -> list[Truth]:
    """Photos of the manifest (path, role) with an outline of quality 1; those of role `scene` show many coins.

    Raises:
        OutlineError: a file cannot be read, or a cell is no number.
    """
    drawn: dict[tuple[str, bool], list[Ellipse]] = {}
    for line, row in read_table(outlines, ELLIPSE_COLUMNS):
        doubtful = row.get("quality") == "0"
        drawn.setdefault((row["path"], doubtful), []).append(parse_ellipse(outlines, line, row))
    return [
        Truth(row["path"], row["role"] == "scene", tuple(good), tuple(drawn.get((row["path"], True), ())))
        for _, row in read_table(manifest, ("path", "role"))
        if (good := drawn.get((row["path"], False)))
    ]


def find_both(root: Path, truths: Sequence[Truth], hough: Hough, unet: Unet) -> list[Result]:
    """Run both on every photo."""
    results = []
    for truth in tqdm(truths, desc="compare", unit="photo"):
        photo = root / truth.path
        results.append(Result(truth, tuple(hough(read_photo(photo))), unet(photo.read_bytes())))
    return results


def matches(found: Sequence[Ellipse], truth: Truth) -> tuple[int, int]:
    """How many outlines have a `found` ellipse, each ellipse for one at most, and how many ellipses count."""
    pairs = [(overlap(e, t), i, k) for i, e in enumerate(found) for k, t in enumerate(truth.outlines)]
    taken: dict[int, int] = {}
    for iou, i, k in sorted(pairs, reverse=True):
        if iou >= MATCH and i not in taken and k not in taken.values():
            taken[i] = k
    ignored = [i for i, e in enumerate(found) if i not in taken and _best(e, truth.doubtful) >= 0.5]
    return len(taken), len(found) - len(ignored)


def table(results: Sequence[Result]) -> str:
    """The comparison in Markdown."""
    lines: list[str] = []
    singles, scenes = ([r for r in results if r.truth.scene is scene] for scene in (False, True))
    if singles:
        lines += _single_table(singles)
    if scenes:
        lines += [""] * bool(lines) + _scene_table(scenes)
    return "\n".join(lines) + "\n"


def _single_table(results: Sequence[Result]) -> list[str]:
    head = f"| {len(results)} photos of one coin | found | IoU, mean | IoU, median | share >= {GOOD} |"
    lines = [head, "| --- | --- | --- | --- | --- |"]
    for method, name in enumerate(("Hough, largest", "U-Net")):
        iou = np.array([result.overlaps[method] for result in results])
        found = sum((r.largest, r.unet)[method] is not None for r in results)
        lines.append(f"| {name} | {found} | {iou.mean():.3f} | {np.median(iou):.3f} | {(iou >= GOOD).mean():.3f} |")
    return lines


def _scene_table(results: Sequence[Result]) -> list[str]:
    coins = sum(len(result.truth.outlines) for result in results)
    counts = np.array([matches(result.hough, result.truth) for result in results])
    hits, proposals = counts.sum(0).tolist()
    real = (np.array([result.overlaps for result in results]) >= GOOD).sum(0).tolist()
    return [
        f"| {len(results)} scenes, {coins} coins | largest is a coin (IoU >= {GOOD}) "
        f"| recall at IoU {MATCH} | precision at IoU {MATCH} |",
        "| --- | --- | --- | --- |",
        f"| Hough | {real[0]} of {len(results)} | {hits / coins:.3f} ({hits} of {coins}) "
        f"| {hits / max(1, proposals):.3f} ({hits} of {proposals}) |",
        f"| U-Net | {real[1]} of {len(results)} | | |",
    ]


def badness(result: Result) -> float:
    """Order of the picture sheet: IoU that both lack; for scenes also the recall and precision that Hough lacks."""
    lack = 2 - sum(result.overlaps)
    if result.truth.scene:
        hits, proposals = matches(result.hough, result.truth)
        lack += 2 - hits / len(result.truth.outlines) - hits / max(1, proposals)
    return lack


def write_sheet(root: Path, results: Sequence[Result], out: Path, side: int = 480, columns: int = 4) -> None:
    """A picture of the results, side by side, worst first: truth green, Hough red, U-Net blue."""
    tiles = []
    for result in results:
        picture, factor = fit_photo(read_photo(root / result.truth.path), side)
        unet = () if result.unet is None else (result.unet,)
        for ellipses, colour in ((result.truth.outlines, TRUTH), (result.hough, HOUGH), (unet, UNET)):
            for ellipse in ellipses:
                draw(picture, scale_ellipse(ellipse, factor), colour, 1)
        hough, unet_iou = result.overlaps
        tiles.append(tile(picture, f"H {hough:.2f} U {unet_iou:.2f} {Path(result.truth.path).name[-28:]}", side))
    out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out), mount(tiles, columns))
