"""From a photo file to the canvas: the first step of the pipeline, which is not a compute graph."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin

from ensemble.contract import CANVAS_SIZE, PHOTO_FORMATS, PHOTO_SUFFIXES
from ensemble.errors import PhotoError
from ensemble.limits import DEFAULT, Limits
from ensemble.photo_header import LEAST_PIXEL_BYTES, check_header, check_memory, check_size, orientation

SUFFIXES = tuple(suffix for suffixes in PHOTO_SUFFIXES.values() for suffix in suffixes)  # of file names

Image.MAX_IMAGE_PIXELS = None  # MAX_MEGAPIXELS is stricter, and an error rather than a warning

_MAGIC = {b"GIF8": "GIF", b"%PDF": "PDF", b"<svg": "SVG", b"\x00\x00\x00\x0cjP": "JPEG 2000", b"8BPS": "Photoshop"}
_UPRIGHT = {  # EXIF orientation to the operation that undoes it
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)
_DRAFTED = ("JPEG", "MPO")
_PARTS = (1 / 2, 1 / 4, 1 / 8)  # of its size, at which a JPEG can be decoded; the next larger one takes twice as long
_ENOUGH = 0.9  # of the canvas
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
_BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"avif": "AVIF"}


@dataclass(frozen=True)
class Photo:
    """A decoded photo.

    Attributes:
        canvas: [CANVAS_SIZE, CANVAS_SIZE, 3] uint8 RGB, the photo top left, black elsewhere.
        extent: [2] int32, height and width of the photo on the canvas, px.
        scale: [1] float32, photo pixels per canvas pixel, never below 1.
    """

    canvas: np.ndarray
    extent: np.ndarray
    scale: np.ndarray


def decode(encoded: bytes, limits: Limits = DEFAULT) -> Photo:
    """Decode a photo file and place it on the canvas, upright, shrunk only if it is too large.

    Args:
        encoded: a file of one of PHOTO_FORMATS; the first of several frames counts.
        limits: what decoding it may cost.

    Raises:
        PhotoError: empty, truncated, damaged, of another format, or above MAX_MEGAPIXELS or a limit by its header.
    """
    image = read_header(encoded, limits)
    width, height = image.size
    factor = shrinking(width, height)
    try:
        # JPEG can be decoded at 1/2, 1/4 or 1/8, which saves most of the time. The rest is shrunk below.
        image.draft(image.mode, (max(1, int(width * factor)), max(1, int(height * factor))))
        image.load()
        turn = orientation_of(image)
        picture = np.asarray(_to_rgb(image))
    except Exception as error:  # decoders raise anything on damaged files
        raise PhotoError(f"the {image.format} photo is damaged or cut off: {error}") from error
    return upright(picture, width, height, turn)


def is_photo_file(name: str) -> bool:
    """Whether a file's name has the suffix of a format that can be decoded."""
    return name.lower().endswith(SUFFIXES)


def read_header(encoded: bytes, limits: Limits = DEFAULT) -> Image.Image:
    """Open a photo file without decoding it.

    Raises:
        PhotoError: empty, damaged in its header, of another format, or above MAX_MEGAPIXELS or a limit.
    """
    besides = check_header(encoded, limits)
    image = _open(encoded)
    check_size(*image.size, limits)
    if any(part[0] == "bmp_rle" for part in getattr(image, "tile", ())):
        raise PhotoError("BMP photos with run lengths are not supported; send a PNG or JPEG")
    check_memory(besides + _PIXEL_BYTES.get(image.mode, _MOST_PIXEL_BYTES) * _decoded_pixels(image), limits)
    return image


def _decoded_pixels(image: Image.Image) -> float:
    """How many pixels `decode` has in memory: a JPEG is decoded at 1/2, 1/4 or 1/8 where that is enough."""
    width, height = image.size
    smaller = min(1.0, 2 * CANVAS_SIZE / max(width, height)) if image.format in _DRAFTED else 1.0
    return width * height * smaller**2


