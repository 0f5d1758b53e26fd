"""The items of a HEIF or AVIF (ISO 14496-12, ISO 23008-12): what the box `meta` says of its pictures."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from ensemble.errors import PhotoError
from ensemble.limits import Limits
from ensemble.photo import parts
from ensemble.photo.checks import check_count
from ensemble.photo.parts import Part

_ONCE = {  # boxes of a file or of `meta`, and properties of an item, that may be there once
    *(b"meta", b"moov", b"iinf", b"iloc", b"iprp", b"ipco", b"pitm", b"iref", b"idat"),
    *(b"irot", b"imir", b"clap", b"ispe", b"hvcC", b"av1C"),
}
_MOST_REPEATED = 2  # times that the data of items may be longer than the file
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Items:
    """What the box `meta` says: the item that is the photo; and by item its type, data, properties, and tiles."""

    primary: int
    types: dict[int, bytes]
    data: dict[int, bytes]
    properties: dict[int, dict[bytes, bytes]]
    tiles: dict[int, list[int]]


class Count:
    """Counts what is looked at: boxes, items, their properties, units of their data. PhotoError above the limit."""

    def __init__(self, limits: Limits) -> None:
        self._numbers, self._most = itertools.count(1), limits.parts

    def __call__(self) -> None:
        """Count one thing."""
        check_count(next(self._numbers), self._most, "boxes, items and units")

    def each(self, things: Iterable[_Value]) -> Iterator[_Value]:
        """Pass things on, and count them."""
        for thing in things:
            self()
            yield thing


def read_items(encoded: bytes, wanted: Iterable[bytes], count: Count) -> Items:
    """Parse the box `meta`.

    Args:
        encoded: a file.
        wanted: types of items whose data are read.
        count: called for each thing that is looked at.

    Raises:
        PhotoError: data of items are the same bytes again and again.
        IndexError, KeyError: something is cut off or missing, or said twice: decoders may take the other one.
    """
    meta = once(parts.boxes(encoded, 0, len(encoded)))[b"meta"]
    inside = once(count.each(parts.boxes(encoded, meta.content + 4, meta.stop)))
    types = _unique(_types(encoded, inside[b"iinf"], count))
    extents = _unique(_extents(encoded, inside[b"iloc"], inside.get(b"idat"), count))
    if sum(len(extent) for each in extents.values() for extent in each) > _MOST_REPEATED * len(encoded):
        raise PhotoError("the items of the photo repeat the same bytes: it was made to exhaust memory")
    data = {item: b"".join(extents[item]) for item, kind in types.items() if kind in wanted}
    properties = {
        item: _unique((one.kind, encoded[one.content : one.stop]) for one in each if one.kind in _ONCE)
        for item, each in _properties(encoded, inside[b"iprp"], count).items()
    }
    tiles = _unique(_tiles(encoded, inside[b"iref"], count)) if b"iref" in inside else {}
    grids = {item: tiles[item] for item, kind in types.items() if kind == b"grid"}
    primary = _whole(encoded, inside[b"pitm"].content + 4, 4 if encoded[inside[b"pitm"].content] else 2)
    return Items(primary, types, data, properties, grids)


def _types(encoded: bytes, table: Part, count: Count) -> Iterator[tuple[int, bytes]]:
    """Item and its type."""
    start = table.content + (8 if encoded[table.content] else 6)
    for entry in count.each(parts.boxes(encoded, start, table.stop)):
        width = 4 if encoded[entry.content] >= 3 else 2
        at = entry.content + 4
        yield _whole(encoded, at, width), encoded[at + width + 2 : at + width + 6]


def _extents(encoded: bytes, table: Part, inner: Part | None, count: Count) -> Iterator[tuple[int, list[memoryview]]]:
    """Item and the pieces of its data, in the file or in the box idat (`inner`)."""
    version, at, view = encoded[table.content], table.content + 4, memoryview(encoded)
    offset_width, length_width = encoded[at] >> 4, encoded[at] & 15
    base_width, index_width = encoded[at + 1] >> 4, (encoded[at + 1] & 15) if version else 0
    id_width = 4 if version == 2 else 2
    number, at = _whole(encoded, at + 2, id_width), at + 2 + id_width
    for _ in range(number):
        count()
        item, at = _whole(encoded, at, id_width), at + id_width
        method = encoded[at + 1] & 15 if version else 0
        at += 2 * bool(version) + 2
        base, at = _whole(encoded, at, base_width), at + base_width
        pieces, at = _whole(encoded, at, 2), at + 2
        extents = list[memoryview]()
        for _ in range(pieces):
            count()
            start = base + _whole(encoded, at + index_width, offset_width)
            length = _whole(encoded, at + index_width + offset_width, length_width)
            at += index_width + offset_width + length_width
            if method == 1 and inner:
                start, end = start + inner.content, inner.stop
            else:
                end = len(encoded) if method == 0 else 0
            extents.append(view[start : min(start + length, end) if length else end])
        yield item, extents


def _properties(encoded: bytes, box: Part, count: Count) -> dict[int, list[Part]]:
    """Item and its properties."""
    inside = list(count.each(parts.boxes(encoded, box.content, box.stop)))
    container = once(inside)[b"ipco"]
    described = list(count.each(parts.boxes(encoded, container.content, container.stop)))
    found = dict[int, list[Part]]()
    for table in (one for one in inside if one.kind == b"ipma"):
        id_width, wide = 4 if encoded[table.content] else 2, encoded[table.content + 3] & 1
        number, at = _whole(encoded, table.content + 4, 4), table.content + 8
        for _ in range(number):
            count()
            item, at = _whole(encoded, at, id_width), at + id_width
            associations, at = encoded[at], at + 1
            for _ in range(associations):
                count()
                index = _whole(encoded, at, 1 + wide) & (0x7FFF if wide else 0x7F)
                at += 1 + wide
                if index:
                    found.setdefault(item, []).append(described[index - 1])
    return found


def _tiles(encoded: bytes, box: Part, count: Count) -> Iterator[tuple[int, list[int]]]:
    """Item and what it is made of."""
    width = 4 if encoded[box.content] else 2
    for one in count.each(parts.boxes(encoded, box.content + 4, box.stop)):
        if one.kind == b"dimg":
            number, at = _whole(encoded, one.content + width, 2), one.content + width + 2
            yield _whole(encoded, one.content, width), [_whole(encoded, at + width * n, width) for n in range(number)]


def _whole(encoded: bytes, at: int, width: int) -> int:
    if at + width > len(encoded):
        raise IndexError("cut off")
    return int.from_bytes(encoded[at : at + width], "big")


def once(boxes: Iterable[Part]) -> dict[bytes, Part]:
    """Boxes by kind; KeyError where there are two of those that may be there once."""
    return _unique((box.kind, box) for box in boxes if box.kind in _ONCE)


def _unique(pairs: Iterable[tuple[_Key, _Value]]) -> dict[_Key, _Value]:
    found = dict[_Key, _Value]()
    for key, value in pairs:
        if key in found:
            raise KeyError(key)
        found[key] = value
    return found
