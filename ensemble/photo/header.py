"""What the header of a photo file promises, read before anything is decoded or allocated for it.

Decoders trust headers: some lines of one make them allocate gigabytes, or read the same bytes again and again. Here
only lengths and counts are read, and every loop is bounded by a limit.
"""

import struct

from ensemble.errors import PhotoError
from ensemble.limits import Limits
from ensemble.photo import parts
from ensemble.photo.checks import LEAST_PIXEL_BYTES, check_count, check_memory, check_size
from ensemble.photo.heif import check_heif
from ensemble.photo.metadata import PICTURE_TAGS

WEBP_BYTES = 8  # for a pixel: two canvases of libwebp's, which exist as soon as the file is open
JPEG_BYTES = 2  # of one coefficient: a JPEG of several scans keeps all coefficients until its last scan
_FRAMES_OF_JPEG = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_SCAN = b"\xff\xda"
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _STRIPS, _SAMPLES, _ROWS = 256, 257, 258, 259, 273, 277, 278
_TILE_WIDTH, _TILE_HEIGHT, _TILES = 322, 323, 324
_BLOCKS = (_STRIPS, 279, _TILES, 325)  # tags with a value for each strip or tile: places and lengths
_MOST_VALUES = 200_000  # of any other tag: a palette has 196,608
_JPEG_IN_TIFF = (6, 7)


def check_header(encoded: bytes, name: str, limits: Limits) -> float:
    """Refuse a photo file whose header promises more than the limits allow.

    Args:
        encoded: a file; one that is damaged may pass, and its decoder refuses it.
        name: of its format, one of PHOTO_FORMATS.
        limits: see there.

    Returns:
        Bytes that its decoder takes besides the decoded picture.

    Raises:
        PhotoError: it has too many pixels, scans, parts, tiles or frames.
    """
    if name in ("HEIF", "AVIF"):
        return check_heif(encoded, name, limits)
    check = {"JPEG": _check_jpeg, "PNG": _check_png, "WEBP": _check_webp, "TIFF": _check_tiff, "GIF": _check_gif}
    try:
        return check[name](encoded, limits) if name in check else 0
    except (struct.error, IndexError):  # cut off: the decoder says so
        return 0


def _check_jpeg(encoded: bytes, limits: Limits) -> int:
    """Segments up to the first scan one by one, as the decoder reads them; after it, scans are counted."""
    coefficients = scans = 0
    for number, segment in enumerate(parts.jpeg_segments(encoded), 1):
        check_count(number, limits.parts, "segments")
        marker = segment.kind[0]
        if marker in _FRAMES_OF_JPEG:
            height, width, components = struct.unpack_from(">HHB", encoded, segment.content + 1)
            check_size(width, height, limits)
            coefficients = max(coefficients, width * height * components)
        if marker == parts.START_OF_SCAN:
            # What follows the picture, such as a film, may hold these bytes by chance: then they are looked at in turn.
            if not scans and (marks := encoded.count(_SCAN, segment.start)) <= limits.scans:
                scans = marks
                break
            scans += 1
            check_count(scans, limits.scans, "scans")
    return JPEG_BYTES * coefficients if scans > 1 else 0


def _check_png(encoded: bytes, limits: Limits) -> int:
    for number, chunk in enumerate(parts.png_chunks(encoded), 1):
        check_count(number, limits.parts, "chunks")
        if chunk.kind == b"IHDR":
            width, height = struct.unpack_from(">II", encoded, chunk.content)
            check_size(width, height, limits)
    return 0


def _check_webp(encoded: bytes, limits: Limits) -> int:
    frames, pixels = 0, 0
    for number, chunk in enumerate(parts.webp_chunks(encoded), 1):
        check_count(number, limits.parts, "chunks")
        if size := _webp_size(chunk.kind, encoded[chunk.content : chunk.content + 10]):
            check_size(*size, limits)
            pixels = max(pixels, size[0] * size[1])
        frames += chunk.kind == b"ANMF"
        check_count(frames, limits.frames, "frames")
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


def _check_gif(encoded: bytes, limits: Limits) -> int:
    """Extensions up to the first picture, which may reach beyond the size that the header says."""
    width, height = struct.unpack_from("<HH", encoded, 6)
    check_size(width, height, limits)
    for number, block in enumerate(parts.gif_blocks(encoded), 1):
        check_count(number, limits.parts, "blocks")
        if block.kind == parts.GIF_PICTURE:
            left, top, columns, rows = struct.unpack_from("<HHHH", encoded, block.content)
            check_size(max(width, left + columns), max(height, top + rows), limits)
    return 0


def _check_tiff(encoded: bytes, limits: Limits) -> int:
    tags = {tag.number: tag for tag in parts.tags(encoded)}
    check_count(len(tags), limits.parts, "tags")
    for number, tag in tags.items():
        if number not in _BLOCKS and number in PICTURE_TAGS:
            check_count(tag.values, _MOST_VALUES, "values of one tag")
    first = {number: values[0] for number, tag in tags.items() if (values := parts.whole_numbers(encoded, tag, 1))}
    width, height = first.get(_WIDTH, 0), first.get(_HEIGHT, 0)
    check_size(width, height, limits)
    if _TILE_WIDTH in first or _TILE_HEIGHT in first:
        columns, rows = first.get(_TILE_WIDTH, 0), first.get(_TILE_HEIGHT, 0)
    else:
        columns, rows = width, min(first.get(_ROWS, height), height)
    if max(columns, rows) > limits.side:
        raise PhotoError(f"the photo has a tile of {columns} x {rows} pixels; the limit of a side is {limits.side}")
    blocks = -(-width // max(1, columns)) * -(-height // max(1, rows))
    blocks = max(blocks, *(tags[number].values for number in _BLOCKS if number in tags), 0)
    check_count(blocks, limits.tiles, "tiles or strips")
    if first.get(_COMPRESSION) in _JPEG_IN_TIFF:
        check_count(encoded.count(_SCAN), limits.scans * max(1, blocks), "scans")
    block = columns * rows * first.get(_SAMPLES, 1) * max(8, first.get(_BITS, 1)) // 8
    check_memory(block, limits)
    return block
