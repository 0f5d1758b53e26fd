"""What a photo file says besides its picture. Only which way up it is counts; decoders get the file without the rest.

So nothing that a camera, an editor or an attacker writes there can spoil a picture, and whoever reads a photo with
these functions sees it the same way up.
"""

import re
import struct
import zlib
from contextlib import suppress

from ensemble.photo import parts
from ensemble.photo.items import picture_alone

_ORIENTATION = 274
_XMP = 700
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)\s*([1-8])\s*[\"'<]")
_MOST_TEXT = 1_000_000  # bytes of a packed text that are unpacked
_JPEG_METADATA = {0xFE, *range(0xE1, 0xF0)} - {0xEE}  # comments and applications' segments, but Adobe's, which says
# how colours are stored, and JFIF's, likewise
_GIF_CONTROL = b"\xf9"
_PNG_PICTURE = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_EXIF_TEXTS = (b"Raw profile type exif\0", b"Raw profile type APP1\0")
PICTURE_TAGS = {  # of a TIFF
    *(255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 332, 338),
    *(339, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532),
}


def orientation(encoded: bytes) -> int:
    """How to turn the picture that a decoder makes of a file, 1 to 8, as EXIF counts; 1 where the file does not say.

    HEIF and AVIF say it in their boxes, and decoders of them turn the picture, or say how (`exif_orientation`).
    """
    if encoded.startswith(parts.JPEG):
        exif, xmp = _of_jpeg(encoded)
    elif encoded.startswith(parts.PNG):
        exif, xmp = _of_png(encoded)
    elif parts.is_webp(encoded):
        chunks = {chunk.kind: encoded[chunk.content : chunk.stop] for chunk in parts.webp_chunks(encoded)}
        exif, xmp = chunks.get(b"EXIF", b""), chunks.get(b"XMP ", b"")
    else:
        exif = encoded if encoded.startswith(parts.TIFF) else b""
        xmp = b"".join(exif[tag.place : tag.place + tag.length] for tag in parts.tags(exif) if tag.number == _XMP)
    said = exif_orientation(exif)
    return said or next((int(each[1]) for each in _XMP_ORIENTATION.finditer(xmp)), 1)


def exif_orientation(exif: bytes) -> int:
    """The orientation in EXIF data, 1 to 8; 0 where they do not say it, whatever else is wrong with them."""
    exif = exif.removeprefix(parts.EXIF)
    for tag in parts.tags(exif):
        if tag.number == _ORIENTATION and (values := parts.whole_numbers(exif, tag, 1)) and 1 <= values[0] <= 8:
            return values[0]
    return 0


def without_metadata(encoded: bytes, name: str) -> bytes:
    """The file with its picture alone; of several frames of a PNG or TIFF, the first.

    Args:
        encoded: a file; a WebP or BMP stays as it is.
        name: of its format, one of PHOTO_FORMATS.

    Raises:
        IndexError, KeyError, ValueError: a HEIF or AVIF is damaged.
    """
    if name in ("HEIF", "AVIF"):
        return picture_alone(encoded, name)
    plain = {"JPEG": _plain_jpeg, "PNG": _plain_png, "TIFF": _plain_tiff, "GIF": _plain_gif}.get(name)
    return plain(encoded) if plain else encoded


def _of_jpeg(encoded: bytes) -> tuple[bytes, bytes]:
    """EXIF and XMP; data that are spread over several segments are joined."""
    exif, xmp = list[bytes](), list[bytes]()
    for segment in parts.jpeg_segments(encoded):
        if segment.kind[0] == parts.START_OF_SCAN:
            break
        if segment.kind == b"\xe1":
            is_exif = encoded.startswith(parts.EXIF, segment.content)
            (exif if is_exif else xmp).append(encoded[segment.content + len(parts.EXIF) * is_exif : segment.stop])
    return b"".join(exif), b"".join(xmp)


def _of_png(encoded: bytes) -> tuple[bytes, bytes]:
    """EXIF and XMP; some writers put EXIF into a text, as hexadecimal digits after two lines."""
    exif = xmp = b""
    for chunk in parts.png_chunks(encoded):
        content = encoded[chunk.content : chunk.stop - 4]
        if chunk.kind == b"eXIf":
            exif = content
        elif chunk.kind in (b"tEXt", b"zTXt") and content.startswith(_EXIF_TEXTS):
            text = content.partition(b"\0")[2]
            with suppress(ValueError, zlib.error):
                text = zlib.decompressobj().decompress(text[1:], _MOST_TEXT) if chunk.kind == b"zTXt" else text
                exif = exif or bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii"))
        elif chunk.kind == b"iTXt" and content.startswith(b"XML:com.adobe.xmp\0"):
            xmp = content
    return exif, xmp


def _plain_jpeg(encoded: bytes) -> bytes:
    kept = list[bytes]()
    for segment in parts.jpeg_segments(encoded):
        if segment.kind[0] == parts.START_OF_SCAN:
            kept.append(encoded[segment.start :])
            return encoded[:2] + b"".join(kept)
        if segment.kind[0] not in _JPEG_METADATA:
            kept.append(encoded[segment.start : segment.stop])
    return encoded


def _plain_png(encoded: bytes) -> bytes:
    kept = [encoded[one.start : one.stop] for one in parts.png_chunks(encoded) if one.kind in _PNG_PICTURE]
    return parts.PNG + b"".join(kept)


def _plain_gif(encoded: bytes) -> bytes:
    """With the extension that says which colour is transparent."""
    kept = [encoded[: parts.gif_head(encoded)]]
    for block in parts.gif_blocks(encoded):
        if block.kind == parts.GIF_PICTURE:
            kept.append(encoded[block.start :])
        elif block.kind == _GIF_CONTROL and block.content == block.start + 3:
            kept[1:] = [encoded[block.start : block.stop] + b"\0"]
    return b"".join(kept)


def _plain_tiff(encoded: bytes) -> bytes:
    """With a new directory at its end, of the tags that describe the picture."""
    order = parts.byte_order(encoded)
    kept = {tag.number: tag.line for tag in parts.tags(encoded) if tag.number in PICTURE_TAGS}
    start = len(encoded) + len(encoded) % 2
    directory = struct.pack(f"{order}H", len(kept)) + b"".join(kept.values()) + bytes(4)
    return b"".join((encoded[:4], struct.pack(f"{order}I", start), encoded[8:], bytes(start - len(encoded)), directory))
