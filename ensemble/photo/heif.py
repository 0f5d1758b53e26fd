"""The limits of HEIF and AVIF: pictures in boxes, a large one often as a grid of tiles.

Only what cameras and phones write is let through to the decoders: one coded picture, or one grid of them, each item of
one picture, no larger than allowed, turned and cut once.
"""

import itertools
import struct
from collections.abc import Callable

from ensemble.contract import MAX_MEGAPIXELS
from ensemble.errors import PhotoError
from ensemble.limits import Limits
from ensemble.photo import coded, parts
from ensemble.photo.checks import check_count, check_memory, check_size
from ensemble.photo.coded import Coded
from ensemble.photo.items import CODED, GRID, Counter, Item, read_items

PIXEL_BYTES = 5.6  # of memory for a decoded pixel, besides the picture: as measured with 10 bits and fine colours
_READERS: dict[bytes, Callable[[bytes, bytes, Counter], Coded]] = {b"hvc1": coded.hevc, b"av01": coded.av1}
_CODEC = {"HEIF": b"hvc1", "AVIF": b"av01"}
_OTHER_CODECS = {b"vvc1": "VVC", b"avc1": "H.264", b"jpeg": "JPEG", b"j2k1": "JPEG 2000", b"unci": "plain pixels"}
_MOST_PICTURES = {b"hvc1": 1, b"av01": 4}  # of one item; those of AVIF may have layers
_MOST_TILED = 1.25  # times the pixels that a photo may have, of all tiles: the last ones overhang
_MOST_DECODED = 2.0  # times likewise, of all pictures, each as often as it has slices: they may lie over each other


def check_heif(encoded: bytes, name: str, limits: Limits) -> float:
    """Refuse a HEIF or AVIF that promises more than the limits allow, or what no camera writes.

    Args:
        encoded: a file.
        name: of its format, HEIF or AVIF.
        limits: see there.

    Returns:
        Bytes that its decoder takes besides the decoded picture.

    Raises:
        PhotoError: too many pixels, items, tiles, slices or pictures; another codec; a sequence; damage.
    """
    numbers = itertools.count(1)

    def count() -> None:
        check_count(next(numbers), limits.parts, "boxes, items and units")

    try:
        return _check(read_items(encoded, count), name, count, limits)
    except (struct.error, IndexError, KeyError) as error:
        if any(box.kind == b"moov" for box in itertools.islice(parts.boxes(encoded, 0, len(encoded)), limits.parts)):
            advice = "send one picture of it as JPEG"
            raise PhotoError(f"{name} sequences without a still photo are not supported; {advice}") from error
        raise PhotoError(f"the {name} photo is damaged or cut off in its header") from error
    except ValueError as error:
        raise PhotoError(str(error)) from error


def _check(items: dict[int, Item], name: str, count: Counter, limits: Limits) -> float:
    pixels, decoded = dict[int, int](), 0
    for number, item in items.items():
        kind = item.kind
        if kind == GRID:
            kind = next((items[tile].kind for tile in item.tiles if items[tile].kind != _CODEC[name]), _CODEC[name])
        if kind != _CODEC[name]:
            what = _OTHER_CODECS.get(kind, "another structure than phones write")
            raise PhotoError(f"{name} photos of {what} are not supported; export it as JPEG")
        if item.kind == GRID:
            _check_grid(item, limits)
        else:
            pixels[number], layers = _check_coded(item, count, limits)
            decoded += pixels[number] * layers
            _check_pixels(decoded, _MOST_DECODED, "of pictures and slices")
    for number, item in items.items():
        if item.kind == GRID:
            pixels[number] = len(item.tiles) * max(pixels[tile] for tile in item.tiles)
            _check_pixels(pixels[number], _MOST_TILED, "of tiles")
    besides = PIXEL_BYTES * pixels[next(iter(items))]
    check_memory(besides, limits)
    return besides


def _check_pixels(pixels: int, most: float, what: str) -> None:
    if pixels > most * MAX_MEGAPIXELS * 1e6:
        size = f"{pixels / 1e6:.1f} megapixels {what}"
        raise PhotoError(f"the photo has {size}; the limit is {most * MAX_MEGAPIXELS:g}: send an ordinary JPEG")


def _check_coded(item: Item, count: Counter, limits: Limits) -> tuple[int, int]:
    """Pixels of the largest picture that the decoder of an item allocates, and how often it may decode them."""
    found = _READERS[item.kind](item.properties[CODED[item.kind]], item.data, count)
    check_count(found.pictures, _MOST_PICTURES[item.kind], "pictures in one item")
    check_count(found.slices, limits.scans, "slices in one picture")
    sizes = [*found.sizes, struct.unpack_from(">II", item.properties[b"ispe"], 4)]
    for width, height in sizes:
        check_size(width, height, limits)
    return max(width * height for width, height in sizes), max(1, found.pictures, found.slices)


def _check_grid(item: Item, limits: Limits) -> None:
    wide, rows, columns = item.data[1] & 1, item.data[2] + 1, item.data[3] + 1
    width, height = struct.unpack_from(">II" if wide else ">HH", item.data, 4)
    check_size(width, height, limits)
    check_count(rows * columns, limits.tiles, "tiles")
    if rows * columns != len(item.tiles):
        raise IndexError("tiles are missing")
