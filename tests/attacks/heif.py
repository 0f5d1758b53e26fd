"""Hostile HEIF, AVIF and GIF files, made by code: small to send, dear to decode, or read differently by decoders."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tests.heif_files import Item, box, coded, full_box, grid, heif, ispe

SMALL = np.broadcast_to(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], (64, 64, 3)).copy()
HEVC, AV1 = coded(SMALL), coded(SMALL, "AVIF")
TURN = box(b"irot", b"\1")


def bits_of(*numbers: tuple[int, int]) -> bytes:
    """Numbers, each with its width in bits, one after the other, filled up to whole bytes."""
    text = "".join(f"{value:0{width}b}" for value, width in numbers)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def exp_golomb(value: int) -> tuple[int, int]:
    return value + 1, 2 * (value + 1).bit_length() - 1


def hevc_sequence(width: int, height: int) -> bytes:
    """A sequence parameter set of main profile, as a NAL unit."""
    profile = (0x0160000000900000000000, 88)
    numbers = [(0, 4), (0, 3), (1, 1), profile, (120, 8), *map(exp_golomb, (0, 1, width, height)), (1, 1)]
    return b"\x42\x01" + bits_of(*numbers) + bytes(20)


def av1_sequence(width: int, height: int) -> bytes:
    """A sequence header in the short form of still pictures, as an open bitstream unit."""
    header = bits_of((0, 3), (1, 1), (1, 1), (31, 5), (15, 4), (15, 4), (width - 1, 16), (height - 1, 16)) + bytes(4)
    return bytes([1 << 3 | 2, len(header)]) + header


def hevc_units(*units: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in units)


def units_of(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def configured(units: Sequence[bytes], kind: int = 33) -> bytes:
    """A property hvcC with units of one type."""
    listed = b"".join(struct.pack(">H", len(unit)) + unit for unit in units)
    return box(b"hvcC", b"\1" + bytes(20) + b"\3\1" + bytes([kind]) + struct.pack(">H", len(units)) + listed)


def single(item: Item, file_format: str = "HEIF", **changes: Any) -> bytes:
    return heif([replace(item, **changes)], file_format)


def of_grid(tiles: int, columns: int, rows: int, tile: Item = HEVC, side: int = 64) -> bytes:
    """A grid in which every tile is the same item."""
    return heif([grid(columns, rows, min(columns * side, 8_000), min(rows * side, 8_000), [2] * tiles), tile])


def hevc_of_many_slices(slices: int) -> bytes:
    """The slice of a picture, and again as a further one of the same picture."""
    slice_unit = next(unit for unit in units_of(HEVC.data) if unit[0] >> 1 < 32)
    further = slice_unit[:2] + bytes([slice_unit[2] & 0x7F]) + slice_unit[3:]
    return single(HEVC, data=hevc_units(slice_unit, *[further] * slices))


def of_many_items(items: int) -> bytes:
    """With entries of items that have nothing."""
    entries = [full_box(b"infe", struct.pack(">HH4s", number, 0, b"none"), version=2) for number in range(items)]
    table = full_box(b"iinf", struct.pack(">H", items), *entries)
    return box(b"ftyp", b"heic", bytes(4), b"mif1") + full_box(b"meta", full_box(b"pitm", b"\0\1"), table)


def of_repeated_data(times: int) -> bytes:
    """An item whose data are the whole file, many times."""
    data = bytes(500_000)
    encoded = bytearray(heif([replace(HEVC, data=HEVC.data + data)]))
    start = encoded.index(b"iloc") + 4
    entry = struct.pack(">HHH", 1, 0, times) + struct.pack(">II", 0, len(encoded)) * times
    table = full_box(b"iloc", b"\x44\0", struct.pack(">H", 1), entry)
    length = int.from_bytes(encoded[start - 8 : start - 4], "big")
    encoded[start - 8 : start - 8 + length] = table
    meta = encoded.index(b"meta") - 4
    grown = int.from_bytes(encoded[meta : meta + 4], "big") + len(table) - length
    encoded[meta : meta + 4] = struct.pack(">I", grown)
    return bytes(encoded)


def gif(width: int, height: int, frame: tuple[int, int, int, int], before: bytes = b"") -> bytes:
    """A GIF of hardly any data that claims sizes: of the screen, and of the first picture, with its place."""
    picture = b"\x2c" + struct.pack("<HHHHB", *frame, 0) + b"\2\2\x4c\1\0"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + before + picture + b";"


def comment(blocks: int, size: int) -> bytes:
    """An extension of a GIF that Pillow would put together block by block."""
    return b"\x21\xfe" + (bytes([size]) + b"x" * size) * blocks + b"\0"


ENORMOUS = r"16000 x 16000 pixels, 256\.0 megapixels; the limit is 64"
HOSTILE_HEIF = {
    "HEIC of 60,000 px": (single(HEVC, properties=[HEVC.properties[0], ispe(60_000, 60_000)]), "the limit is 64"),
    "HEIC of one enormous row": (single(HEVC, properties=[HEVC.properties[0], ispe(40_000, 1)]), "limit of a side"),
    "HEIC whose stream is larger": (
        single(HEVC, properties=[configured([hevc_sequence(16_000, 16_000)]), ispe(64, 64)]),
        ENORMOUS,
    ),
    "HEIC whose stream grows": (
        single(HEVC, data=hevc_units(hevc_sequence(16_000, 16_000)) + HEVC.data),
        ENORMOUS,
    ),
    "HEIC of many pictures in one": (single(HEVC, data=HEVC.data * 50), "more than 1 pictures in one item"),
    "HEIC of many slices": (hevc_of_many_slices(1_000), "more than 32 slices"),
    "HEIC of large slices": (
        single(
            HEVC,
            properties=[HEVC.properties[0], ispe(8_000, 8_000)],
            data=hevc_units(*[HEVC.data[4:6] + b"\x80" + HEVC.data[7:40]], *[HEVC.data[4:6] + bytes(40)] * 9),
        ),
        r"640\.0 megapixels of pictures and slices; the limit is 128",
    ),
    "HEIC of many units": (single(HEVC, data=hevc_units(*[b"\x4e\1\0"] * 50_000)), "more than 20000 boxes, items and"),
    "HEIC of 40,000 tiles": (of_grid(40_000, 200, 200), "more than 20000 boxes|tiles"),
    "HEIC whose tiles are missing": (of_grid(3, 2, 2), "damaged or cut off in its header"),
    "HEIC of large tiles": (
        of_grid(200, 20, 10, replace(HEVC, properties=[HEVC.properties[0], ispe(4_000, 4_000)]), 400),
        "3200.0 megapixels of tiles; the limit is 80",
    ),
    "HEIC of grids of grids": (
        heif([grid(2, 2, 128, 128, [2] * 4), grid(2, 2, 128, 128, [3] * 4), HEVC]),
        "another structure than phones write",
    ),
    "HEIC laid over itself": (
        heif([Item(b"iovl", bytes(100), [ispe(64, 64)], {b"dimg": [2] * 50}), HEVC]),
        "another structure than phones write",
    ),
    "HEIC turned 200 times": (single(HEVC, properties=[*HEVC.properties, TURN, box(b"irot", b"\2")]), "damaged"),
    "HEIC of 60,000 items": (of_many_items(60_000), "more than 20000 boxes"),
    "HEIC with the same bytes": (of_repeated_data(2_000), "made to exhaust memory"),
    "HEIC with two tables": (heif([HEVC]) + heif([HEVC])[24:], "damaged or cut off in its header"),
    "AVIF whose stream is larger": (
        single(AV1, "AVIF", data=av1_sequence(16_000, 16_000) + AV1.data),
        ENORMOUS,
    ),
    "AVIF of many frames": (single(AV1, "AVIF", data=AV1.data + b"\x32\3abc" * 100), "more than 4 pictures in one"),
    "AVIF of 60,000 px": (single(AV1, "AVIF", properties=[AV1.properties[0], ispe(60_000, 60_000)]), "the limit is 64"),
    "AVIF of many units": (single(AV1, "AVIF", data=b"\x12\0" * 50_000), "more than 20000 boxes, items and"),
    "AVIF of HEVC": (heif([HEVC], "AVIF"), "AVIF photos of another structure"),
    "GIF of an enormous screen": (gif(65_535, 65_535, (0, 0, 1, 1)), "the limit is 64"),
    "GIF of an enormous picture": (gif(1, 1, (0, 0, 65_535, 65_535)), "the limit is 64"),
    "GIF of a picture far away": (gif(1, 1, (65_000, 65_000, 1, 1)), "the limit is 64"),
    "GIF of many comments": (gif(8, 8, (0, 0, 8, 8), comment(50_000, 1)), "more than 20000 blocks"),
}
"""Each photo, and what its refusal says, as a regular expression."""
