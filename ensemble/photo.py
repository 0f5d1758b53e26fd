"""From a photo file to the canvas: the first step of the pipeline, which is not a compute graph."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageOps

from ensemble.contract import CANVAS_SIZE, MAX_MEGAPIXELS, PHOTO_FORMATS, PHOTO_SUFFIXES
from ensemble.errors import PhotoError

SUFFIXES = tuple(suffix for suffixes in PHOTO_SUFFIXES.values() for suffix in suffixes)  # of file names

Image.MAX_IMAGE_PIXELS = None  # MAX_MEGAPIXELS is stricter, and an error rather than a warning

_MAGIC = {b"GIF8": "GIF", b"%PDF": "PDF", b"<svg": "SVG", b"\x00\x00\x00\x0cjP": "JPEG 2000", b"8BPS": "Photoshop"}
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


def decode(encoded: bytes) -> Photo:
    """Decode a photo file and place it on the canvas, upright, shrunk only if it is too large.

    Args:
        encoded: a file of one of PHOTO_FORMATS; the first of several frames counts.

    Raises:
        PhotoError: empty, truncated, damaged, of another format, or above MAX_MEGAPIXELS by its header.
    """
    image = read_header(encoded)
    factor = shrinking(*image.size)
    width, height = image.size
    try:
        # JPEG can be decoded at 1/2, 1/4 or 1/8, which saves most of the time. The rest is shrunk below.
        image.draft(image.mode, (int(np.ceil(width * factor)), int(np.ceil(height * factor))))
        image.load()
        upright = ImageOps.exif_transpose(_to_rgb(image))
    except Exception as error:  # decoders raise anything on damaged files
        raise PhotoError(f"the {image.format} photo is damaged or cut off: {error}") from error
    if (upright.width > upright.height) != (width > height):
        width, height = height, width
    return place(np.asarray(upright), width, height, factor)


def is_photo_file(name: str) -> bool:
    """Whether a file's name has the suffix of a format that can be decoded."""
    return name.lower().endswith(SUFFIXES)


def read_header(encoded: bytes) -> Image.Image:
    """Open a photo file without decoding it.

    Raises:
        PhotoError: empty, damaged in its header, of another format, or above MAX_MEGAPIXELS.
    """
    image = _open(encoded)
    _check_size(image)
    return image


def shrinking(width: int, height: int) -> float:
    """Canvas pixels per photo pixel, at most 1."""
    return min(1.0, CANVAS_SIZE / max(width, height))


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


def _check_size(image: Image.Image) -> None:
    megapixels = image.width * image.height / 1e6
    if megapixels > MAX_MEGAPIXELS:
        size = f"{image.width} x {image.height} pixels, {megapixels:.1f} megapixels"
        raise PhotoError(f"the photo has {size}; the limit is {MAX_MEGAPIXELS:g}: send a smaller one")


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB from any mode; transparent parts become white. EXIF data stays with the image."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    exif = image.getexif()
    if image.mode.startswith(("I", "F")):
        image = Image.fromarray(_to_8_bit(np.asarray(image)))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    rgb = image.convert("RGB")
    rgb.info["exif"] = exif.tobytes()
    return rgb


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
    if (picture.shape[1], picture.shape[0]) == size:
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
