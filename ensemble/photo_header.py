"""What the header of a photo file promises, read before anything is decoded or allocated for it.

Decoders trust headers: some lines of one make them allocate gigabytes, or read the same bytes again and again. Here
only lengths and counts are read, and every loop is bounded by a limit.
"""

import re
import struct
from collections.abc import Iterator
from contextlib import suppress

from ensemble.contract import MAX_MEGAPIXELS
from ensemble.errors import PhotoError
from ensemble.limits import DEFAULT, Limits

WEBP_BYTES = 8  # for a pixel: two canvases of libwebp's, which exist as soon as the file is open
LEAST_PIXEL_BYTES = 10  # for a decoded pixel, see ensemble/photo.py
JPEG_BYTES = 2  # of one coefficient: a JPEG of several scans keeps all coefficients until its last scan
TIFF = (b"II*\0", b"MM\0*")  # how a TIFF begins
_BIG_TIFF = (b"II+\0", b"MM\0+", b"II\0*", b"MM*\0")  # of more than 4 GB, and two that break the format
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_MOST_JUNK = 65_536  # bytes between the segments of a JPEG
_FRAMES_OF_JPEG = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_BARE = {0x01, *range(0xD0, 0xD9)}  # markers of a JPEG without a length
_EXIF, _MPF = b"Exif\0\0", b"MPF\0"
_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
}  # of a tag's values, by type
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _STRIPS, _SAMPLES, _ROWS = 256, 257, 258, 259, 273, 277, 278
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _ORIENTATION = 322, 323, 324, 274
_JPEG_IN_TIFF = (6, 7)
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])")
_SCAN = b"\xff\xda"


def check_header(encoded: bytes, limits: Limits) -> int:
    """Refuse a photo file whose header promises more than the limits allow.

    Args:
        encoded: a file; one that is damaged or of a format that is not known here passes.
        limits: see there.

    Returns:
        Bytes that its decoder takes besides the decoded picture.

    Raises:
        PhotoError: it is too large, or has too many pixels, scans, parts, tiles or frames.
    """
    if len(encoded) > limits.photo_bytes:
        raise PhotoError(f"the photo has {len(encoded)} bytes; the limit is {limits.photo_bytes}: send a smaller one")
    try:
        if encoded.startswith(_JPEG):
            return _check_jpeg(encoded, limits)
        if encoded.startswith(_PNG):
            return _check_png(encoded, limits)
        if encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP":
            return _check_webp(encoded, limits)
        if encoded.startswith(TIFF):
            return _check_tiff(encoded, limits)
    except (struct.error, IndexError):  # cut off: the decoder says so
        return 0
    if encoded.startswith(_BIG_TIFF):
        raise PhotoError("BigTIFF photos are not supported; send a TIFF, JPEG or PNG")
    return 0


def check_size(width: int, height: int, limits: Limits) -> None:
    """Refuse a picture of too many pixels, or with too long a side. Raises PhotoError."""
    megapixels = width * height / 1e6
    if megapixels > MAX_MEGAPIXELS:
        size = f"{width} x {height} pixels, {megapixels:.1f} megapixels"
        raise PhotoError(f"the photo has {size}; the limit is {MAX_MEGAPIXELS:g}: send a smaller one")
    if max(width, height) > limits.side:
        raise PhotoError(f"the photo has {width} x {height} pixels; the limit of a side is {limits.side}")


def check_memory(needed: float, limits: Limits) -> None:
    """Refuse a picture that takes too much memory. Raises PhotoError."""
    if needed > limits.memory:
        raise PhotoError(
            f"decoding the photo takes {needed / 1e6:.0f} MB; the limit is {limits.memory / 1e6:.0f}: send a smaller"
            " one, or an ordinary JPEG"
        )


def _check_count(count: int, most: int, what: str) -> None:
    if count > most:
        raise PhotoError(f"the photo has more than {most} {what}: send an ordinary JPEG")


