"""Fetch packages of Debian and keep the pictures in them that show no coin, each listed with its licences.

    python -m training.backgrounds.fetch --out BACKGROUNDS

Writes `pictures.csv` (path, kind, set, package, version, member, width, height, licences), the pictures, long side at
most 1024 px, and `licences/PACKAGE.txt`, what the package itself says. `--sheets` adds contact sheets: look at them,
and name what shows a coin in `sources.REFUSED`. Packages that are there already are not fetched again.
"""

import argparse
import csv
import hashlib
import io
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import IO

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from training.backgrounds.sources import ARCHIVES, OBJECT, REFUSED, SOURCES, SUFFIXES, Source

LONGEST, SHORTEST = 1024, 120  # px: larger pictures are reduced, smaller ones left out
WIDEST = 4.0  # width over height, or the other way round
LOOKED_AT = 3  # pictures of an archive for each that is kept at most
HELD_OUT = 0.25  # share of the folders
LEAST_SPREAD = 6.0  # grey levels, standard deviation: flatter pictures show nothing
TRAIN, TEST = "train", "held_out"
SHEET_COLUMNS, SHEET_ROWS, SHEET_CELL = 14, 10, 128  # px

Member = tuple[str, bytes]


class FetchError(RuntimeError):
    """A package cannot be fetched or read; the message says which and why."""


@dataclass(frozen=True)
class Picture:
    """One kept picture: a row of pictures.csv."""

    path: str
    kind: str
    set: str
    package: str
    version: str
    member: str
    width: int
    height: int
    licences: str


def fraction(*words: str) -> float:
    """A number from 0 to below 1, evenly spread over words, the same on every machine."""
    return int.from_bytes(hashlib.sha256("\0".join(words).encode()).digest()[:6], "big") / 2**48


def group(package: str, member: str) -> str:
    """What belongs together: pictures of one folder whose names begin alike. It is never in both sets."""
    folder, _, name = member.rpartition("/")
    return f"{package}/{folder}/{re.sub(r'[^a-z]', '', name.lower())[:5]}"


def set_of(source: Source, member: str) -> str:
    """Whether a picture is for training or held out."""
    return TEST if source.held_out or fraction("set", group(source.package, member)) < HELD_OUT else TRAIN


def wanted(source: Source, member: str) -> bool:
    """Whether a member of a package, `archive!path` in an archive, is a picture to look at."""
    taken = member.lower().endswith(SUFFIXES) and re.search(source.take, member)
    return bool(taken) and not REFUSED.search(member)


def choose(source: Source, members: list[str]) -> list[str]:
    """The members to keep at most, in an order that only their names decide; `each` bounds those of one folder."""
    of_folder: Counter[str] = Counter()
    chosen = []
    for member in sorted(members, key=lambda name: fraction(source.package, name)):
        folder = member.rpartition("/")[0]
        of_folder[folder] += 1
        if of_folder[folder] <= source.each:
            chosen.append(member)
    return chosen


def reduce(data: bytes, kind: str) -> np.ndarray | None:
    """The picture, uint8 RGB [h, w, 3] or, of an object, RGBA [h, w, 4]; None where it is of no use."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if min(image.size) < SHORTEST or max(image.size) > WIDEST * min(image.size):
                return None
            image.draft("RGB", (LONGEST, LONGEST))
            opaque = image.convert("RGBA").getchannel("A").getextrema()[0] > 250
            if opaque == (kind == OBJECT):
                return None
            small = image.convert("RGBA" if kind == OBJECT else "RGB")
            small.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS, reducing_gap=2.0)
            picture = np.asarray(small)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if kind == OBJECT:
        return picture
    r, g, b = picture.reshape(-1, 3).mean(0)
    slopes = b > 190 and abs(r - 128) < 25 and abs(g - 128) < 25  # a map of slopes
    return None if slopes or picture.std() < LEAST_SPREAD else picture


def download(package: str, folder: Path) -> Path:
    """The package's file, from Debian's archive unless it is in `folder`.

    Raises:
        FetchError: there is no apt, or no such package.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise FetchError("apt-get and dpkg-deb are needed: run this on Debian or a system made from it")
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob(f"{package}_*.deb")):
        done = subprocess.run(["apt-get", "download", package], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise FetchError(f"cannot fetch {package}: {done.stderr.strip()[-300:]}")
    return next(folder.glob(f"{package}_*.deb"))


def members(source: Source, package: Path) -> Iterator[Member]:
    """Name and bytes of the copyright file and of the pictures that are looked at; in archives by `archive!path`."""
    process = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE)
    with process, tarfile.open(fileobj=process.stdout, mode="r|") as tar:
        for entry in tar:
            content = tar.extractfile(entry) if entry.isfile() else None
            if content is None:
                continue
            if entry.name.endswith(ARCHIVES):
                yield from _in_archive(source, entry.name, content)
            elif wanted(source, entry.name) or entry.name.endswith("/copyright"):
                yield entry.name, content.read()


