"""The relief map: what the graph computes, written down again in plain numpy, and what the map is for."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch

from ensemble.contract import (
    COIN_RADIUS,
    IMAGE_MEAN,
    IMAGE_SIZE,
    IMAGE_STD,
    RELIEF_HARMONICS,
    RELIEF_NUMBERS,
    RELIEF_RADII,
    RELIEF_TRIALS,
)
from ensemble.geometry.graphs import Relief
from ensemble.verification import correlations, stored

MIDDLE = (IMAGE_SIZE - 1) / 2
SMALL = 128  # px of the halved coin
MEAN, STD = (np.array(values, np.float32)[:, None, None] for values in (IMAGE_MEAN, IMAGE_STD))


def struck(
    seed: int, light: float = 0.7, turn: float = 0.0, tone: tuple[float, float, float] = (1, 1, 1)
) -> np.ndarray:
    """[3, 256, 256] normalized: a coin with random shapes in relief, lit from an angle (radians), turned (degrees)."""
    rng = np.random.default_rng(seed)
    height: np.ndarray = np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.float32)
    for _ in range(14):
        distance, angle = rng.uniform(10, 100), rng.uniform(0, 2 * np.pi)
        x, y = MIDDLE + distance * np.cos(angle), MIDDLE + distance * np.sin(angle)
        axes = rng.integers(5, 22, 2).tolist()
        cv2.ellipse(height, (round(x), round(y)), axes, rng.uniform(0, 180), 0, 360, [rng.uniform(1, 3)], -1)
    height = cv2.warpAffine(height, cv2.getRotationMatrix2D((MIDDLE, MIDDLE), -turn, 1), (IMAGE_SIZE, IMAGE_SIZE))
    height = cv2.GaussianBlur(height, (0, 0), 2)
    dx, dy = cv2.Sobel(height, cv2.CV_32F, 1, 0), cv2.Sobel(height, cv2.CV_32F, 0, 1)
    grey = 128 + 12 * (np.cos(light) * dx + np.sin(light) * dy)
    return normalized(np.repeat(grey[None], 3, 0))


def normalized(rgb: np.ndarray) -> np.ndarray:
    """[3, 256, 256] grey levels as the networks see a coin: zero outside."""
    squares = (np.arange(IMAGE_SIZE) - MIDDLE) ** 2
    coin = (np.clip(rgb, 0, 255) / 255 - MEAN) / STD
    return np.where(squares + squares[:, None] <= COIN_RADIUS**2, coin, 0).astype(np.float32)


def relief(coin: np.ndarray) -> np.ndarray:
    """[trials, harmonics, numbers] by the graph."""
    with torch.inference_mode():
        made = Relief().eval()(torch.from_numpy(coin[None]))[0].numpy()
    return np.asarray(made)


def likeness(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Correlation of a query with a catalog coin, and the angle."""
    found, angle, _ = correlations(relief(one), stored(relief(other)[0])[None])
    return float(found[0]), float(angle[0])


# --- the same in numpy ----------------------------------------------------------------------------------------------


def in_numpy(coin: np.ndarray) -> np.ndarray:
    """The map by its definition, one number after the other where that is plainest."""
    rgb = (coin * STD * 255).reshape(3, SMALL, 2, SMALL, 2).mean((2, 4))
    grey = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]
    smooth = blurred(grey, 0.75, 3)
    centred = smooth - square_mean(smooth, 13)
    flat = centred / (np.sqrt(square_mean(centred**2, 17)) + 3)
    dx, dy = (
        cv2.Sobel(flat, cv2.CV_64F, *order, ksize=3, borderType=cv2.BORDER_CONSTANT) for order in ((1, 0), (0, 1))
    )
    square = dx**2 + dy**2 + 1e-6
    strength, angle = square**0.175, np.arctan2(dy, dx)
    certain = 1 - 1e-6 / square  # a flat place has no orientation
    edges = [blurred(strength, 0.8, 3)]
    for times, weight in ((2, strength * certain), (4, 0.5 * strength * certain**2)):
        edges += [blurred(weight * wave(times * angle), 0.8, 3) for wave in (np.cos, np.sin)]
    return np.stack([unrolled(edges, *trial) for trial in RELIEF_TRIALS])


def blurred(picture: np.ndarray, sigma: float, reach: int) -> np.ndarray:
    bell = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    return filtered(picture, bell / bell.sum())


def square_mean(picture: np.ndarray, width: int) -> np.ndarray:
    return filtered(picture, np.full(width, 1 / width))


