"""The photos of a load test: those of a folder, or rendered coins with a table of what to enroll."""

import csv
from pathlib import Path
from typing import Any

from ensemble.contract import PHOTO_ENDINGS
from ensemble.photo import is_photo_file
from mintmark import EntryFields
from training.mint.collection import write_collection

CACHE = Path("data/loadtest")
SEED = 11
COINS, SIZE = 24, 1600  # rendered where nothing else is said: designs; longer side of the photos, px


def read_photos(folder: Path) -> list[bytes]:
    """All photo files below a folder, sorted by path.

    Raises:
        FileNotFoundError: the folder holds none.
    """
    found = [path for path in sorted(folder.rglob("*")) if is_photo_file(path.name)]
    if not found:
        raise FileNotFoundError(f"{folder} holds no photos ({', '.join(PHOTO_ENDINGS)})")
    return [path.read_bytes() for path in found]


def rendered(coins: int, size: int, cache: Path = CACHE) -> Path:
    """A collection of rendered coins, rendered once and kept; see `training.mint.collection`.

    Args:
        coins: designs; one in eight has no catalog picture.
        size: longer side of the photos, px.
        cache: folder that holds the collections.

    Returns:
        The collection's folder: photos in `query` and `unknown`; what to enroll in `catalog` and `labels.csv`.
    """
    folder = cache / f"coins-{coins}-{size}px"
    if not (folder / "labels.csv").is_file():
        write_collection(folder, coins, SEED, size, queries=1, workers=1)
    return folder


def queries(collection: Path) -> list[bytes]:
    """The photos of a rendered collection to ask about; those of coins in the catalog come first."""
    asked = [collection / "query", collection / "unknown"]
    return [photo for folder in asked if any(folder.iterdir()) for photo in read_photos(folder)]


def labelled(collection: Path) -> list[tuple[Path, EntryFields]]:
    """The catalog pictures of a rendered collection, each with the fields of its entry."""
    with (collection / "labels.csv").open(newline="") as file:
        return [(collection / row.pop("path"), _fields(row)) for row in csv.DictReader(file)]


def _fields(row: dict[str, Any]) -> EntryFields:
    return EntryFields(**{**row, "year": int(row["year"])})
