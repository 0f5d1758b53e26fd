"""Checks a data set: names every bad row and what to do about it."""

import hashlib
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from tqdm import tqdm

from ensemble.errors import PhotoError
from ensemble.photo import decode, read_header
from ensemble.photo.pixels import SIDEWAYS

from .outline import MaskError, agreement, overhang, read_mask
from .table import ClassKey, Dataset, DatasetError, Photo, Problem, load

SAME_OUTLINE = 0.9  # IoU from which mask and ellipse are of one coin
MOST_OVERHANG = 0.05  # of a; a hand-drawn rim is good to 3 %


def check(folder: Path) -> list[Problem]:
    """Errors and warnings of a data set, by line; empty if all is well. Opens every photo, as the server would."""
    try:
        photos, problems = load(folder)
    except DatasetError as error:
        return list(error.problems)
    seen: dict[bytes, Photo] = {}
    for photo in tqdm(photos, desc="photos", delay=2):
        problems += _check_photo(folder, photo, seen)
    dataset = Dataset(folder, tuple(photos))
    for rule in (_spellings, _lone_classes, _unknown_coins, _shared_sources):
        problems += rule(dataset)
    return sorted(problems)


def _check_photo(folder: Path, photo: Photo, seen: dict[bytes, Photo]) -> Iterator[Problem]:
    """`seen`: the photos before this one, by digest of their files."""
    try:
        encoded = (folder / photo.path).read_bytes()
        height, width = _upright_size(encoded)
    except (OSError, PhotoError) as error:
        fix = "save it again as JPEG or PNG, or drop the row"
        yield Problem(photo.line, "path", photo.path, f"cannot be read: {error}", fix)
        return
    first = seen.setdefault(hashlib.sha256(encoded).digest(), photo)
    if first is not photo:
        same = first.key == photo.key
        reason = f"is the same file as line {first.line}" + ("" if same else f", which is {first.key.label}")
        fix = "drop one row" if same else "drop the wrong row; cut coins that share a photo into a file each"
        yield Problem(photo.line, "path", photo.path, reason, fix)
    yield from _check_ellipse(photo, height, width)
    yield from _check_mask(folder, photo, height, width)


def _upright_size(encoded: bytes) -> tuple[int, int]:
    """Height and width after EXIF rotation, px. PhotoError as the server would raise it."""
    decode(encoded)  # a header may promise more than there is
    header = read_header(encoded)
    sides = header.height, header.width
    return sides[::-1] if header.turn in SIDEWAYS else sides


def _check_ellipse(photo: Photo, height: int, width: int) -> Iterator[Problem]:
    ellipse = photo.ellipse
    if ellipse and (beyond := overhang(ellipse, height, width)) > MOST_OVERHANG * ellipse.a:
        text = " ".join(f"{value:g}" for value in (ellipse.cx, ellipse.cy, ellipse.a, ellipse.b, ellipse.angle))
        reason = f"reaches {beyond:.0f} px out of the photo of {width} x {height} px"
        fix = "give pixels of this very file, upright; photos that cut the coin off are no examples"
        yield Problem(photo.line, "cx,cy,a,b,angle", text, reason, fix)


def _check_mask(folder: Path, photo: Photo, height: int, width: int) -> Iterator[Problem]:
    if photo.mask is None:
        return
    try:
        mask = read_mask(folder / photo.mask)
    except (OSError, MaskError) as error:
        yield Problem(
            photo.line, "mask", photo.mask, str(error), "paint the coin white (255) and the rest black, as PNG"
        )
        return
    if mask.shape != (height, width):
        reason = f"has {mask.shape[1]} x {mask.shape[0]} px, the upright photo {width} x {height}"
        yield Problem(photo.line, "mask", photo.mask, reason, "draw the mask on this very file")
    elif photo.ellipse and (overlap := agreement(photo.ellipse, mask)) < SAME_OUTLINE:
        reason = f"and the ellipse disagree: IoU {overlap:.2f}, at least {SAME_OUTLINE} is expected"
        yield Problem(photo.line, "mask", photo.mask, reason, "mend one, or drop it")


def _spellings(dataset: Dataset) -> Iterator[Problem]:
    """Classes that differ only in capitals, spaces or the way a number is written."""
    first: dict[tuple[str, ...], ClassKey] = {}
    for photo in dataset.photos:
        known = first.setdefault(_folded(photo.key), photo.key)
        if known != photo.key and photo == dataset.classes[photo.key][0]:
            columns = [name for name in vars(known) if getattr(known, name) != getattr(photo.key, name)]
            value, other = getattr(photo.key, columns[0]), getattr(known, columns[0])
            reason = f"is written {other!r} on line {dataset.classes[known][0].line}, so these are two classes"
            yield Problem(photo.line, columns[0], value, reason, "spell them alike if they are one", warning=True)


def _folded(key: ClassKey) -> tuple[str, ...]:
    parts = [re.sub(r"[\s.'_-]", "", part).casefold() for part in (key.country, key.currency, key.side, key.issue)]
    number = key.denomination.replace(",", ".")
    if re.fullmatch(r"\d{1,9}(\.\d{1,9}|/0*[1-9]\d{0,8})?", number):
        return (*parts, str(Fraction(number)))
    return (*parts, number.casefold())


def _lone_classes(dataset: Dataset) -> Iterator[Problem]:
    """Classes with one photo, or cut from one: no query is left for the catalog picture."""
    for key, photos in dataset.classes.items():
        if dataset.catalog[key] and len({photo.source for photo in photos}) == 1:
            photo, count = photos[0], len(photos)
            reason = "is the only photo" if count == 1 else f"and {count - 1} more are cut from one photo, the only one"
            fix = "add a photo taken separately; until then the class cannot be queried"
            yield Problem(photo.line, "path", photo.path, f"{reason} of {key.label}", fix, warning=True)


def _unknown_coins(dataset: Dataset) -> Iterator[Problem]:
    """Classes without a catalog picture, which may or may not be intended."""
    for key, photos in dataset.classes.items():
        if not dataset.catalog[key]:
            reason = f"is the role of every photo of {key.label}, so it counts as a coin that the catalog does not hold"
            fix = "name a catalog picture if it is meant to be found"
            yield Problem(photos[0].line, "role", photos[0].role, reason, fix, warning=True)


def _shared_sources(dataset: Dataset) -> Iterator[Problem]:
    """Photos cut from one that shows coins of several classes, where nothing says which coin is meant."""
    classes: dict[str, dict[ClassKey, int]] = {}
    for photo in dataset.photos:
        classes.setdefault(photo.source, {}).setdefault(photo.key, photo.line)
    for photo in dataset.photos:
        others = [line for key, line in classes[photo.source].items() if key != photo.key]
        if others and not photo.outlined:
            reason = f"is also the source of line {others[0]}, another class, and nothing says which coin is meant here"
            fix = "give a mask or an ellipse, or make sure that the crop shows one coin alone"
            yield Problem(photo.line, "source_photo", photo.source, reason, fix, warning=True)
