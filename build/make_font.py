"""Make the letters that the client draws into pictures: python_client/src/mintmark/_pictures/letters.npz.

    python build/make_font.py

OpenCV's own fonts hold ASCII alone. These are the outlines of DejaVu Sans (its licence lies beside the file), as
matplotlib carries it, for the scripts in RANGES: curves turned into short lines, so numpy and OpenCV draw them.
"""

import shutil
from itertools import chain, pairwise
from pathlib import Path

import _project  # noqa: F401  before the project's packages
import matplotlib
import numpy as np
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.ttLib import TTFont

from ensemble.places import ROOT

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FONT, LICENCE = FONTS / "DejaVuSans.ttf", FONTS / "LICENSE_DEJAVU"
OUT = ROOT / "python_client" / "src" / "mintmark" / "_pictures" / "letters.npz"
RANGES = (
    (0x20, 0x7E),  # ASCII
    (0xA0, 0x24F),  # Latin with marks
    (0x2B0, 0x2DD),  # modifiers
    (0x370, 0x52F),  # Greek, Cyrillic
    (0x1E00, 0x1EFF),  # more Latin with marks
    (0x2010, 0x205E),  # dashes, quotation marks, fractions' stroke
    (0x2070, 0x209C),  # raised and lowered digits
    (0x20A0, 0x20BF),  # currencies
    (0x2100, 0x218F),  # signs, fractions, Roman numerals
    (0x2190, 0x2199),  # arrows
    (0xFFFD, 0xFFFD),  # what stands for a letter that is not there
)
Point = tuple[float, float]

CURVE_STEPS = 4  # lines that stand for a curve


def outlines(font: TTFont, name: str) -> list[np.ndarray]:
    """Closed lines [n, 2] of a glyph, in the font's units, y up."""
    pen = DecomposingRecordingPen(font.getGlyphSet())
    font.getGlyphSet()[name].draw(pen)
    lines: list[list[Point]] = []
    for step, points in pen.value:
        if step == "moveTo":
            lines.append([points[0]])
        elif step == "lineTo":
            lines[-1].append(points[0])
        elif step == "qCurveTo" and points[-1] is None:  # a line of nothing but points off the curve
            start = _middle(points[-2], points[0])
            lines.append(_curve(start, (*points[:-1], start)))
        elif step == "qCurveTo":
            lines[-1].extend(_curve(lines[-1][-1], points))
    return [np.rint(line).astype(np.int16) for line in lines if len(line) > 2]


def _curve(start: Point, points: tuple[Point, ...]) -> list[Point]:
    """TrueType's quadratic curve: between two points off the curve lies one on it, halfway."""
    between = [_middle(*pair) for pair in pairwise(points[:-1])]
    found = []
    for control, end in zip(points[:-1], [*between, points[-1]], strict=True):
        for step in range(1, CURVE_STEPS + 1):
            t = step / CURVE_STEPS
            x, y = ((1 - t) ** 2 * start[axis] + 2 * t * (1 - t) * control[axis] + t**2 * end[axis] for axis in (0, 1))
            found.append((x, y))
        start = end
    return found


def _middle(one: Point, other: Point) -> Point:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def letters(font: TTFont) -> dict[str, np.ndarray]:
    """All letters of RANGES that the font has, as arrays.

    Returns:
        codes [L] int32, ascending, and advances [L] int16; `first_line` [L + 1] int32 numbers each letter's lines and
        `first_point` [lines + 1] int32 each line's points [n, 2] int16. `em`: units of an em.
    """
    names = font.getBestCmap()
    codes = [code for low, high in RANGES for code in range(low, high + 1) if code in names]
    drawn = [outlines(font, names[code]) for code in codes]
    lines = list(chain.from_iterable(drawn))
    return {
        "codes": np.array(codes, np.int32),
        "advances": np.array([font["hmtx"][names[code]][0] for code in codes], np.int16),
        "first_line": np.cumsum([0, *map(len, drawn)]).astype(np.int32),
        "first_point": np.cumsum([0, *map(len, lines)]).astype(np.int32),
        "points": np.concatenate(lines),
        "em": np.array(font["head"].unitsPerEm, np.int16),
    }


def main() -> None:
    """Write the letters and their licence."""
    np.savez_compressed(OUT, **letters(TTFont(FONT)))
    shutil.copyfile(LICENCE, OUT.with_name("LICENSE_DEJAVU"))
    print(f"{OUT.relative_to(ROOT)}: {OUT.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
