"""The items of a HEIF or AVIF (ISO 14496-12, ISO 23008-12) that make its picture, and a file of them alone."""

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from ensemble.photo import parts
from ensemble.photo.parts import Part

GRID = b"grid"
CODED = {b"hvc1": b"hvcC", b"av01": b"av1C"}  # types of coded items, and the property that configures their decoder
_ONCE = (b"meta", b"moov", b"iinf", b"iloc", b"iprp", b"ipco", b"pitm", b"iref", b"idat")  # boxes
_TURNS = (b"irot", b"imir", b"clap")
_ESSENTIAL = (*CODED.values(), *_TURNS, b"a1op", b"lsel")  # properties that a decoder must know
_PICTURE = (*_ESSENTIAL, b"ispe", b"pixi", b"colr", b"auxC", b"a1lx", b"pasp")
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0", b"urn:mpeg:hevc:2015:auxid:1\0")
_TILE_OF, _AUXILIARY_OF, _MULTIPLIED_WITH = b"dimg", b"auxl", b"prem"
_REFERENCES = (_TILE_OF, _AUXILIARY_OF, _MULTIPLIED_WITH)
_MOST_REPEATED = 2  # times that the data of items may be longer than the file
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
Counter = Callable[[], None]


@dataclass(frozen=True)
class Item:
    """An item that makes the picture.

    Attributes:
        kind: its type, such as hvc1, av01 or grid.
        data: of a coded item or a grid; b"" of others, which are not read.
        properties: contents of the boxes that describe it, in their order, by their kinds.
        refers: the items that it refers to, by the kind of reference: a grid to its tiles.
    """

    kind: bytes
    data: bytes
    properties: dict[bytes, bytes]
    refers: dict[bytes, list[int]]

    @property
    def tiles(self) -> list[int]:
        """Numbers of the items that a grid is made of."""
        return self.refers.get(_TILE_OF, []) if self.kind == GRID else []


def uncounted() -> None:
    """Counts nothing."""


def read_items(encoded: bytes, count: Counter = uncounted) -> dict[int, Item]:
    """Items that make the picture, by their numbers: the photo itself first, its tiles, and its alpha likewise.

    Args:
        encoded: a file.
        count: called for each thing that is looked at; may raise.

    Raises:
        IndexError, KeyError: something is cut off or missing, or said twice: decoders may take the other one.
        ValueError: data of items are the same bytes again and again.
    """
    meta = _once(_counted(parts.boxes(encoded, 0, len(encoded)), count))[b"meta"]
    inside = _once(_counted(parts.boxes(encoded, meta.content + 4, meta.stop), count))
    types = _unique(_types(encoded, inside[b"iinf"], count))
    extents = _unique(_extents(encoded, inside[b"iloc"], inside.get(b"idat"), count))
    if sum(len(extent) for each in extents.values() for extent in each) > _MOST_REPEATED * len(encoded):
        raise ValueError("the items of the photo repeat the same bytes: it was made to exhaust memory")
    described = _properties(encoded, inside[b"iprp"], count)
    refers = _references(encoded, inside[b"iref"], count) if b"iref" in inside else {}
    primary = _whole(encoded, inside[b"pitm"].content + 4, 4 if encoded[inside[b"pitm"].content] else 2)

    def item(number: int) -> Item:
        kind = types[number]
        data = b"".join(extents[number]) if kind in CODED or kind == GRID else b""
        kept = _unique((k, v) for k, v in described.get(number, []) if _is_kept(k, v))
        return Item(kind, data, kept, refers.get(number, {}))

    shown = [primary, *(n for n, kinds in refers.items() if primary in kinds.get(_AUXILIARY_OF, []) and n in types)]
    found = {number: item(number) for number in shown}
    found = {n: one for n, one in found.items() if n == primary or _is_alpha(one)}
    tiles = {tile for one in found.values() for tile in one.tiles}
    return found | {number: item(number) for number in sorted(tiles - found.keys())}


def picture_alone(encoded: bytes, name: str) -> bytes:
    """The file written anew: what decoders read then has no other structure than this.

    Args:
        encoded: a file.
        name: of its format, HEIF or AVIF.

    Raises:
        IndexError, KeyError, ValueError: see `read_items`.
    """
    items = read_items(encoded)
    numbers = {item: number for number, item in enumerate(items, 1)}
    brand = {"HEIF": b"heic", "AVIF": b"avif"}[name]
    head = _box(b"ftyp", brand, bytes(4), brand, b"mif1", b"miaf")
    place = len(head) + len(_meta(items, numbers, 0)) + 8
    return head + _meta(items, numbers, place) + _box(b"mdat", *(item.data for item in items.values()))


