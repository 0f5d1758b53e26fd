"""Contact sheets: all photos by class, so that a person sees which are mislabelled."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from ensemble.errors import PhotoError
from ensemble.photo import decode

from .outline import MaskError, contours
from .table import Dataset, Photo

CELL, TITLE, CAPTION, MARGIN = 176, 26, 20, 6  # px: picture's side, line of the class, line of the photo, gap
INK, FAINT, OUTLINE, BAD = (32, 32, 32), (110, 110, 110), (255, 0, 255), (0, 0, 220)  # BGR; no coin is magenta
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Strip:
    """One line of a sheet: a class's name and some of its photos."""

    title: str
    photos: tuple[Photo, ...]


def strips(dataset: Dataset, columns: int) -> Iterator[Strip]:
    """The lines of the sheets, classes sorted by key; a class of more photos than columns goes on in the next line."""
    for key, photos in dataset.classes.items():
        for start in range(0, len(photos), columns):
            last = min(start + columns, len(photos))
            count = f"{start + 1} to {last} of {len(photos)}" if len(photos) > columns else f"{len(photos)}"
            yield Strip(f"{key.label}  ({count})", photos[start:last])


def write_sheets(dataset: Dataset, out: Path, columns: int = 8, rows: int = 8) -> list[Path]:
    """Write contact_sheet_001.jpg and so on, and remove those that an earlier, longer run left behind.

    A photo that cannot be read is crossed out.

    Args:
        dataset: what to show.
        out: folder, made if missing.
        columns: photos in a line.
        rows: lines on a sheet.

    Raises:
        OSError: a sheet cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    lines = list(strips(dataset, columns))
    catalog = {photo.path for photos in dataset.catalog.values() for photo in photos}
    paths: list[Path] = []
    with tqdm(total=len(dataset.photos), desc="photos", delay=2) as progress:
        for start in range(0, len(lines), rows):
            page = []
            for strip in lines[start : start + rows]:
                page.append(_draw(dataset.folder, strip, catalog, columns))
                progress.update(len(strip.photos))
            paths.append(_name(out, len(paths) + 1))
            done, encoded = cv2.imencode(".jpg", np.concatenate(page), [cv2.IMWRITE_JPEG_QUALITY, 88])
            if not done:
                raise OSError(f"cannot encode {paths[-1]}")
            paths[-1].write_bytes(encoded.tobytes())
    number = len(paths) + 1
    while (stale := _name(out, number)).exists():
        stale.unlink()
        number += 1
    return paths


def _name(out: Path, number: int) -> Path:
    return out / f"contact_sheet_{number:03d}.jpg"


def _draw(folder: Path, strip: Strip, catalog: set[str], columns: int) -> np.ndarray:
    """BGR uint8 [h, w, 3]. Catalog pictures are framed and named; each photo has its line in the table."""
    height, width = TITLE + CELL + CAPTION + MARGIN, MARGIN + columns * (CELL + MARGIN)
    picture = np.full((height, width, 3), 255, np.uint8)
    cv2.putText(picture, _ascii(strip.title), (MARGIN, TITLE - 8), _FONT, 0.5, INK, 1, cv2.LINE_AA)
    for column, photo in enumerate(strip.photos):
        left = MARGIN + column * (CELL + MARGIN)
        picture[TITLE : TITLE + CELL, left : left + CELL] = _cell(folder, photo)
        caption = f"line {photo.line}" + (" catalog" if photo.path in catalog else "")
        if photo.path in catalog:
            cv2.rectangle(picture, (left, TITLE), (left + CELL - 1, TITLE + CELL - 1), INK, 2)
        cv2.putText(picture, caption, (left, TITLE + CELL + 14), _FONT, 0.4, FAINT, 1, cv2.LINE_AA)
    return picture


def _cell(folder: Path, photo: Photo) -> np.ndarray:
    """The photo and its outline, shrunk into BGR uint8 [CELL, CELL, 3]."""
    cell = np.full((CELL, CELL, 3), 235, np.uint8)
    try:
        decoded = decode((folder / photo.path).read_bytes())
        outline = contours(folder, photo)
    except (OSError, PhotoError, MaskError):
        cv2.line(cell, (0, 0), (CELL, CELL), BAD, 2, cv2.LINE_AA)
        cv2.line(cell, (0, CELL), (CELL, 0), BAD, 2, cv2.LINE_AA)
        return cell
    height, width = (int(side) for side in decoded.extent)
    factor = CELL / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    shown = cv2.resize(decoded.canvas[:height, :width], size, interpolation=cv2.INTER_AREA)[..., ::-1]
    top, left = (CELL - size[1]) // 2, (CELL - size[0]) // 2
    cell[top : top + size[1], left : left + size[0]] = shown
    for line in outline:
        points = (line + 0.5) * factor / decoded.scale[0] - 0.5 + (left, top)
        fixed = np.round(points * 16).astype(np.int32)  # 4 bits of fraction
        cv2.polylines(cell, [fixed], True, OUTLINE, 2, cv2.LINE_AA, shift=4)
    return cell


def _ascii(text: str) -> str:
    """The text in ASCII, which is all that OpenCV draws: accents are dropped, other letters become '?'."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return plain.encode("ascii", "replace").decode()