def orientation_of(image: Image.Image) -> int:
    """How to turn an opened photo, 1 to 8, as EXIF counts."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(image.tag_v2.get(ExifTags.Base.Orientation, 1))
    exif = image.info.get("exif") or b""
    if not exif and "Raw profile type exif" in image.info:  # a text in some PNG files
        exif = bytes.fromhex("".join(image.info["Raw profile type exif"].split("\n")[3:]))
    xmp = image.info.get("XML:com.adobe.xmp") or image.info.get("xmp") or b""
    return orientation(exif, xmp.encode() if isinstance(xmp, str) else xmp)


def upright(picture: np.ndarray, width: int, height: int, turn: int) -> Photo:
    """Turn a decoded picture upright and put it on the canvas.

    Args:
        picture: [h, w, 3] uint8 RGB, as it is stored; of any size between the canvas's and the photo's.
        width, height: of the whole photo, as it is stored.
        turn: its orientation, 1 to 8, as EXIF counts.
    """
    factor = shrinking(width, height)
    small = shrink(picture, width, height, factor)
    if turn in _UPRIGHT:  # turning is cheaper after shrinking
        small = np.asarray(Image.fromarray(small).transpose(_UPRIGHT[turn]))
    if turn in _SIDEWAYS:
        width, height = height, width
    return place(small, width, height, factor)


def shrinking(width: int, height: int) -> float:
    """Canvas pixels per photo pixel, at most 1.

    A half, a quarter or an eighth, if that nearly fills the canvas: so a JPEG of 4000 px is decoded at a quarter.
    """
    factor = min(1.0, CANVAS_SIZE / max(width, height))
    return next((part for part in _PARTS if _ENOUGH * factor <= part <= factor), factor)


def _open(encoded: bytes) -> Image.Image:
    if not encoded:
        raise PhotoError("the photo is empty (0 bytes)")
    try:
        return Image.open(io.BytesIO(encoded), formats=PHOTO_FORMATS)
    except Exception as error:
        supported = ", ".join(PHOTO_FORMATS)
        kind = next((name for start, name in _MAGIC.items() if encoded.startswith(start)), None)
        if encoded[4:8] == b"ftyp":
            kind = _BRANDS.get(encoded[8:12])
        if kind:
            raise PhotoError(f"{kind} photos are not supported; send one of {supported}") from error
        problem = f"the photo is not an image, or is cut off in its header ({len(encoded)} bytes)"
        raise PhotoError(f"{problem}; send one of {supported}") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB from any mode; transparent parts become white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        image = Image.fromarray(_to_8_bit(np.asarray(image)))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return image.convert("RGB")


def _to_8_bit(values: np.ndarray) -> np.ndarray:
    """Grey of any depth to uint8: 16 bits by their range, floats from 0 to the larger of 1 and their maximum."""
    if values.dtype.kind == "f":
        values = np.nan_to_num(values)
        top = max(1.0, float(values.max(initial=0.0)))
    else:
        top = 65535.0 if values.max(initial=0) > 255 else 255.0
    return np.clip(values * (255.0 / top), 0, 255).astype(np.uint8)


def shrink(picture: np.ndarray, width: int, height: int, factor: float) -> np.ndarray:
    """Bring a decoded picture to canvas pixels, antialiased; width and height are those of the whole photo."""
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    off = max(abs(picture.shape[1] - size[0]), abs(picture.shape[0] - size[1]))
    if off == 0 or (off == 1 and max(picture.shape) <= CANVAS_SIZE):  # JPEG decoded at a part of its size is rounded up
        return picture
    if picture.shape[1] <= 2 * size[0] and picture.shape[0] <= 2 * size[1]:
        # Sampling at twice the size skips no pixel, and blocks of 2 x 2 are averaged far faster than other areas.
        picture = cv2.resize(picture, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_LINEAR)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def place(picture: np.ndarray, width: int, height: int, factor: float) -> Photo:
    """Put a decoded picture on the canvas.

    Args:
        picture: [h, w, 3] uint8 RGB, upright; of any size between the canvas's and the photo's.
        width, height: of the whole photo, upright.
        factor: canvas pixels per photo pixel.
    """
    small = shrink(picture, width, height, factor)
    canvas = np.zeros((CANVAS_SIZE, CANVAS_SIZE, 3), np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    return Photo(canvas, np.array(small.shape[:2], np.int32), np.array([1.0 / factor], np.float32))
