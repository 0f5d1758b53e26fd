"""The rectified coin as the small JPEG that is stored beside its embedding, and back."""

import cv2
import numpy as np

from ensemble.contract import COIN_RADIUS, IMAGE_MEAN, IMAGE_SIZE, IMAGE_STD
from ensemble.errors import EntryError

JPEG_QUALITY = 92
_MEAN, _STD = (np.array(values, np.float32).reshape(3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD))


def coin_jpeg(coin: np.ndarray) -> bytes:
    """JPEG of a coin, [3, IMAGE_SIZE, IMAGE_SIZE] float32, normalized as the networks see it."""
    rgb = np.clip((coin * _STD + _MEAN) * 255, 0, 255).round().astype(np.uint8).transpose(1, 2, 0)
    done, data = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise RuntimeError("OpenCV cannot write JPEG")
    return data.tobytes()


def coin_tensor(picture: bytes) -> np.ndarray:
    """The coin of a picture that `coin_jpeg` made: [3, IMAGE_SIZE, IMAGE_SIZE] float32, normalized, zero outside.

    Raises:
        EntryError: it is not a picture, or has another size.
    """
    try:
        bgr = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR) if picture else None
    except cv2.error:  # more pixels than OpenCV takes
        bgr = None
    if bgr is None:
        raise EntryError("the picture of a view cannot be read: it must be the JPEG of a rectified coin")
    if bgr.shape[:2] != (IMAGE_SIZE, IMAGE_SIZE):
        raise EntryError(
            f"the picture of a view has {bgr.shape[1]}x{bgr.shape[0]} pixels, not {IMAGE_SIZE}x{IMAGE_SIZE}"
        )
    coin = (bgr[:, :, ::-1].transpose(2, 0, 1).astype(np.float32) / 255 - _MEAN) / _STD
    return np.where(_inside(), coin, np.float32(0))


def _inside() -> np.ndarray:
    """[IMAGE_SIZE, IMAGE_SIZE] bool: the disc that the coin fills. JPEG blurs its edge."""
    squares = (np.arange(IMAGE_SIZE) - (IMAGE_SIZE - 1) / 2) ** 2
    return np.asarray(squares + squares[:, None] <= COIN_RADIUS**2)
