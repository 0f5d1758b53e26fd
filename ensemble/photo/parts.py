"""The parts of a photo file, found without decoding: segments, chunks, tags and boxes.

What is cut off ends a list. Nothing is copied, and a list takes time in proportion to the file.
"""

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
TIFF = (b"II*\0", b"MM\0*")
EXIF = b"Exif\0\0"
GIF_PICTURE = b"\x2c"
START_OF_SCAN = 0xDA
_BARE = {0x01, *range(0xD0, 0xD9)}  # markers of a JPEG without a length
_MARK = re.compile(rb"\xff[^\x00\xff]")
_MARK_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # restarts belong to the scan
_END_OF_IMAGE = 0xD9
_TAG_BYTES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)  # of one value, by type
_WHOLE = {1: "B", 3: "H", 4: "I"}  # types of whole numbers


class Part(NamedTuple):
    """A segment, chunk or box: its kind, and where it starts, where its content does, and where it ends."""

    kind: bytes
    start: int
    content: int
    stop: int


class Tag(NamedTuple):
    """One line of a TIFF's directory: number, type, count of values, where they are and how many bytes, all bytes."""

    number: int
    kind: int
    values: int
    place: int
    length: int
    line: bytes


def is_webp(encoded: bytes) -> bool:
    """Whether a file says that it is a WebP."""
    return encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP"


def jpeg_segments(encoded: bytes) -> Iterator[Part]:
    """Segments of a JPEG up to its end mark, without its start mark; what lies between them is passed by."""
    start, mark = 2, _MARK
    while (found := mark.search(encoded, start)) and (marker := found[0][1]) != _END_OF_IMAGE:
        content = stop = found.end()
        if marker not in _BARE:
            if content + 2 > len(encoded):
                return
            stop = content + max(2, int.from_bytes(encoded[content : content + 2], "big"))
            content += 2
        yield Part(found[0][1:], found.start(), content, stop)
        start, mark = stop, _MARK_IN_SCAN if marker == START_OF_SCAN else _MARK


def png_chunks(encoded: bytes) -> Iterator[Part]:
    """Chunks of a PNG up to its end; the last four bytes of each are its checksum."""
    start = len(PNG)
    while start + 8 <= len(encoded):
        length, kind = struct.unpack_from(">I4s", encoded, start)
        yield Part(kind, start, start + 8, start + 12 + length)
        if kind == b"IEND":
            return
        start += 12 + length


def webp_chunks(encoded: bytes) -> Iterator[Part]:
    """Chunks of a WebP."""
    start = 12
    while start + 8 <= len(encoded):
        kind, length = struct.unpack_from("<4sI", encoded, start)
        yield Part(kind, start, start + 8, start + 8 + length)
        start += 8 + length + length % 2


def gif_blocks(encoded: bytes) -> Iterator[Part]:
    """Blocks of extensions of a GIF, by their labels, each with the start of its extension; then its first picture."""
    at = gif_head(encoded)
    while encoded[at : at + 1] == b"\x21":
        start, label = at, encoded[at + 1 : at + 2]
        at += 2
        while at < len(encoded) and (length := encoded[at]):
            yield Part(label, start, at + 1, at + 1 + length)
            at += 1 + length
        at += 1
    if encoded[at : at + 1] == GIF_PICTURE:
        yield Part(GIF_PICTURE, at, at + 1, len(encoded))


def gif_head(encoded: bytes) -> int:
    """Bytes of the head of a GIF with its table of colours."""
    flags = encoded[10] if len(encoded) > 10 else 0
    return 13 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)


def boxes(encoded: bytes, start: int, stop: int) -> Iterator[Part]:
    """Boxes of a HEIF, AVIF or film (ISO 14496-12) between two places."""
    stop = min(stop, len(encoded))
    while start + 8 <= stop:
        length, kind = struct.unpack_from(">I4s", encoded, start)
        content = start + 8
        if length == 1 and start + 16 <= stop:
            (length,) = struct.unpack_from(">Q", encoded, content)
            content += 8
        end = start + length if length else stop  # 0: up to the end of the file
        if end < content:
            return
        yield Part(kind, start, content, min(end, stop))
        start = end


def tags(encoded: bytes) -> list[Tag]:
    """The first directory of a TIFF, or of EXIF data, which have its form; [] where there is none."""
    if not encoded.startswith(TIFF):
        return []
    order, found = byte_order(encoded), list[Tag]()
    with suppress(struct.error):
        (start,) = struct.unpack_from(f"{order}I", encoded, 4)
        (number,) = struct.unpack_from(f"{order}H", encoded, start)
        for at in range(start + 2, start + 2 + 12 * number, 12):
            tag, kind, count, place = struct.unpack_from(f"{order}HHII", encoded, at)
            length = count * (_TAG_BYTES[kind] if kind < len(_TAG_BYTES) else 0)
            found.append(Tag(tag, kind, count, at + 8 if length <= 4 else place, length, encoded[at : at + 12]))
    return found


def whole_numbers(encoded: bytes, tag: Tag, most: int = 4) -> tuple[int, ...]:
    """The first values of a tag of whole numbers; () for one of another type, or whose values are not there."""
    form = _WHOLE.get(tag.kind)
    count = min(tag.values, most)
    if form is None or tag.place + count * _TAG_BYTES[tag.kind] > len(encoded):
        return ()
    return struct.unpack_from(f"{byte_order(encoded)}{count}{form}", encoded, tag.place)


def byte_order(encoded: bytes) -> str:
    """Of a TIFF, as `struct` writes it."""
    return ">" if encoded[:1] == b"M" else "<"