def _check_jpeg(encoded: bytes, limits: Limits) -> int:
    """Segments up to the first scan one by one, as the decoder reads them; after it, scans are counted."""
    coefficients, exif = 0, b""
    for marker, start, length in _segments(encoded, 2, limits):
        if marker in _FRAMES_OF_JPEG:
            height, width, components = struct.unpack(">HHB", encoded[start + 1 : start + 6])
            check_size(width, height, limits)
            coefficients = width * height * components
        if marker == 0xE1 and encoded.startswith(_EXIF, start):  # the decoder joins these segments, too
            exif += encoded[start + len(_EXIF) : start + length]
        if marker == 0xE2 and encoded.startswith(_MPF, start):
            _check_embedded(encoded[start + len(_MPF) : start + length], limits)
        if marker == 0xDA:
            _check_embedded(exif, limits)
            scans = encoded.count(_SCAN, start) + 1
            if scans > limits.scans:  # what follows the picture, such as a film, may hold these bytes by chance
                scans = 1 + sum(each == 0xDA for each, _, _ in _segments(encoded, start + length, limits))
            _check_count(scans, limits.scans, "scans")
            return JPEG_BYTES * coefficients if scans > 1 else 0
    return 0


def _check_embedded(directory: bytes, limits: Limits) -> None:
    """Check a directory in a segment; one that is cut off passes, as decoders pass by it."""
    with suppress(struct.error):
        check_directory(directory, limits)


def _segments(encoded: bytes, start: int, limits: Limits) -> Iterator[tuple[int, int, int]]:
    """Marker, start and length of the content of each segment of a JPEG up to its end; bytes of scans are passed by."""
    scanning, junk, number = start > 2, 0, 0
    while (at := encoded.find(b"\xff", start)) >= 0:
        marker = encoded[at + 1]
        if scanning and marker in (0x00, 0xFF, *range(0xD0, 0xD8)):
            found = _IN_SCAN.search(encoded, at)
            if found is None:
                return
            at, marker = found.start(), encoded[found.start() + 1]
        elif not scanning:
            junk += at - start
            if marker in (0x00, 0xFF):
                junk, start = junk + 1, at + 1 + (marker == 0x00)
                _check_count(junk, _MOST_JUNK, "bytes between its segments")
                continue
        if marker == 0xD9:
            return
        number += 1
        _check_count(junk, _MOST_JUNK, "bytes between its segments")
        _check_count(number, limits.parts, "segments")
        if marker in _BARE:
            start = at + 2
            continue
        (length,) = struct.unpack(">H", encoded[at + 2 : at + 4])
        yield marker, at + 4, max(0, length - 2)
        scanning, start = marker == 0xDA, at + 2 + max(2, length)


_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # a marker that ends the data of a scan


def _check_png(encoded: bytes, limits: Limits) -> int:
    start, number = len(_PNG), 0
    while start + 8 <= len(encoded):
        length, kind = struct.unpack(">I4s", encoded[start : start + 8])
        if kind == b"IHDR":
            width, height = struct.unpack(">II", encoded[start + 8 : start + 16])
            check_size(width, height, limits)
        if kind == b"acTL":
            _check_count(struct.unpack(">I", encoded[start + 8 : start + 12])[0], limits.frames, "frames")
        if kind == b"IEND":
            break
        number += 1
        _check_count(number, limits.parts, "chunks")
        start += 12 + length
    return 0


def _check_webp(encoded: bytes, limits: Limits) -> int:
    start, number, frames, pixels = 12, 0, 0, 0
    while start + 8 <= len(encoded):
        kind, length = struct.unpack("<4sI", encoded[start : start + 8])
        if size := _webp_size(kind, encoded[start + 8 : start + 18]):
            check_size(*size, limits)
            pixels = max(pixels, size[0] * size[1])
        number, frames = number + 1, frames + (kind == b"ANMF")
        _check_count(number, limits.parts, "chunks")
        _check_count(frames, limits.frames, "frames")
        start += 8 + length + length % 2
    check_memory((WEBP_BYTES + LEAST_PIXEL_BYTES) * pixels, limits)
    return WEBP_BYTES * pixels


