"""HEIC and AVIF files for tests: pillow-heif and Pillow code the pictures, and the boxes are written here.

So there are grids of tiles, as phones write them, and files that no encoder would write.
"""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pillow_heif
from PIL import Image

from ensemble.photo import parts

pillow_heif.register_heif_opener()  # so that Pillow saves HEIF

ROTATED, MIRRORED = b"irot", b"imir"


@dataclass
class Item:
    """An item of a file: its type, its data, its properties, and by kinds of reference the items that it refers to."""

    kind: bytes
    data: bytes
    properties: Sequence[bytes] = ()
    refers: dict[bytes, Sequence[int]] = field(default_factory=dict)


def box(kind: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def find_box(encoded: bytes, path: str, start: int = 0, stop: int | None = None) -> parts.Part | None:
    """The first box of a path such as 'meta/iprp/ipco'."""
    name, _, rest = path.partition("/")
    for box in parts.boxes(encoded, start, len(encoded) if stop is None else stop):
        if box.kind == name.encode():
            content = box.content + 4 * (name == "meta")  # its version
            return find_box(encoded, rest, content, box.stop) if rest else box
    return None


def full_box(kind: bytes, *contents: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *contents)


def ispe(width: int, height: int) -> bytes:
    return full_box(b"ispe", struct.pack(">II", width, height))


def coded(picture: np.ndarray, file_format: str = "HEIF", **options: object) -> Item:
    """A picture as an item of its own, with its configuration and its size."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, file_format, **options)
    encoded = file.getvalue()
    kind, configuration = (b"hvc1", "hvcC") if file_format == "HEIF" else (b"av01", "av1C")
    data = find_box(encoded, "mdat")
    found = [find_box(encoded, f"meta/iprp/ipco/{name}") for name in (configuration, "ispe", "clap")]
    assert data and found[0] and found[1]
    return Item(kind, encoded[data.content : data.stop], [encoded[one.start : one.stop] for one in found if one])


def grid(columns: int, rows: int, width: int, height: int, tiles: Sequence[int], *properties: bytes) -> Item:
    """A picture made of other items."""
    data = bytes([0, 0, rows - 1, columns - 1]) + struct.pack(">HH", width, height)
    return Item(b"grid", data, [ispe(width, height), *properties], {b"dimg": tiles})


def tiled(picture: np.ndarray, side: int, *properties: bytes, file_format: str = "HEIF", quality: int = 90) -> bytes:
    """A file of square tiles, the last ones filled up, as an iPhone writes it."""
    height, width = picture.shape[:2]
    rows, columns = -(-height // side), -(-width // side)
    padded = np.pad(picture, ((0, rows * side - height), (0, columns * side - width), (0, 0)), "edge")
    places = [(side * row, side * column) for row in range(rows) for column in range(columns)]
    options = {"subsampling": "4:4:4"} if file_format == "AVIF" else {}  # which may have odd sides
    items = [coded(padded[y : y + side, x : x + side], file_format, quality=quality, **options) for y, x in places]
    numbers = range(2, 2 + len(items))
    return heif([grid(columns, rows, width, height, numbers, *properties), *items], file_format)


def heif(items: Sequence[Item], file_format: str = "HEIF", more: bytes = b"", brand: bytes | None = None) -> bytes:
    """A file; items are numbered from 1, and the first is the photo. `more` follows the box meta."""
    major = brand or {"HEIF": b"heic", "AVIF": b"avif"}[file_format]
    head = box(b"ftyp", major, bytes(4), b"mif1", major)
    described = list(dict.fromkeys(one for item in items for one in item.properties))
    entries = [
        full_box(b"infe", struct.pack(">HH4s", number, 0, item.kind), b"\0", version=2)
        for number, item in enumerate(items, 1)
    ]
    associations = [
        struct.pack(">HB", number, len(item.properties))
        + b"".join(struct.pack(">H", 0x8000 | 1 + described.index(one)) for one in item.properties)
        for number, item in enumerate(items, 1)
    ]
    references = [
        box(kind, struct.pack(f">HH{len(targets)}H", number, len(targets), *targets))
        for number, item in enumerate(items, 1)
        for kind, targets in item.refers.items()
    ]

    def meta(start: int) -> bytes:
        places, at = [], start
        for number, item in enumerate(items, 1):
            places.append(struct.pack(">HHHII", number, 0, 1, at, len(item.data)))
            at += len(item.data)
        return full_box(
            b"meta",
            full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
            full_box(b"pitm", struct.pack(">H", 1)),
            full_box(b"iloc", b"\x44\0", struct.pack(">H", len(items)), *places),
            full_box(b"iinf", struct.pack(">H", len(items)), *entries),
            box(
                b"iprp",
                box(b"ipco", *described),
                full_box(b"ipma", struct.pack(">I", len(items)), *associations, flags=1),
            ),
            full_box(b"iref", *references),
        )

    start = len(head) + len(meta(0)) + len(more) + 8
    return head + meta(start) + more + box(b"mdat", *(item.data for item in items))
