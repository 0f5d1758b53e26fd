"""Collections of rendered coins as files: catalog pictures and queries, with their tables."""

import csv
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from .camera import Ellipse
from .design import make_design
from .names import Identity
from .scene import CATALOG, QUERY, Photo, photograph
from .specimen import strike

UNKNOWN_EVERY = 8  # every eighth class has no catalog picture
MOST_NEIGHBOURS = 3  # other coins in a query photo
SEED_STRIDE = 100_000  # designs between the collections of neighbouring seeds
SHEET_COLUMNS, SHEET_CELL = 8, 192  # px


@dataclass(frozen=True)
class Picture:
    """One written photo."""

    path: str
    label: str
    role: str
    ellipse: Ellipse
    identity: Identity


def _write(path: Path, photo: Photo) -> None:
    if not cv2.imwrite(str(path), photo.picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92]):
        raise OSError(f"cannot write {path}")


def render_class(index: int, out: Path, seed: int, size: int, queries: int) -> list[Picture]:
    """Render and write all photos of one class."""
    cv2.setNumThreads(1)
    number = seed * SEED_STRIDE + index
    rng, design = np.random.default_rng([number, 4]), make_design(number)
    label, unknown = f"{index:05d}", index % UNKNOWN_EVERY == UNKNOWN_EVERY - 1
    pictures = []
    if not unknown:
        photo = photograph([strike(design, rng, mint_state=True)], replace(CATALOG, height=size, width=size), rng)
        pictures.append(Picture(f"catalog/{label}.jpg", label, "catalog", photo.ellipse, design.identity))
        _write(out / pictures[-1].path, photo)
    for k in range(queries):
        height = size if rng.random() < 0.5 else int(size * 0.75)
        count = int(rng.integers(1, MOST_NEIGHBOURS + 1)) if rng.random() < 0.3 else 0
        others = [make_design(number + 1 + n) for n in range(count)]
        coins = [strike(one, rng) for one in [design, *others]]
        photo = photograph(coins, replace(QUERY, height=height, width=size), rng, things=int(rng.integers(3)))
        role = "unknown" if unknown else "query"
        pictures.append(Picture(f"{role}/{label}_{k}.jpg", label, role, photo.ellipse, design.identity))
        _write(out / pictures[-1].path, photo)
    return pictures


def _table(path: Path, header: tuple[str, ...], rows: list[tuple]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _write_tables(out: Path, pictures: list[Picture]) -> None:
    labels = [
        (p.path, i.name, i.country, i.currency, i.denomination, i.side, i.year)
        for p, i in ((p, p.identity) for p in pictures if p.role == "catalog")
    ]
    _table(out / "labels.csv", ("path", "name", "country", "currency", "denomination", "side", "year"), labels)
    _table(out / "manifest.csv", ("path", "label", "role"), [(p.path, p.label, p.role) for p in pictures])
    ellipses = [
        (p.path, *(round(value, 2) for value in (e.cx, e.cy, e.a, e.b, e.angle)))
        for p, e in ((p, p.ellipse) for p in pictures)
    ]
    _table(out / "ellipses.csv", ("path", "cx", "cy", "a", "b", "angle"), ellipses)


def _cell(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path))
    scale = SHEET_CELL / max(picture.shape[:2])
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cell = np.full((SHEET_CELL, SHEET_CELL, 3), 255, np.uint8)
    cell[: picture.shape[0], : picture.shape[1]] = picture
    return cell


def _write_sheet(out: Path, pictures: list[Picture], rows: int = 4) -> None:
    """Alternating rows of catalog pictures and of queries below them."""
    groups: dict[str, list[Picture]] = {}
    for picture in pictures:
        groups.setdefault(picture.label, []).append(picture)
    known = [g for g in groups.values() if g[0].role == "catalog" and len(g) > 1][: SHEET_COLUMNS * rows]
    lines = []
    for start in range(0, len(known), SHEET_COLUMNS):
        part = known[start : start + SHEET_COLUMNS]
        for k in (0, 1):
            cells = [_cell(out / group[k].path) for group in part]
            cells += [np.full_like(cells[0], 255)] * (SHEET_COLUMNS - len(cells))
            lines.append(np.concatenate(cells, 1))
    if lines:
        cv2.imwrite(str(out / "contact_sheet.jpg"), np.concatenate(lines, 0))


def write_collection(out: Path, classes: int, seed: int, size: int, queries: int, workers: int) -> list[Picture]:
    """Render a collection into a folder; the same arguments give the same files."""
    for role in ("catalog", "query", "unknown"):
        (out / role).mkdir(parents=True, exist_ok=True)
    render = partial(render_class, out=out, seed=seed, size=size, queries=queries)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        groups = list(tqdm(pool.map(render, range(classes), chunksize=4), total=classes, desc="coins"))
    pictures = [picture for group in groups for picture in group]
    _write_tables(out, pictures)
    _write_sheet(out, pictures)
    return pictures