def _meta(items: dict[int, Item], numbers: dict[int, int], place: int) -> bytes:
    """The box meta of items whose data begin at a place."""
    described = list(dict.fromkeys(one for item in items.values() for one in item.properties.items()))
    index = {one: number for number, one in enumerate(described, 1)}
    entries, places, associations, references = [], [], [], []
    for (old, item), new in zip(items.items(), numbers.values(), strict=True):
        entries.append(_full_box(b"infe", struct.pack(">HH4sx", new, 0, item.kind), version=2))
        places.append(struct.pack(">HHHII", new, 0, 1, place, len(item.data)))
        place += len(item.data)
        associations.append(struct.pack(">HB", new, len(item.properties)))
        for one in item.properties.items():
            associations.append(struct.pack(">H", (one[0] in _ESSENTIAL) << 15 | index[one]))
        for kind, targets in items[old].refers.items():
            known = [numbers[target] for target in targets if target in numbers]
            if known:
                references.append(_box(kind, struct.pack(f">HH{len(known)}H", new, len(known), *known)))
    number = struct.pack(">H", len(items))
    return _full_box(
        b"meta",
        _full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
        _full_box(b"pitm", b"\0\1"),
        _full_box(b"iloc", b"\x44\0", number, *places),
        _full_box(b"iinf", number, *entries),
        _box(
            b"iprp",
            _box(b"ipco", *(_box(kind, content) for kind, content in described)),
            _full_box(b"ipma", struct.pack(">I", len(items)), *associations, flags=1),
        ),
        _full_box(b"iref", *references),
    )


def _box(kind: bytes, *contents: bytes) -> bytes:
    return b"".join((struct.pack(">I4s", 8 + sum(map(len, contents)), kind), *contents))


def _full_box(kind: bytes, *contents: bytes, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *contents)


def _is_kept(kind: bytes, content: bytes) -> bool:
    """Whether a property describes the picture; a profile of colours does not, but how they are coded does."""
    return kind in _PICTURE and (kind != b"colr" or content.startswith(b"nclx"))


def _is_alpha(item: Item) -> bool:
    return item.properties.get(b"auxC", b"")[4:].startswith(_ALPHA)


def _types(encoded: bytes, table: Part, count: Counter) -> Iterator[tuple[int, bytes]]:
    """Item and its type."""
    start = table.content + (8 if encoded[table.content] else 6)
    for entry in _counted(parts.boxes(encoded, start, table.stop), count):
        width = 4 if encoded[entry.content] >= 3 else 2
        at = entry.content + 4
        yield _whole(encoded, at, width), encoded[at + width + 2 : at + width + 6]


def _extents(encoded: bytes, table: Part, inner: Part | None, count: Counter) -> Iterator[tuple[int, list[memoryview]]]:
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


def _properties(encoded: bytes, box: Part, count: Counter) -> dict[int, list[tuple[bytes, bytes]]]:
    """By item its properties: kinds and contents."""
    inside = list(_counted(parts.boxes(encoded, box.content, box.stop), count))
    container = _once(inside)[b"ipco"]
    described = list(_counted(parts.boxes(encoded, container.content, container.stop), count))
    found = dict[int, list[tuple[bytes, bytes]]]()
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
                    one = described[index - 1]
                    found.setdefault(item, []).append((one.kind, encoded[one.content : one.stop]))
    return found


def _references(encoded: bytes, box: Part, count: Counter) -> dict[int, dict[bytes, list[int]]]:
    """By item what it refers to, by the kind of reference."""
    width = 4 if encoded[box.content] else 2
    found = dict[int, dict[bytes, list[int]]]()
    for one in _counted(parts.boxes(encoded, box.content + 4, box.stop), count):
        item, at = _whole(encoded, one.content, width), one.content + width + 2
        if one.kind in found.setdefault(item, {}):
            raise KeyError(one.kind)
        if one.kind in _REFERENCES:
            places = range(at, at + width * _whole(encoded, at - 2, 2), width)
            found[item][one.kind] = [_whole(encoded, place, width) for place in places]
    return found


def _whole(encoded: bytes, at: int, width: int) -> int:
    if at + width > len(encoded):
        raise IndexError("cut off")
    return int.from_bytes(encoded[at : at + width], "big")


def _once(boxes: Iterable[Part]) -> dict[bytes, Part]:
    """Boxes by kind; KeyError where there are two of those that may be there once."""
    return _unique((box.kind, box) for box in boxes if box.kind in _ONCE)


def _counted(things: Iterable[_Value], count: Counter) -> Iterator[_Value]:
    for thing in things:
        count()
        yield thing


def _unique(pairs: Iterable[tuple[_Key, _Value]]) -> dict[_Key, _Value]:
    found = dict[_Key, _Value]()
    for key, value in pairs:
        if key in found:
            raise KeyError(key)
        found[key] = value
    return found
