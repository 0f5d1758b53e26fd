"""The rectified coin as the small JPEG that is stored beside its embedding, and back."""

import cv2
import numpy as np

from ensemble.contract import COIN_RADIUS, IMAGE_MEAN, IMAGE_SIZE, IMAGE_STD
from ensemble.errors import EntryError, PhotoError
from ensemble.photo import read_header

JPEG_QUALITY = 92
_MEAN, _STD = (np.array(values, np.float32).reshape(3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD))


def coin_jpeg(coin: np.ndarray) -> bytes:
    """JPEG of a coin, [3, IMAGE_SIZE, IMAGE_SIZE] float32, normalized as the networks see it."""
    rgb = np.clip((coin * _STD + _MEAN) * 255, 0, 255).round().astype(np.uint8).transpose(1, 2, 0)
    done, data = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise RuntimeError("OpenCV cannot write JPEG")
    return data.tobytes()


def check_picture(picture: bytes) -> None:
    """Refuse what cannot be embedded again. Raises EntryError as `coin_tensor`."""
    _decoded(picture)


def coin_tensor(picture: bytes) -> np.ndarray:
    """The coin of a picture that `coin_jpeg` made: [3, IMAGE_SIZE, IMAGE_SIZE] float32, normalized, zero outside.

    Raises:
        EntryError: it is not a picture, or has another size.
    """
    bgr = _decoded(picture)
    coin = (bgr[:, :, ::-1].transpose(2, 0, 1).astype(np.float32) / 255 - _MEAN) / _STD
    return np.where(_inside(), coin, np.float32(0))


def _decoded(picture: bytes) -> np.ndarray:
    """[IMAGE_SIZE, IMAGE_SIZE, 3] uint8 BGR. Its size and its scans are read from the header before it is decoded."""
    unreadable = "the picture of a view cannot be read: it must be the JPEG of a rectified coin"
    try:
        header = read_header(picture)
    except PhotoError as error:
        raise EntryError(f"{unreadable} ({error})") from error
    if header.format != "JPEG":
        raise EntryError(f"the picture of a view is a {header.format}; it must be the JPEG of a rectified coin")
    width, height = header.width, header.height
    if (width, height) != (IMAGE_SIZE, IMAGE_SIZE):
        raise EntryError(f"the picture of a view has {width}x{height} pixels, not {IMAGE_SIZE}x{IMAGE_SIZE}")
    bgr = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None or bgr.shape != (IMAGE_SIZE, IMAGE_SIZE, 3):
        raise EntryError(unreadable)
    return bgr


def _inside() -> np.ndarray:
    """[IMAGE_SIZE, IMAGE_SIZE] bool: the disc that the coin fills. JPEG blurs its edge."""
    squares = (np.arange(IMAGE_SIZE) - (IMAGE_SIZE - 1) / 2) ** 2
    return np.asarray(squares + squares[:, None] <= COIN_RADIUS**2)
