"""Hostile photo files, made by code: small to send, dear to decode."""

import io
import re
import struct
import zlib

import numpy as np
from PIL import Image

from tests.attacks.heif import HOSTILE_HEIF, comment


def jpeg_of_many_scans(scans: int, width: int = 2000, height: int = 1500) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = saved(width, height, "JPEG", progressive=True)
    last = [found.start() for found in re.finditer(rb"\xff\xda", data)][-1]
    table = data.rfind(b"\xff\xc4", 0, last)
    return data[:table] + data[table:-2] * scans + b"\xff\xd9"


def jpeg_of_hidden_scans(scans: int) -> bytes:
    """The same, with a comment between the scans that holds an end mark."""
    data = jpeg_of_many_scans(scans, 64, 64)
    last = [found.start() for found in re.finditer(rb"\xff\xda", data)][8]
    return data[:last] + b"\xff\xfe\x00\x04\xff\xd9" + data[last:]


def jpeg_of_many_segments(segments: int) -> bytes:
    """A JPEG with many comments."""
    data = saved(64, 48, "JPEG")
    return data[:2] + b"\xff\xfe\x00\x02" * segments + data[2:]


def jpeg_with_junk(size: int, junk: bytes = b"\x00") -> bytes:
    """A JPEG with bytes between its segments that belong to none; Pillow passes by them one by one."""
    data = saved(64, 48, "JPEG")
    return data[:20] + junk * size + data[20:]


def jpeg_with_exif_bomb() -> bytes:
    """A JPEG whose EXIF data has thousands of tags, each of which points to all of them."""
    entries = 5_000
    exif = b"II*\0" + struct.pack("<IH", 8, entries)
    size = len(exif) + 12 * entries
    exif += b"".join(struct.pack("<HHII", 1000 + tag, 7, size, 0) for tag in range(entries))
    payload = b"Exif\0\0" + exif
    data = saved(64, 48, "JPEG", jfif=False)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + data[2:]


def saved(width: int, height: int, kind: str, jfif: bool = True, **options: object) -> bytes:
    """A picture in a file of some format."""
    ramp = np.linspace(0, 255, width).astype(np.uint8)
    picture = np.broadcast_to(ramp[None, :, None], (height, width, 3))
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, kind, **options)
    data = file.getvalue()
    if not jfif:  # the segment that states dots per inch
        data = data[:2] + data[4 + struct.unpack(">H", data[4:6])[0] :]
    return data


def tiff(tags: dict[int, int], behind: bytes = b"") -> bytes:
    """A TIFF of one directory with these tags, each one LONG."""
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + behind


def tiff_with_a_huge_tile() -> bytes:
    """A TIFF of 100 x 100 pixels in one tile of 32,000 x 32,000."""
    sizes = {256: 100, 257: 100, 258: 8, 259: 8, 262: 1, 277: 1, 322: 32_000, 323: 32_000, 324: 8, 325: 100}
    return tiff(sizes, zlib.compress(bytes(1000)))


def tiff_with_tag_bomb(tags: int = 2_000, size: int = 1_000_000) -> bytes:
    """A TIFF of 1 MB with tags beside those of its picture that all point to the same megabyte."""
    sizes = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: 64}
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in sizes.items()]
    entries += [struct.pack("<HHII", 40_000 + tag, 7, size, 8) for tag in range(tags)]
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + bytes(4) + bytes(size)


def tiff_with_palette(colours: int) -> bytes:
    """A TIFF with a palette of so many values."""
    data = bytearray(tiff({256: 8, 257: 8, 258: 8, 259: 1, 262: 3, 273: 8, 277: 1, 278: 8, 279: 64, 320: 8}))
    place = data.index(struct.pack("<HHI", 320, 4, 1))
    data[place : place + 8] = struct.pack("<HHI", 320, 3, colours)
    return bytes(data) + bytes(2 * colours)


def tiff_of_many_strips(strips: int) -> bytes:
    """A TIFF that names many strips of one row."""
    behind = struct.pack(f"<{strips}I", *[8] * strips)
    tags = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 4, 1, 8), (259, 4, 1, 1), (262, 4, 1, 1), (278, 4, 1, 1)]
    place = 8 + 2 + 12 * (len(tags) + 1) + 4
    tags.append((273, 4, strips, place))
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + behind


