"""Feeds seeded, mutated inputs to one reader, in a process of limited memory and time.

    python -m tests.attacks.fuzz KIND COUNT SEED FILE

Whatever is no typed refusal ends the process. The input that was in work is in FILE then.
"""

import atexit
import base64
import faulthandler
import json
import resource
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

MEMORY = 300_000_000  # bytes of address space on top of what the process has when it starts to read
SECONDS = 60  # of CPU for all inputs of a kind
LARGE = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x00", b"\x00\x10\x00\x00")
Reader = Callable[[bytes], bool]  # whether the input was taken


def mutants(originals: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Copies with bytes overwritten, cut out, put in or repeated, more often near the start, where the structure is."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        mutant = bytearray(originals[number % len(originals)])
        for _ in range(int(rng.integers(1, 6))):
            place = int(rng.integers(len(mutant) or 1) * (rng.random() if number % 2 else 1.0))
            match int(rng.integers(6)):
                case 0 | 1:
                    mutant[place : place + 1] = rng.bytes(1)
                case 2:
                    del mutant[place : place + int(rng.integers(1, 9))]
                case 3:
                    mutant[place:place] = rng.bytes(int(rng.integers(1, 9)))
                case 4:  # where sizes and counts are
                    mutant[place : place + 4] = LARGE[int(rng.integers(len(LARGE)))]
                case _:
                    mutant[place:place] = mutant[place : place + int(rng.integers(1, 200))]
        yield bytes(mutant)


def photos() -> tuple[list[bytes], Reader]:
    """Photos of every format, plain and special, and the hostile ones."""
    from ensemble.errors import PhotoError
    from ensemble.photo import decode
    from tests.attacks.photos import HARMLESS, HOSTILE, png, png_chunk, saved
    from tests.heif_files import ROTATED, box, tiled

    picture = np.random.default_rng(0).integers(0, 256, (9, 12, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    exif = bytes.fromhex("4578696600004d4d002a000000080001011200030000000100060000")
    originals = [
        *(tiled(picture, 64, box(ROTATED, b"\1"), file_format=kind, quality=40) for kind in ("HEIF", "AVIF")),
        *(saved(64, 48, kind, exif=exif) for kind in ("HEIF", "AVIF", "JPEG", "PNG")),
        saved(64, 48, "GIF"),
        saved(64, 48, "GIF", interlace=False, comment=b"x" * 300),
        saved(64, 48, "JPEG"),
        saved(64, 48, "JPEG", progressive=True),
        saved(64, 48, "PNG"),
        saved(64, 48, "WEBP"),
        saved(64, 48, "WEBP", lossless=True),
        saved(64, 48, "TIFF"),
        saved(64, 48, "TIFF", compression="tiff_lzw"),
        saved(64, 48, "TIFF", compression="jpeg"),
        saved(64, 48, "BMP"),
        png(8, 8, png_chunk(b"tEXt", b"comment\0x"), png_chunk(b"IDAT", b"x")),
        *(photo for photo, _ in HOSTILE.values() if len(photo) < 20_000),
        *(photo for photo in HARMLESS.values() if len(photo) < 20_000),
    ]

    def read(data: bytes) -> bool:
        try:
            decode(data)
        except PhotoError as error:
            assert len(error.answer.encode()) < 2_100
            return False
        return True

    return originals, read


def requests() -> tuple[list[bytes], Reader]:
    """Operations of a catalog, as JSON."""
    from catalog import Enrolment, Makers, open_catalog
    from catalog.service.operations.context import Context
    from catalog.service.operations.requests import parse, perform
    from ensemble.errors import RequestError
    from tests.attacks.photos import saved
    from tests.catalog.samples import JUDGE, relief_maps, unit_vectors

    folder = tempfile.mkdtemp()
    catalog = open_catalog(folder, Makers("m", "r"))
    context = Context(
        catalog,
        Makers("m", "r"),
        lambda pictures: unit_vectors(len(pictures)),
        lambda pictures: relief_maps(len(pictures)),
        JUDGE,
    )
    fields = {"name": "n", "country": "c", "currency": "u", "denomination": "1", "year": 1990, "metadata": {"a": 1.5}}
    encoded = base64.b64encode
    picture = encoded(saved(256, 256, "JPEG", quality=5)).decode()
    vector = encoded(unit_vectors(1)[0].tobytes()).decode()
    view = {"entry": {**fields, "id": "a"}, "side": "obverse", "picture": picture, "embedding": vector}
    operations: list[dict[str, Any]] = [
        {"operation": "list", "after": "", "limit": 3, "text": "n", "filters": {"side": "edge"}, "sort": "year"},
        {"operation": "change_view", "view": "1", "side": "edge", "entry": "a"},
        {"operation": "remove_view", "view": "2"},
        {"operation": "history", "id": "a", "after": "9", "limit": 3},
        {"operation": "undo", "id": "a", "event": "1"},
        {"operation": "undo"},
        {"operation": "similar", "id": "a", "k": 2},
        {"operation": "show", "id": "a"},
        {"operation": "picture", "id": "a", "view": "1"},
        {"operation": "update", "id": "a", "changes": {"year": 1999, "metadata": {"b": [1, 2.5, None, "x"]}}},
        {"operation": "import", "model": "m", "views": [view]},
        {"operation": "export", "after": "", "limit": 2},
        {"operation": "reembed", "limit": 4},
        {"operation": "calibrate", "threshold": 0.5},
        {"operation": "status"},
    ]
    originals = [json.dumps(each).encode() for each in operations]
    originals.append(json.dumps({**fields, "side": "obverse", "entry": "a"}).encode())

    def read(data: bytes) -> bool:
        try:
            text = data.decode(errors="surrogateescape")
            if b'"operation"' in data:
                reply = perform(context, parse(text))
                json.dumps(reply, allow_nan=False)
            else:
                Enrolment.from_json(text)
        except RequestError as error:
            assert len(error.answer.encode()) < 2_100
            return False
        return True

    atexit.register(shutil.rmtree, folder)
    return originals, read


def archives() -> tuple[list[bytes], Reader]:
    """Parquet files and tables of folders, as the client reads them."""
    from mintmark import MintmarkError, ViewRecord
    from mintmark._archive import open_archive, write_archive
    from mintmark._requests import import_batches
    from mintmark._types import Entry

    folder = Path(tempfile.mkdtemp())
    entry = Entry(id="a", name="n", country="c", currency="u", denomination="1", year=1990, metadata={"a": 1})
    vector = np.eye(1, 64, dtype=np.float32)[0]
    records = [ViewRecord(entry, side, b"\xff\xd8picture", vector, "m") for side in ("obverse", "reverse")]
    write_archive(folder / "a.parquet", records)
    write_archive(folder / "folder", records)
    originals = [(folder / "a.parquet").read_bytes(), (folder / "folder" / "labels.csv").read_bytes()]
    originals += [originals[0], (folder / "folder" / "export.json").read_bytes()]

    def read(data: bytes) -> bool:
        if b"PAR1" in data[:8] + data[-8:]:
            target, source = folder / "b.parquet", folder / "b.parquet"
        else:
            source = folder / "folder"
            target = source / ("export.json" if b"sha256" in data else "labels.csv")
        kept = target.read_bytes() if target.exists() else b""
        target.write_bytes(data)
        try:
            list(import_batches(open_archive(source).records(), lambda view: None))
        except MintmarkError:
            return False
        finally:
            target.write_bytes(kept)
        return True

    atexit.register(shutil.rmtree, folder)
    return originals, read


KINDS = {"photos": photos, "requests": requests, "archives": archives}


def main(kind: str, count: int, seed: int, kept: Path) -> None:
    """Read all inputs; prints how many were taken and how many refused."""
    faulthandler.enable()
    warnings.simplefilter("ignore")  # Pillow warns of oddities
    originals, read = KINDS[kind]()
    for original in originals:  # loads what is loaded lazily, before memory is limited
        read(original)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    used = int(resource.getrusage(resource.RUSAGE_SELF).ru_utime)
    resource.setrlimit(resource.RLIMIT_CPU, (used + SECONDS, used + SECONDS))
    taken = 0
    for mutant in mutants(originals, count, seed):
        kept.write_bytes(mutant)
        taken += read(mutant)
    kept.unlink()
    print(taken, count - taken)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