def _webp_size(kind: bytes, data: bytes) -> tuple[int, int] | None:
    """Width and height that a chunk of a WebP states; None if it states none."""
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", data[6:10])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _check_tiff(encoded: bytes, limits: Limits) -> int:
    values, counts = check_directory(encoded, limits)
    width, height = values.get(_WIDTH, 0), values.get(_HEIGHT, 0)
    check_size(width, height, limits)
    if _TILE_WIDTH in values or _TILE_HEIGHT in values:
        columns, rows = values.get(_TILE_WIDTH, 0), values.get(_TILE_HEIGHT, 0)
    else:
        columns, rows = width, min(values.get(_ROWS, height), height)
    if max(columns, rows) > limits.side:
        raise PhotoError(f"the photo has a tile of {columns} x {rows} pixels; the limit of a side is {limits.side}")
    blocks = -(-width // max(1, columns)) * -(-height // max(1, rows))
    blocks = max(blocks, counts.get(_STRIPS, 0), counts.get(_TILES, 0))
    _check_count(blocks, limits.tiles, "tiles or strips")
    if values.get(_COMPRESSION) in _JPEG_IN_TIFF:
        _check_count(encoded.count(_SCAN), limits.scans * max(1, blocks), "scans")
    block = columns * rows * values.get(_SAMPLES, 1) * max(8, values.get(_BITS, 1)) // 8
    check_memory(block, limits)
    return block


def check_directory(encoded: bytes, limits: Limits) -> tuple[dict[int, int], dict[int, int]]:
    """The tags of the first directory of a TIFF, or of EXIF data, which has its form.

    Decoders copy what each tag points to, so that many tags that point to the same bytes make a small file large.

    Returns:
        First value of each tag of whole numbers, and the number of its values.

    Raises:
        PhotoError: it has too many tags, or they point to more bytes than there are.
        struct.error: it is cut off.
    """
    order = ">" if encoded[:2] == b"MM" else "<"
    (start,) = struct.unpack(f"{order}I", encoded[4:8])
    (number,) = struct.unpack(f"{order}H", encoded[start : start + 2])
    _check_count(number, limits.parts, "tags")
    values, counts, size = dict[int, int](), dict[int, int](), 0
    for at in range(start + 2, min(start + 2 + 12 * number, len(encoded) - 11), 12):
        tag, kind, count = struct.unpack(f"{order}HHI", encoded[at : at + 8])
        length = count * _SIZES.get(kind, 0)
        place = at + 8
        if length > 4:
            (place,) = struct.unpack(f"{order}I", encoded[at + 8 : at + 12])
            size += min(length, len(encoded))
        if kind in (3, 4) and count:
            form, width = ("H", 2) if kind == 3 else ("I", 4)
            if len(data := encoded[place : place + width]) == width:
                values[tag], counts[tag] = struct.unpack(f"{order}{form}", data)[0], count
    if size > 2 * len(encoded):  # some writers let two tags share a value
        raise PhotoError(
            f"the tags of the photo point to {size} bytes in {len(encoded)}: it was made to exhaust memory"
        )
    return values, counts


def orientation(exif: bytes, xmp: bytes) -> int:
    """How to turn a picture, 1 to 8: EXIF's, or else XMP's; 1 where neither says.

    Args:
        exif: EXIF data, as a file holds them.
        xmp: XMP data, likewise.
    """
    try:
        values, _ = check_directory(exif.removeprefix(_EXIF), DEFAULT)
    except (struct.error, PhotoError):
        values = {}
    said = values.get(_ORIENTATION) or next((int(each[1]) for each in _XMP_ORIENTATION.finditer(xmp)), 1)
    return said if 1 <= said <= 8 else 1