def webp(width: int, height: int) -> bytes:
    """A WebP of 26 bytes that claims a size."""
    frame = b"VP8L" + struct.pack("<I", 6) + b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + b"\0"
    return b"RIFF" + struct.pack("<I", 4 + len(frame)) + b"WEBP" + frame


def webp_of_many_frames(frames: int) -> bytes:
    """A WebP with many empty frames."""
    head = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + bytes(6)
    body = head + (b"ANMF" + struct.pack("<I", 16) + bytes(16)) * frames
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def png_chunk(kind: bytes, data: bytes = b"") -> bytes:
    """A chunk of a PNG with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG that claims a size, with chunks after its header."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + png_chunk(b"IEND")


def png_one_pixel_wide() -> bytes:
    """A PNG of 1 x 60,000,000 pixels."""
    return png(1, 60_000_000, png_chunk(b"IDAT", zlib.compress(bytes(1000))))


def png_of_many_chunks(chunks: int) -> bytes:
    """A PNG with many empty chunks."""
    return png(8, 8, png_chunk(b"abCd") * chunks, png_chunk(b"IDAT", zlib.compress(bytes(8 * 25))))


def png_with_text_bomb() -> bytes:
    """A PNG whose comment unpacks to 200 MB."""
    text = b"comment\0\0" + zlib.compress(bytes(200_000_000), 1)
    return png(4, 4, png_chunk(b"zTXt", text), png_chunk(b"IDAT", zlib.compress(bytes(4 * 13))))


def gif_with_comment_bomb() -> bytes:
    """A GIF with a comment of 4.8 MB in 19,000 blocks."""
    data = saved(64, 48, "GIF")
    start = data.index(b"\x2c\0\0\0\0")
    return data[:start] + comment(19_000, 255) + data[start:]


def bmp_of_runs() -> bytes:
    """A BMP of 60 megapixels in run lengths: Pillow fills each row byte by byte."""
    info = struct.pack("<IiiHHIIiiII", 40, 30_000, 2_000, 1, 8, 1, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 1024, 0, 0, 54 + 1024) + info + bytes(1024) + b"\1\1\0\0" * 2_000 + b"\0\1"


HOSTILE = {
    "JPEG of 1,200 scans": (jpeg_of_many_scans(1_200), "more than 32 scans"),
    "JPEG with hidden scans": (jpeg_of_hidden_scans(200), "more than 32 scans"),
    "JPEG of 100,000 segments": (jpeg_of_many_segments(100_000), "more than 20000 segments"),
    "TIFF with a huge tile": (tiff_with_a_huge_tile(), "decoding the photo takes 1024 MB"),
    "TIFF with an enormous palette": (tiff_with_palette(10_000_000), "more than 200000 values of one tag"),
    "TIFF of other tags": (
        tiff_with_tag_bomb().replace(struct.pack("<HHI", 273, 4, 1), struct.pack("<HHI", 60_000, 4, 1)),
        "damaged or cut off in its header",
    ),
    "TIFF of 100,000 strips": (tiff_of_many_strips(100_000), "more than 32768 tiles or strips"),
    "BigTIFF": (b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1) + bytes(100), "BigTIFF photos are not supported"),
    "WebP of 26 bytes": (webp(16_000, 3_900), "decoding the photo takes"),
    "WebP of 5,000 frames": (webp_of_many_frames(5_000), "more than 1000 frames"),
    "PNG one pixel wide": (png_one_pixel_wide(), "1 x 60000000 pixels; the limit of a side is 32768"),
    "PNG of 50,000 chunks": (png_of_many_chunks(50_000), "more than 20000 chunks"),
    "BMP of runs": (bmp_of_runs(), "run lengths are not supported"),
    "file of 33 MB": (saved(64, 48, "JPEG") + bytes(33_000_000), "bytes; the limit is 32000000"),
    **HOSTILE_HEIF,
}
"""Each photo, and what its refusal says, as a regular expression."""

HARMLESS = {
    "JPEG with a megabyte of junk": jpeg_with_junk(1_000_000),
    "JPEG with fill bytes": jpeg_with_junk(1_000_000, b"\xff"),
    "JPEG with an EXIF bomb": jpeg_with_exif_bomb(),
    "TIFF with a tag bomb": tiff_with_tag_bomb(),
    "PNG with a text bomb": png_with_text_bomb(),
    "GIF with a comment bomb": gif_with_comment_bomb(),
}
"""Photos whose bombs are beside the picture, which is all that is looked at."""
