"""The rectified coin as a small JPEG, kept beside its embedding."""

import cv2
import numpy as np

from ensemble.contract import IMAGE_MEAN, IMAGE_STD

JPEG_QUALITY = 92


def coin_jpeg(coin: np.ndarray) -> bytes:
    """JPEG of a coin tensor: [3, 256, 256] float32, normalized as the networks see it."""
    mean, std = (np.array(values, np.float32).reshape(3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD))
    rgb = np.clip((coin * std + mean) * 255, 0, 255).round().astype(np.uint8).transpose(1, 2, 0)
    done, data = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise RuntimeError("OpenCV cannot write JPEG")
    return data.tobytes()
