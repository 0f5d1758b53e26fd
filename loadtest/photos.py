"""The photos of a load test: those of a folder, or rendered coins, which come with a table to enroll."""

import csv
from pathlib import Path
from typing import Any

from mintmark import EntryFields
from training.mint.collection import write_collection

CACHE = Path("data/loadtest")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
SEED = 11


def read_photos(folder: Path) -> list[bytes]:
    """The photo files below a folder, in the order of their paths.

    Raises:
        FileNotFoundError: it holds none.
    """
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    if not found:
        raise FileNotFoundError(f"{folder} holds no photos ({', '.join(SUFFIXES)})")
    return [path.read_bytes() for path in found]


def rendered(coins: int, size: int, cache: Path = CACHE) -> Path:
    """A collection of rendered coins, made where it is not there yet; see `training.mint.collection`.

    Args:
        coins: designs; one in eight has no catalog picture.
        size: of the photos, longer side, px.
        cache: holds the collections.

    Returns:
        The collection's folder: `query` and `unknown` hold photos, `catalog` and `labels.csv` what to enroll.
    """
    folder = cache / f"coins-{coins}-{size}px"
    if not (folder / "labels.csv").is_file():
        write_collection(folder, coins, SEED, size, queries=1, workers=1)
    return folder


def queries(collection: Path) -> list[bytes]:
    """The photos of a rendered collection that ask about coins, known ones first."""
    asked = [collection / "query", collection / "unknown"]
    return [photo for folder in asked if any(folder.iterdir()) for photo in read_photos(folder)]


def labelled(collection: Path) -> list[tuple[Path, EntryFields]]:
    """The catalog pictures of a rendered collection and what is said about each."""
    with (collection / "labels.csv").open(newline="") as file:
        return [(collection / row.pop("path"), _fields(row)) for row in csv.DictReader(file)]


def _fields(row: dict[str, Any]) -> EntryFields:
    return EntryFields(**{**row, "year": int(row["year"])})