def _in_archive(source: Source, name: str, content: IO[bytes]) -> Iterator[Member]:
    with tempfile.TemporaryFile() as file:
        shutil.copyfileobj(content, file)
        with zipfile.ZipFile(file) as archive:
            names = [f"{name}!{inner}" for inner in archive.namelist()]
            chosen = choose(source, [member for member in names if wanted(source, member)])
            # Archives hold thousands of pictures, of which most would be read for nothing.
            for member in chosen[: LOOKED_AT * source.most]:
                yield member, archive.read(member.partition("!")[2])


def licences(copyright_file: str) -> str:
    """The short names of all licences in a package's copyright file, or what it calls them where it is not in DEP-5."""
    names = re.findall(r"^License:[ \t]*(\S.*)$", copyright_file, re.MULTILINE)
    names = names or re.findall(r"GNU General Public License|Creative Commons [A-Z][\w-]+ [\d.]+", copyright_file)
    return ", ".join(sorted({name.strip() for name in names}))


def keep(source: Source, package: Path, out: Path) -> list[Picture]:
    """Write the pictures of one package that are of use."""
    found = dict(members(source, package))
    texts = {name: data.decode(errors="replace") for name, data in found.items() if name.endswith("/copyright")}
    text = texts.get(f"./usr/share/doc/{source.package}/copyright", "")
    (out / "licences").mkdir(parents=True, exist_ok=True)
    (out / "licences" / f"{source.package}.txt").write_text(text)
    version = package.name.split("_")[1].replace("%3a", ":")
    kept: list[Picture] = []
    seen: list[np.ndarray] = []
    for member in choose(source, [name for name in found if name not in texts]):
        if len(kept) == source.most:
            break
        picture = reduce(found[member], source.kind)
        if picture is None or _repeats(picture, seen):
            continue
        suffix = ".png" if source.kind == OBJECT else ".jpg"
        digest = hashlib.sha256(member.encode()).hexdigest()[:12]
        path = Path("pictures") / source.package / f"{digest}{suffix}"
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        code = cv2.COLOR_RGBA2BGRA if source.kind == OBJECT else cv2.COLOR_RGB2BGR
        cv2.imwrite(str(out / path), cv2.cvtColor(picture, code), [cv2.IMWRITE_JPEG_QUALITY, 92])
        height, width = picture.shape[:2]
        where = (source.package, version, member.removeprefix("./"), width, height, licences(text))
        kept.append(Picture(path.as_posix(), source.kind, set_of(source, member), *where))
    return kept


def _repeats(picture: np.ndarray, seen: list[np.ndarray]) -> bool:
    """Whether a picture is almost one that was seen, which is then remembered."""
    small = cv2.resize(picture[..., :3], (12, 12), interpolation=cv2.INTER_AREA).astype(np.float32)
    if any(np.abs(small - other).mean() < 4 for other in seen):
        return True
    seen.append(small)
    return False


def read_pictures(folder: Path) -> list[Picture]:
    """The rows of pictures.csv.

    Raises:
        FileNotFoundError: it is not there.
    """
    with (folder / "pictures.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [Picture(**{**row, "width": int(row["width"]), "height": int(row["height"])}) for row in rows]  # type: ignore[arg-type]


def write_pictures(folder: Path, pictures: list[Picture]) -> None:
    """Write pictures.csv."""
    with (folder / "pictures.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(Picture)])
        writer.writerows(astuple(picture) for picture in pictures)


def write_sheets(folder: Path, pictures: list[Picture]) -> None:
    """Contact sheets of all pictures, in the order of the table."""
    cells = SHEET_COLUMNS * SHEET_ROWS
    (folder / "sheets").mkdir(exist_ok=True)
    for first in range(0, len(pictures), cells):
        sheet = np.full((SHEET_ROWS * SHEET_CELL, SHEET_COLUMNS * SHEET_CELL, 3), 255, np.uint8)
        for place, picture in enumerate(pictures[first : first + cells]):
            row, column = divmod(place, SHEET_COLUMNS)
            image = cv2.imread(str(folder / picture.path), cv2.IMREAD_COLOR)
            y, x = row * SHEET_CELL, column * SHEET_CELL
            sheet[y : y + SHEET_CELL, x : x + SHEET_CELL] = cv2.resize(
                image, (SHEET_CELL, SHEET_CELL), interpolation=cv2.INTER_AREA
            )
            cv2.putText(sheet, str(first + place), (x + 2, y + 11), cv2.FONT_HERSHEY_PLAIN, 0.8, (0, 0, 255))
        cv2.imwrite(str(folder / "sheets" / f"{first // cells:02d}.png"), sheet)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", metavar="PACKAGE", help="of the listed packages")
    parser.add_argument("--sheets", action="store_true", help="write contact sheets")
    args = parser.parse_args()
    pictures: list[Picture] = []
    for source in tqdm([s for s in SOURCES if not args.only or s.package in args.only]):
        try:
            pictures += keep(source, download(source.package, args.out / "debs"), args.out)
        except FetchError as error:
            print(f"left out: {error}")
        write_pictures(args.out, pictures)
    print(Counter((picture.kind, picture.set) for picture in pictures))
    if args.sheets:
        write_sheets(args.out, pictures)


if __name__ == "__main__":
    main()
