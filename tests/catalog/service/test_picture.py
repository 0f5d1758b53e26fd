"""The picture kept beside an embedding is the coin that the network saw."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from catalog.service.picture import coin_jpeg, coin_tensor
from ensemble.contract import COIN_RADIUS, IMAGE_MEAN, IMAGE_SIZE, IMAGE_STD
from ensemble.errors import EntryError


def normalized(rgb: np.ndarray) -> np.ndarray:
    """[IMAGE_SIZE, IMAGE_SIZE, 3] uint8 to [3, IMAGE_SIZE, IMAGE_SIZE] float32, as the networks see it."""
    scaled = (rgb / 255 - np.array(IMAGE_MEAN)) / np.array(IMAGE_STD)
    return scaled.astype(np.float32).transpose(2, 0, 1)


def decoded(data: bytes) -> np.ndarray:
    assert data[:3] == b"\xff\xd8\xff"
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1].astype(int)


def test_the_picture_is_the_coin() -> None:
    y, x = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE]
    rgb = np.stack([x, y, 255 - (x + y) // 2], axis=2).astype(np.uint8)
    picture = decoded(coin_jpeg(normalized(rgb)))
    assert picture.shape == (IMAGE_SIZE, IMAGE_SIZE, 3)
    assert np.abs(picture - rgb).mean() < 2 and np.abs(picture - rgb).max() < 16


def test_zero_is_the_mean_colour() -> None:
    picture = decoded(coin_jpeg(np.zeros((3, IMAGE_SIZE, IMAGE_SIZE), np.float32)))
    np.testing.assert_allclose(picture.reshape(-1, 3).mean(axis=0), np.array(IMAGE_MEAN) * 255, atol=2)


def test_values_out_of_range_are_clipped() -> None:
    coin = np.full((3, IMAGE_SIZE, IMAGE_SIZE), 100.0, np.float32)
    coin[:, :, :128] = -100.0
    picture = decoded(coin_jpeg(coin))
    assert picture[:, 140:].min() > 245 and picture[:, :116].max() < 10


def test_it_is_small() -> None:
    noise = np.random.default_rng(0).normal(size=(3, IMAGE_SIZE, IMAGE_SIZE)).astype(np.float32)
    assert len(coin_jpeg(noise)) < 150_000


def test_a_picture_becomes_the_coin_again() -> None:
    y, x = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE] - (IMAGE_SIZE - 1) / 2
    inside = x**2 + y**2 <= COIN_RADIUS**2
    shades = np.stack([128 + x / 2, 128 + y / 2, 128 - x / 2], axis=2).clip(0, 255)
    coin = np.where(inside, normalized(shades), np.float32(0)).astype(np.float32)
    again = coin_tensor(coin_jpeg(coin))
    assert (again.shape, again.dtype) == (coin.shape, np.float32)
    assert not again[:, ~inside].any()
    assert np.abs(again - coin).mean() < 0.02  # of a range of some 4.5


def png(width: int, height: int) -> bytes:
    """A file that says it is that large, and holds nothing."""
    parts = {b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT": zlib.compress(b""), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts.items()
    )


@pytest.mark.parametrize("picture", [b"", b"no picture", b"\xff\xd8\xff", png(60_000, 60_000)])
def test_what_is_no_picture(picture: bytes) -> None:
    with pytest.raises(EntryError, match="the picture of a view cannot be read: it must be the JPEG of a rectified"):
        coin_tensor(picture)


def test_a_picture_of_another_size() -> None:
    photo = cv2.imencode(".jpg", np.zeros((255, 256, 3), np.uint8))[1].tobytes()
    with pytest.raises(EntryError, match="the picture of a view has 256x255 pixels, not 256x256"):
        coin_tensor(photo)
