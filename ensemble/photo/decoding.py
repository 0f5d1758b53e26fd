"""Decodes photo files, within limits."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ensemble.contract import CANVAS_SIZE, PHOTO_ENDINGS, PHOTO_FORMATS
from ensemble.errors import PhotoError
from ensemble.limits import DEFAULT, Limits
from ensemble.photo import parts
from ensemble.photo.canvas import Photo, shrinking, upright
from ensemble.photo.checks import LEAST_PIXEL_BYTES, check_memory, check_size
from ensemble.photo.header import check_header
from ensemble.photo.kinds import Kind, kind_of
from ensemble.photo.metadata import orientation, without_metadata
from ensemble.photo.opening import decode_with_opencv, deep_bytes, open_with_pillow, rgb_of_pillow, turn_of_pillow

Image.MAX_IMAGE_PIXELS = None  # MAX_MEGAPIXELS is stricter, and an error rather than a warning

# Bytes of memory for each decoded pixel, by Pillow's mode: the picture itself, what it is turned into, and the RGB.
_PIXEL_BYTES = {
    "RGB": LEAST_PIXEL_BYTES,
    "L": 12,
    "1": 12,
    "P": 14,
    "CMYK": 14,
    "YCbCr": 14,
    "RGBA": 16,
    "LA": 16,
    "PA": 16,
}
_MOST_PIXEL_BYTES = 22
_WIDTH, _HEIGHT = 256, 257  # tags of a TIFF
_END = b"\xff\xd9"  # mark of a JPEG
_NO_DATA = b"\x5a" * 64  # for any decoder of a JPEG's scan, something else than no data


@dataclass(frozen=True)
class Header:
    """A photo file that is opened and not decoded.

    Attributes:
        format: one of PHOTO_FORMATS.
        width, height: as it is stored, px.
        turn: its orientation, 1 to 8, as EXIF counts.
        plain: the file without metadata.
        image: Pillow's; None where OpenCV alone reads it.
    """

    format: str
    width: int
    height: int
    turn: int
    plain: bytes
    image: Image.Image | None


def decode(encoded: bytes, limits: Limits = DEFAULT) -> Photo:
    """Decode a photo file and place it on the canvas, upright, shrunk only if it is too large.

    Args:
        encoded: a file of one of PHOTO_FORMATS; the first of several frames counts.
        limits: what decoding it may cost.

    Raises:
        PhotoError: empty, truncated, damaged, of another format, or above MAX_MEGAPIXELS or a limit by its header.
    """
    header = read_header(encoded, limits)
    try:
        picture = _rgb(header)
    except Exception as error:  # decoders raise anything on damaged files
        raise PhotoError(f"the {header.format} photo is damaged or cut off: {error}") from error
    return upright(picture, header.width, header.height, header.turn)


def read_header(encoded: bytes, limits: Limits = DEFAULT) -> Header:
    """Open a photo file without decoding it.

    Raises:
        PhotoError: empty, damaged in its header, of another format, or above MAX_MEGAPIXELS or a limit.
    """
    if len(encoded) > limits.photo_bytes:
        raise PhotoError(f"the photo has {len(encoded)} bytes; the limit is {limits.photo_bytes}: send a smaller one")
    kind = kind_of(encoded)
    if not kind.read:
        raise PhotoError(_refusal(encoded, kind))
    besides = check_header(encoded, kind.name, limits)
    plain = without_metadata(encoded, kind.name)
    image = _open(plain, kind.name)
    width, height = image.size if image else _tiff_size(plain)
    check_size(width, height, limits)
    if any(part[0] == "bmp_rle" for part in getattr(image, "tile", ())):
        raise PhotoError("BMP photos with run lengths are not supported; send a PNG or JPEG")
    turn = turn_of_pillow(image) if image and kind.name == "AVIF" else orientation(encoded)
    header = Header(kind.name, width, height, turn, plain, image)
    check_memory(besides + _memory(header), limits)
    return header


def _refusal(encoded: bytes, kind: Kind) -> str:
    supported = ", ".join(PHOTO_FORMATS)
    if not encoded:
        return "the photo is empty (0 bytes)"
    if encoded.count(0) == len(encoded):
        return f"the photo is {len(encoded)} bytes of zero: its transfer or its disk failed; send it again"
    if kind.name:
        return f"{kind.name} are not supported; {kind.advice.format(formats=supported)}"
    return f"the photo is not an image, or is cut off in its header ({len(encoded)} bytes); send one of {supported}"


def _open(plain: bytes, name: str) -> Image.Image | None:
    """None for a TIFF that OpenCV may read. Raises PhotoError where nothing does."""
    try:
        return open_with_pillow(plain, name, threads=1)  # each photo has one core
    except ImportError as error:
        raise PhotoError(f"{name} photos are not read by this server: {error}") from error
    except Exception as error:
        if name == "TIFF" and deep_bytes(plain):
            return None
        raise PhotoError(
            f"the {name} photo is damaged or cut off in its header ({len(plain)} bytes): {error}"
        ) from error


def _tiff_size(plain: bytes) -> tuple[int, int]:
    tags = {tag.number: parts.whole_numbers(plain, tag, 1) for tag in parts.tags(plain)}
    return (tags.get(_WIDTH) or (0,))[0], (tags.get(_HEIGHT) or (0,))[0]


def _memory(header: Header) -> float:
    """Bytes that decoding takes: a JPEG is decoded at 1/2, 1/4 or 1/8 where that is enough."""
    pixels = float(header.width * header.height)
    if header.format == "JPEG":
        pixels *= min(1.0, 2 * CANVAS_SIZE / max(header.width, header.height, 1)) ** 2
    mode = header.image.mode if header.image else ""
    ordinary = _PIXEL_BYTES.get(mode, _MOST_PIXEL_BYTES)
    return pixels * max(ordinary, 2 * deep_bytes(header.plain) + LEAST_PIXEL_BYTES)


def _rgb(header: Header) -> np.ndarray:
    """[h, w, 3] uint8: the picture, a JPEG's perhaps smaller."""
    if deep_bytes(header.plain) and (picture := decode_with_opencv(header.plain)) is not None:
        return picture
    if header.image is None:
        raise ValueError("OpenCV cannot decode it")
    try:
        return rgb_of_pillow(_loaded(header.image))
    except OSError:
        picture = _without_end(header.plain) if header.format == "JPEG" else None
        if picture is None:
            raise
        return picture


def _loaded(image: Image.Image) -> Image.Image:
    """Decode; a JPEG at 1/2, 1/4 or 1/8, which saves most of the time."""
    factor = shrinking(*image.size)
    image.draft(image.mode, (max(1, int(image.width * factor)), max(1, int(image.height * factor))))
    image.load()
    return image


def _without_end(plain: bytes) -> np.ndarray | None:
    """The picture of a JPEG that lacks its end mark alone; None where data are missing.

    Then it does not matter to a decoder what stands between its data and an end mark.
    """
    plain = plain.removesuffix(_END[:1])  # half of the mark
    one, other = (rgb_of_pillow(_loaded(open_with_pillow(plain + data + _END, "JPEG"))) for data in (b"", _NO_DATA))
    return one if np.array_equal(one, other) else None


def is_photo_file(name: str) -> bool:
    """Whether a file's name has the suffix of a format that can be decoded."""
    return name.lower().endswith(PHOTO_ENDINGS)
