"""Splits photos into train, val and test: no source photo is in two sets, and test classes are never trained on."""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .table import ClassKey, Dataset, Photo

SPLIT, MANIFEST = "split.csv", "manifest.csv"
TRAIN, VAL, TEST = "train", "val", "test"
UNKNOWN = "unknown"  # role of photos of coins that the catalog does not hold
_HEADERS = {SPLIT: ("path", "label", "set"), MANIFEST: ("path", "label", "role", "set")}


class SplitError(ValueError):
    """The split cannot be made or written; the message says what to do."""


@dataclass(frozen=True)
class Split:
    """The three sets, photos in the order of the table.

    `train`: to learn from. `val`: other source photos of the classes trained on. `test`: classes never trained on.
    """

    dataset: Dataset
    train: tuple[Photo, ...]
    val: tuple[Photo, ...]
    test: tuple[Photo, ...]


def split(dataset: Dataset, seed: int = 0, test: float = 0.2, val: float = 0.1) -> Split:
    """Hold out a share of the classes for test, and of the other classes' source photos for validation.

    Every choice is a hash of the seed and of a class or a source photo. So the order of rows does not matter, and added
    rows move no others, unless they tie classes together by a source photo or name another catalog picture. Shares are
    expected values: small data sets deviate.

    Args:
        dataset: what to split.
        seed: of the hashes.
        test: share of the classes, from 0 to below 1. Classes that share a source photo stay together, and with a class
            that has no catalog picture they are always held out.
        val: share of the source photos without catalog pictures, from 0 to below 1.

    Raises:
        SplitError: a share out of range, or no class on one side.
    """
    for name, share in (("test", test), ("val", val)):
        if not 0 <= share < 1:
            raise SplitError(f"the share for {name} is {share}: give a number from 0 to below 1")
    held_out = {key for group in tied_classes(dataset) if _is_held_out(dataset, group, seed, test) for key in group}
    if not 0 < len(held_out) < len(dataset.classes) and (held_out or test > 0):
        text = f"{len(held_out)} of {len(dataset.classes)} classes are held out with seed {seed} and share {test}"
        raise SplitError(f"{text}: take another seed or share, or add classes that share no source photo with others")
    # A query of the validation needs its class's catalog picture, and a source photo is never on two sides.
    kept = {photo.source for key, photos in dataset.catalog.items() if key not in held_out for photo in photos}
    sets: dict[str, list[Photo]] = {TRAIN: [], VAL: [], TEST: []}
    for photo in dataset.photos:
        drawn = photo.source not in kept and _fraction(seed, "source", photo.source) < val
        sets[TEST if photo.key in held_out else VAL if drawn else TRAIN].append(photo)
    return Split(dataset, tuple(sets[TRAIN]), tuple(sets[VAL]), tuple(sets[TEST]))


def tied_classes(dataset: Dataset) -> list[frozenset[ClassKey]]:
    """Groups of classes linked by common source photos: the connected components."""
    group_of: dict[ClassKey, set[ClassKey]] = {key: {key} for key in dataset.classes}
    first: dict[str, ClassKey] = {}
    for photo in dataset.photos:
        one, other = group_of[first.setdefault(photo.source, photo.key)], group_of[photo.key]
        if one is not other:
            one |= other
            group_of.update(dict.fromkeys(other, one))
    return list(dict.fromkeys(frozenset(group) for group in group_of.values()))


def _is_held_out(dataset: Dataset, group: frozenset[ClassKey], seed: int, share: float) -> bool:
    """Whether a group is for test. One class decides for the group, and a class that joins seldom becomes that one."""
    if any(not dataset.catalog[key] for key in group):
        return True
    speaker = min(group, key=lambda key: _fraction(seed, "speaker", *_parts(key)))
    return _fraction(seed, "class", *_parts(speaker)) < share


def _parts(key: ClassKey) -> tuple[str, ...]:
    return key.country, key.currency, key.denomination, key.side, key.issue


def _fraction(seed: int, *words: str) -> float:
    """A number from 0 to below 1, evenly spread over words and seeds, the same on every machine."""
    digest = hashlib.sha256("\0".join((str(seed), *words)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def manifest(parts: Split) -> Iterator[tuple[str, str, str, str]]:
    """Rows for `mintmark evaluate`: path, label, role, set.

    `val` has the classes that are trained on: their catalog pictures are trained on, the queries are not. `test` has
    only classes that are never trained on. A query that was cut from the same photo as its class's catalog picture asks
    nothing and is left out.
    """
    catalog = parts.dataset.catalog
    held_out = {photo.key for photo in parts.test}
    if parts.val:
        pictures = [photo for key, photos in catalog.items() if key not in held_out for photo in photos]
        yield from ((photo.path, photo.key.label, "catalog", VAL) for photo in pictures)
        yield from ((photo.path, photo.key.label, "query", VAL) for photo in parts.val)
    for photo in parts.test:
        pictures_of_class = catalog[photo.key]
        if photo in pictures_of_class:
            yield photo.path, photo.key.label, "catalog", TEST
        elif photo.source not in {picture.source for picture in pictures_of_class}:
            yield photo.path, photo.key.label, "query" if pictures_of_class else UNKNOWN, TEST


def write_split(parts: Split, out: Path) -> None:
    """Write split.csv, all photos with label and set, and manifest.csv, those to evaluate on.

    Raises:
        SplitError: there is a file of that name with other columns, so this command did not write it.
    """
    sets = ((TRAIN, parts.train), (VAL, parts.val), (TEST, parts.test))
    rows = sorted(((photo, name) for name, photos in sets for photo in photos), key=lambda row: row[0].line)
    tables: dict[str, list[tuple[str, ...]]] = {
        SPLIT: [(photo.path, photo.key.label, name) for photo, name in rows],
        MANIFEST: list(manifest(parts)),
    }
    for name in tables:
        _check_own(out / name)
    out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with (out / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(_HEADERS[name])
            writer.writerows(table)


def _check_own(path: Path) -> None:
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        header = file.readline().strip()
    if header != ",".join(_HEADERS[path.name]):
        raise SplitError(f"{path} is of another origin (columns {header}): move it, or write elsewhere with --out")
