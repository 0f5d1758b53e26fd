"""Opens photo files with the library that reads them: Pillow, pi-heif for HEIF, OpenCV where values have many bits.

Libraries that few photos need are imported when the first of them comes.
"""

import io
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ensemble.photo import parts
from ensemble.photo.metadata import exif_orientation
from ensemble.photo.pixels import rgb_of

if TYPE_CHECKING:
    from PIL import Image

_PNG_DEPTH = 24  # where it is; the type of colours follows
_PNG_CHANNELS = {0: 1, 2: 3, 4: 4, 6: 4}  # as OpenCV decodes them
_BITS, _PHOTOMETRIC, _SAMPLES = 258, 262, 277  # tags of a TIFF
_PLAIN_COLOURS = (0, 1, 2, 32844, 32845)  # white is 0, black is 0, RGB; logarithms, grey and in colour
_PILLOWS_BITS = 8
_JPEG_END = b"\xff\xd9"


def open_with_pillow(encoded: bytes, name: str, threads: int | None = None) -> "Image.Image":
    """A Pillow image that is not decoded yet.

    Args:
        encoded: a file, without metadata.
        name: of its format, one of PHOTO_FORMATS.
        threads: that decoders of HEIF and AVIF may use, from now on; None leaves it to them.

    Raises:
        ImportError: pillow or pi-heif is not installed.
        Exception: any, where the file is damaged.
    """
    from PIL import Image

    file = io.BytesIO(encoded)
    if name == "HEIF":
        import pi_heif

        pi_heif.options.DECODE_THREADS = threads or pi_heif.options.DECODE_THREADS
        return pi_heif.HeifImageFile(file)
    if name == "AVIF":
        from PIL import AvifImagePlugin

        AvifImagePlugin.DEFAULT_MAX_THREADS = threads or AvifImagePlugin.DEFAULT_MAX_THREADS
    return Image.open(file, formats=[name])


def rgb_of_pillow(image: "Image.Image") -> np.ndarray:
    """[h, w, 3] uint8 RGB of a Pillow image; transparent parts become white."""
    if image.mode in ("RGB", "L", "RGBA", "LA") and "transparency" not in image.info:
        values = np.asarray(image)
        return rgb_of(values if _alpha_counts(values, image.format == "BMP") else values[:, :, :3])
    if image.mode.startswith(("I", "F")):
        return rgb_of(np.asarray(image))
    return rgb_of(np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB")))


def turn_of_pillow(image: "Image.Image") -> int:
    """How to turn what Pillow makes of an AVIF, 1 to 8, as EXIF counts: it does not do so itself."""
    return exif_orientation(image.info.get("exif", b"")) or 1


def deep_bytes(encoded: bytes) -> int:
    """Bytes of the values of one pixel of a PNG or TIFF that Pillow would cut down or not read; 0 for any other file.

    They have more than 8 bits each, and are grey or RGB.
    """
    if encoded.startswith(parts.PNG):
        depth, colours = encoded[_PNG_DEPTH : _PNG_DEPTH + 2].ljust(2, b"\0")
        return 2 * _PNG_CHANNELS.get(colours, 0) if depth > _PILLOWS_BITS else 0
    tags = {tag.number: parts.whole_numbers(encoded, tag) for tag in parts.tags(encoded)}
    bits, colours = max(tags.get(_BITS) or (1,)), (tags.get(_PHOTOMETRIC) or (1,))[0]
    if colours not in _PLAIN_COLOURS or bits <= _PILLOWS_BITS:
        return 0
    return -(-bits // 8) * (tags.get(_SAMPLES) or (1,))[0]


def decode_with_opencv(encoded: bytes) -> np.ndarray | None:
    """[h, w, 3] uint8 RGB of a file without metadata; transparent parts become white. None where OpenCV cannot."""
    tags = {tag.number: parts.whole_numbers(encoded, tag, 1) for tag in parts.tags(encoded)}
    plain = not tags or tags.get(_PHOTOMETRIC, ())[:1] in [(colours,) for colours in _PLAIN_COLOURS]
    if encoded.startswith(parts.JPEG):
        encoded += _JPEG_END  # OpenCV reads no file that lacks it
    try:
        flags = cv2.IMREAD_UNCHANGED if plain else cv2.IMREAD_COLOR
        values = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags)
    except cv2.error:
        return None
    if values is None:
        return None
    if values.ndim == 3 and values.shape[2] == 4:
        is_bmp = encoded.startswith(b"BM")
        values = values[:, :, [2, 1, 0, 3]] if _alpha_counts(values, is_bmp) else values[:, :, 2::-1]
    elif values.ndim == 3 and values.shape[2] == 3:
        values = values[:, :, ::-1]
    return rgb_of(values)


def _alpha_counts(values: np.ndarray, is_bmp: bool) -> bool:
    """False for four channels of a BMP whose last is 0: many programs write alpha, and leave it so."""
    return not is_bmp or values.ndim == 2 or values.shape[2] != 4 or bool(values[:, :, 3].any())