def filtered(picture: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return cv2.sepFilter2D(picture.astype(np.float64), cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_CONSTANT)


def unrolled(edges: list[np.ndarray], size: float, right: float, down: float) -> np.ndarray:
    """[harmonics, numbers] of one trial, unit length."""
    angles = (np.arange(128) + 0.5) / 128 * 2 * np.pi
    radii = 5.5 + (np.arange(24) + 0.5) / 24 * 53.5
    x = (SMALL - 1) / 2 + (radii * np.cos(angles)[:, None] - right / 2) / size
    y = (SMALL - 1) / 2 + (radii * np.sin(angles)[:, None] - down / 2) / size
    parts = [sampled(picture, x, y).reshape(64, 2, 12, 2).mean((1, 3)) for picture in edges]
    middle = ((np.arange(64) + 0.5) / 64 * 2 * np.pi)[:, None]
    turned = [parts[0]]
    for times, (cosine, sine) in zip((2, 4), ((parts[1], parts[2]), (parts[3], parts[4])), strict=True):
        turned.append(cosine * np.cos(times * middle) + sine * np.sin(times * middle))
        turned.append(sine * np.cos(times * middle) - cosine * np.sin(times * middle))
    rings = 5.5 + (np.arange(12) + 0.5) / 12 * 53.5
    samples = np.stack(turned, 2) * ((rings / 59) ** 0.375)[None, :, None]  # [angles, radii, orientations]
    order = np.arange(1, RELIEF_HARMONICS + 1)
    weights = order**0.35 * np.exp(-((order / 14) ** 2) / 2)
    harmonics = np.fft.fft(samples.reshape(64, -1), axis=0)[1 : RELIEF_HARMONICS + 1] * weights[:, None]
    numbers = np.concatenate([harmonics.real, harmonics.imag], 1)
    return numbers / (np.linalg.norm(numbers) + 0.01)


def sampled(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bilinear, zero beyond the picture."""
    padded = np.pad(picture, 2)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    u, v = x - left, y - top
    rows, columns = np.clip(top + 2, 0, SMALL + 2), np.clip(left + 2, 0, SMALL + 2)
    upper = padded[rows, columns] * (1 - u) + padded[rows, columns + 1] * u
    lower = padded[rows + 1, columns] * (1 - u) + padded[rows + 1, columns + 1] * u
    return np.asarray(upper * (1 - v) + lower * v)


@pytest.mark.parametrize("seed", range(3))
def test_graph_computes_what_plain_numpy_does(seed: int) -> None:
    coin = struck(seed)
    np.testing.assert_allclose(relief(coin), in_numpy(coin), atol=2e-5)


def test_noise_too() -> None:
    coin = normalized(np.random.default_rng(0).uniform(0, 255, (3, IMAGE_SIZE, IMAGE_SIZE)).astype(np.float32))
    np.testing.assert_allclose(relief(coin), in_numpy(coin), atol=2e-5)


# --- what it is for -------------------------------------------------------------------------------------------------


def test_shape_and_length() -> None:
    made = relief(struck(0))
    assert made.shape == (len(RELIEF_TRIALS), RELIEF_HARMONICS, RELIEF_NUMBERS)
    np.testing.assert_allclose(np.linalg.norm(made, axis=(1, 2)), 1, atol=1e-4)
    assert stored(made[0]).nbytes <= 4096


def test_no_coin_makes_no_map() -> None:
    made = relief(np.zeros((3, IMAGE_SIZE, IMAGE_SIZE), np.float32))
    assert np.abs(made).max() < 1e-3 and not stored(made[0]).any()


@pytest.mark.parametrize("turn", [0, 37, 90, 181, 300])
def test_a_turned_coin_is_the_same_and_the_angle_is_told(turn: int) -> None:
    same, angle = likeness(struck(1, light=0.7 + np.radians(turn), turn=turn), struck(1))
    assert same > 0.93
    assert abs((angle - turn + 180) % 360 - 180) < 2


@pytest.mark.parametrize("light", [0.7 + np.pi, 0.7 + np.pi / 2, 2.0])
def test_light_from_elsewhere_changes_little(light: float) -> None:
    same, _ = likeness(struck(2, light=light), struck(2))
    other, _ = likeness(struck(3), struck(2))
    assert same > other + 0.3


@pytest.mark.parametrize(
    "change",
    [
        lambda coin: coin * 0.5,
        lambda coin: coin + 0.4 * (coin != 0),
        lambda coin: np.stack([1.2 * coin[0], 0.9 * coin[1], 0.6 * coin[2]]).astype(np.float32),
    ],
    ids=["contrast", "exposure", "colour"],
)
def test_contrast_exposure_and_colour_hardly_matter(change: Callable[[np.ndarray], np.ndarray]) -> None:
    coin = struck(4)
    assert likeness(change(coin).astype(np.float32), coin)[0] > 0.95


@pytest.mark.parametrize("size, right, down", [(1.04, 0, 0), (0.96, 0, 0), (1, 4, 0), (1, 0, -4)])
def test_trials_make_up_for_an_outline_that_is_off(size: float, right: float, down: float) -> None:
    coin = struck(5)
    rest = MIDDLE * (1 - size)
    matrix = np.array([[size, 0, rest + right], [0, size, rest + down]], np.float32)
    moved = np.stack([cv2.warpAffine(channel, matrix, (IMAGE_SIZE, IMAGE_SIZE)) for channel in coin])
    kept = stored(relief(coin)[0])[None]
    trials = relief(moved)
    assert correlations(trials, kept)[0][0] > correlations(trials[:1], kept)[0][0] + 0.02


def test_mirror_image_is_another_coin() -> None:
    coin = struck(6)
    assert likeness(np.ascontiguousarray(coin[:, :, ::-1]), coin)[0] < 0.5


def test_rings_are_those_of_the_contract() -> None:
    assert RELIEF_NUMBERS == 2 * RELIEF_RADII * 5
