"""The limits of HEIF and AVIF (ISO 23008-12): pictures in boxes, a large one often as a grid of tiles.

Only what cameras and phones write is let through to the decoders: one coded picture, or one grid of them, each item of
one picture, no larger than allowed, turned and cut once.
"""

import struct
from collections.abc import Callable

from ensemble.contract import MAX_MEGAPIXELS
from ensemble.errors import PhotoError
from ensemble.limits import Limits
from ensemble.photo import coded, parts
from ensemble.photo.checks import check_count, check_memory, check_size
from ensemble.photo.coded import Coded
from ensemble.photo.items import Count, Items, once, read_items

PIXEL_BYTES = 14  # of memory for a decoded pixel, besides the picture: planes of the decoder, and of the whole grid
_CODECS: dict[bytes, tuple[str, bytes, Callable[[bytes, bytes, Callable[[], None]], Coded]]] = {
    b"hvc1": ("HEIF", b"hvcC", coded.hevc),  # format, property, reader
    b"av01": ("AVIF", b"av1C", coded.av1),
}
_OTHER_CODECS = {b"vvc1": "VVC", b"avc1": "H.264", b"jpeg": "JPEG", b"j2k1": "JPEG 2000", b"unci": "plain pixels"}
_MOST_PICTURES = {b"hvc1": 1, b"av01": 4}  # of one item; those of AVIF may have layers
_GRID = b"grid"
_MOST_TILED = 1.25  # of all tiles, of the pixels that a photo may have: the last ones overhang


def check_heif(encoded: bytes, name: str, limits: Limits) -> int:
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
    count = Count(limits)
    try:
        if b"moov" in once(count.each(parts.boxes(encoded, 0, len(encoded)))):
            raise PhotoError(f"{name} sequences (films of photos) are not supported; send one picture of it as JPEG")
        return _check(read_items(encoded, (*_CODECS, _GRID), count), name, count, limits)
    except (struct.error, IndexError, KeyError) as error:
        raise PhotoError(f"the {name} photo is damaged or cut off in its header") from error


def _check(items: Items, name: str, count: Count, limits: Limits) -> int:
    kind = items.types[items.primary]
    codecs = {items.types[item] for item in items.tiles[items.primary]} if kind == _GRID else {kind}
    codec = codecs.pop() if len(codecs) == 1 else kind
    if codec not in _CODECS or _CODECS[codec][0] != name:
        what = _OTHER_CODECS.get(codec, "another structure than phones write")
        raise PhotoError(f"{name} photos of {what} are not supported; export it as JPEG")
    pixels = {item: _check_coded(items, item, count, limits) for item, kind in items.types.items() if kind in _CODECS}
    for item, tiles in items.tiles.items():
        _check_grid(items.data[item], len(tiles), limits)
        pixels[item] = len(tiles) * max(pixels[tile] for tile in tiles)
        if pixels[item] > _MOST_TILED * MAX_MEGAPIXELS * 1e6:
            raise PhotoError(f"the photo has {len(tiles)} tiles of {pixels[item] / 1e6:.1f} megapixels in all")
    besides = PIXEL_BYTES * pixels[items.primary]
    check_memory(besides, limits)
    return besides


def _check_coded(items: Items, item: int, count: Count, limits: Limits) -> int:
    """Pixels of the largest picture that the decoder of an item allocates."""
    properties, kind = items.properties[item], items.types[item]
    _, name, reader = _CODECS[kind]
    found = reader(properties[name], items.data[item], count)
    check_count(found.pictures, _MOST_PICTURES[kind], "pictures in one item")
    check_count(found.slices, limits.scans, "slices in one picture")
    sizes = [*found.sizes, struct.unpack_from(">II", properties[b"ispe"], 4)]
    for width, height in sizes:
        check_size(width, height, limits)
    return max(width * height for width, height in sizes)


def _check_grid(data: bytes, tiles: int, limits: Limits) -> None:
    width, height = struct.unpack_from(">II" if data[1] & 1 else ">HH", data, 4)
    check_size(width, height, limits)
    number = (data[2] + 1) * (data[3] + 1)
    check_count(number, limits.tiles, "tiles")
    if number != tiles:
        raise IndexError("tiles are missing")
