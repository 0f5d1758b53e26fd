"""Outlines of coins: in tables, drawn into pictures, and drawn to a circle."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from pathlib import Path

import cv2
import numpy as np

import mintmark
from ensemble.contract import PHOTO_ENDINGS
from mintmark import metrics
from mintmark._pictures.loading import load
from training.mint import Ellipse

ELLIPSE_COLUMNS = ("path", "cx", "cy", "a", "b", "angle")  # px of the photo and degrees, as in cv2.ellipse
_SHIFT = 4  # fractional bits of cv2's drawing coordinates
Colour = tuple[int, int, int]  # BGR


class OutlineError(ValueError):
    """A photo or a table cannot be used; the message says which and why."""


def read_photo(path: Path) -> np.ndarray:
    """The photo as a person and the server see it, [h, w, 3] uint8 BGR; OutlineError if it cannot be read."""
    try:
        return load(str(path))
    except (mintmark.MintmarkError, OSError) as error:
        supported = " ".join(PHOTO_ENDINGS)
        raise OutlineError(f"{path} is not a photo that can be read ({error}); supported are {supported}") from error


def read_table(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Rows of a CSV file with their lines; OutlineError if it cannot be read or lacks a column."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise OutlineError(f"{path} lacks the column {', '.join(missing)}")
            return [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError) as error:
        raise OutlineError(f"cannot read {path}: {error}") from error


def parse_ellipse(path: Path, line: int, row: dict[str, str]) -> Ellipse:
    """The ellipse of a row; OutlineError if a cell is no number."""
    try:
        ellipse = Ellipse(*(float(row[name]) for name in ELLIPSE_COLUMNS[1:]))
    except ValueError as error:
        raise OutlineError(f"{path}:{line}: {error}") from error
    if not (np.isfinite(astuple(ellipse)).all() and ellipse.a > 0 and ellipse.b > 0):
        raise OutlineError(f"{path}:{line}: semi-axes must be above 0, all numbers finite; got {ellipse}")
    return ellipse


def read_outlines(path: Path, under: str = "", doubtful: bool = True) -> dict[str, list[Ellipse]]:
    """Outlines by photo, of the photos whose path begins with `under`.

    Args:
        path: ellipses.csv.
        under: start of the paths that are taken.
        doubtful: whether outlines of quality 0 are taken, too.

    Raises:
        OutlineError: the table cannot be read, or a cell is no number.
    """
    outlines: dict[str, list[Ellipse]] = {}
    for line, row in read_table(path, ELLIPSE_COLUMNS):
        if row["path"].startswith(under) and (doubtful or row.get("quality") != "0"):
            outlines.setdefault(row["path"], []).append(parse_ellipse(path, line, row))
    return outlines


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file, and its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def ellipse_cells(ellipse: Ellipse) -> list[str]:
    """The numbers of an ellipse as tables hold them."""
    return [f"{value:.2f}" for value in astuple(ellipse)]


def scale_ellipse(ellipse: Ellipse, factor: float) -> Ellipse:
    """The ellipse in a picture that is scaled by `factor`; pixel centres lie on whole numbers in both."""
    cx, cy = (factor * (value + 0.5) - 0.5 for value in (ellipse.cx, ellipse.cy))
    return Ellipse(cx, cy, factor * ellipse.a, factor * ellipse.b, ellipse.angle)


def overlap(first: Ellipse, second: Ellipse) -> float:
    """Intersection over union."""
    return metrics.ellipse_iou(mintmark.Ellipse(*astuple(first)), mintmark.Ellipse(*astuple(second)))


def turned_back(ellipse: Ellipse, quarters: int, width: int, height: int) -> Ellipse:
    """`mintmark.metrics.turned_back`."""
    back = metrics.turned_back(mintmark.Ellipse(*astuple(ellipse)), quarters, width, height)
    return Ellipse(*astuple(back))


def _polygon(ellipse: Ellipse) -> np.ndarray:
    return np.rint(ellipse.outline(360) * 2**_SHIFT).astype(np.int32)


def draw(picture: np.ndarray, ellipse: Ellipse, colour: Colour, thickness: int = 2) -> None:
    """Draw an outline into the picture, in place."""
    cv2.polylines(picture, [_polygon(ellipse)], True, colour, thickness, cv2.LINE_AA, _SHIFT)


def fill(mask: np.ndarray, ellipse: Ellipse) -> None:
    """Set the pixels [h, w] uint8 whose centres lie in the ellipse to 255, in place."""
    left, top = (max(0, int(np.floor(c - ellipse.a))) for c in (ellipse.cx, ellipse.cy))
    right, bottom = (max(0, int(np.ceil(c + ellipse.a)) + 1) for c in (ellipse.cx, ellipse.cy))
    cut = mask[top:bottom, left:right]
    y, x = np.mgrid[top : top + cut.shape[0], left : left + cut.shape[1]]
    c, s = np.cos(np.radians(ellipse.angle)), np.sin(np.radians(ellipse.angle))
    x, y = x - ellipse.cx, y - ellipse.cy
    cut[((c * x + s * y) / ellipse.a) ** 2 + ((c * y - s * x) / ellipse.b) ** 2 <= 1] = 255


def ellipse_matrix(ellipse: Ellipse) -> np.ndarray:
    """S [2, 2] with x = c + S u for u on the unit circle: the symmetric square root of R diag(a^2, b^2) R^T.

    It is symmetric and so adds no rotation: two photos of a coin differ by an in-plane angle only.
    """
    c, s = np.cos(np.radians(ellipse.angle)), np.sin(np.radians(ellipse.angle))
    rotation = np.array([[c, -s], [s, c]])
    return rotation @ np.diag([ellipse.a, ellipse.b]) @ rotation.T


def rectify(picture: np.ndarray, ellipse: Ellipse, size: int, radius: float) -> np.ndarray:
    """The coin as a circle of `radius` px in the middle of [size, size, 3], its surroundings kept."""
    stretch = ellipse_matrix(ellipse) / radius
    shrink = max(ellipse.a / radius, 1.0)
    if shrink > 1.3:  # a box filter before sampling below the picture's own resolution
        picture = cv2.blur(picture, (round(shrink), round(shrink)))
    middle = (size - 1) / 2
    shift = np.array([ellipse.cx, ellipse.cy]) - stretch @ (middle, middle)
    matrix = np.column_stack([stretch, shift])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
