"""What somebody has who types what the documents say: a checkout, environments, photos and tables of these names."""

import csv
import shutil
import subprocess
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import numpy as np

from tests.certificates import make_certificates
from tests.server.conftest import ROOT, SERVE_PYTHON, jpeg, make_coin
from tests.server.test_all_coins import tray
from tests.server.test_both import WHITE, beside
from tests.test_commands_in_documents import blocks

SEED = 910_000
LARGER = np.ones((4, 4, 1), np.uint8)  # photos in which the ellipse of docs/dataset.md has room


def make_checkout(folder: Path) -> None:
    """Copy the checkout as it is, without its tests; its environments and unpacked models are links."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.strip("\0").split("\0"):
        if not name.startswith("tests/") and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    links = {model.relative_to(ROOT): model for model in ROOT.glob("model_repository/*/1/*.onnx")}
    links |= {Path(".venv", "dev"): Path(sys.prefix), Path(".venv", "serve"): (ROOT / SERVE_PYTHON).parents[1]}
    for link, target in links.items():
        (folder / link).parent.mkdir(parents=True, exist_ok=True)
        (folder / link).symlink_to(target)


def make_files(folder: Path) -> None:
    """Write the photos, tables, certificates and data sets that the documents name."""
    front, back, grosz, stranger = coins = [make_coin(SEED + number) for number in range(4)]
    photos = {
        "front.jpg": front.catalog,
        "another.jpg": np.rot90(front.catalog),
        "photo.jpg": front.query,
        "back.jpg": back.catalog,
        "both.jpg": beside(front, back, WHITE, gap=60),
        "tray.jpg": tray([coin.catalog for coin in coins], 2),
        "photos/zloty-1.jpg": np.rot90(front.catalog, 2),
        "photos/zloty-2.jpg": np.rot90(back.catalog, 2),
        "photos/grosz.jpg": grosz.catalog,
        **{f"stranger-{turn}.jpg": np.rot90(stranger.query, turn) for turn in range(3)},
    }
    for name, picture in photos.items():
        _photo(folder / name, picture)
    (folder / "labels.csv").write_text(_table_of("python_client/README.md"))
    known = [("photo.jpg", "front", "query"), ("back.jpg", "back", "query")]
    unknown = [(name, "stranger", "unknown") for name in photos if name.startswith("stranger")]
    _table(folder / "photos.csv", "path,label,role", known + unknown)
    _outlined(folder)
    _own_coins(folder / "my-coins")
    make_certificates(folder)


def _outlined(folder: Path) -> None:
    """`PHOTOS`, their manifest, and outlines drawn on them."""
    shown = {f"{number}.jpg": make_coin(SEED + 10 + number) for number in range(3)}
    for name, coin in shown.items():
        _photo(folder / "PHOTOS" / name, coin.query)
    _table(folder / "manifest.csv", "path,label,role", [(name, name, "query") for name in shown])
    outlines = [(name, *coin.ellipse, 1) for name, coin in shown.items()]
    _table(folder / "ellipses.csv", "path,cx,cy,a,b,angle,quality", outlines)


def _own_coins(folder: Path) -> None:
    """The data set that docs/dataset.md shows, and what its "…" stands for: coins enough for each set of a split."""
    table = _table_of("docs/dataset.md")
    more = [f"{coin}kr-{photo}.jpg,Norway,krone,{coin},obverse,,,,,,,,," for coin in range(9) for photo in "123"]
    names = [row.split(",")[0] for row in (*table.splitlines()[1:], *more)]
    for number, (_, photos) in enumerate(groupby(names, lambda name: name.rpartition("-")[0])):
        coin = make_coin(SEED + 100 + number)
        for name, picture in zip(photos, (coin.catalog, coin.query, np.rot90(coin.query)), strict=False):
            _photo(folder / name, np.kron(picture, LARGER))
    (folder / "labels.csv").write_text(table + "\n".join(more) + "\n")
    pairs = [(f"../my-coins/{name}", name.rpartition("-")[0], "either") for name in names]
    (folder.parent / "pairs").mkdir()
    _table(folder.parent / "pairs" / "manifest.csv", "path,label,role", pairs)


def _table_of(document: str) -> str:
    """The table that a document shows."""
    (table,) = [block for block in blocks(document, "") if block.startswith("path,")]
    return table + "\n"


def _photo(file: Path, picture: np.ndarray) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(jpeg(picture))


def _table(file: Path, header: str, rows: Iterable[tuple[object, ...]]) -> None:
    with file.open("w", newline="") as lines:
        csv.writer(lines).writerows([header.split(","), *rows])
