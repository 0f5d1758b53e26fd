"""One coin is taken out of a mask, alone or among coins that touch it."""

import cv2
import numpy as np
import pytest
import torch

from ensemble.geometry.graphs.single import coin_mask
from tests.ensemble.geometry.ways import Way

pytestmark = pytest.mark.slow

SIZE = 256
Outline = tuple[float, float, float, float, float]  # centre, semi-axes, degrees
ALONE: list[Outline] = [(128, 128, 90, 90, 0), (90, 140, 70, 45, 30), (200, 60, 20, 18, 110), (128, 128, 110, 60, 90)]
# Coins that touch or overlap a little, the one to be found first.
TOUCHING: list[list[Outline]] = [
    [(90, 128, 60, 60, 0), (195, 128, 46, 46, 0)],
    [(90, 128, 60, 55, 20), (178, 168, 40, 36, 20), (150, 60, 35, 31, 20)],
    [(60, 60, 30, 28, 0), (105, 60, 17, 16, 0), (60, 104, 17, 16, 0), (200, 200, 18, 17, 0)],
    [(128, 128, 44, 44, 0), (196, 128, 28, 28, 0), (128, 196, 28, 28, 0), (60, 128, 28, 28, 0), (128, 60, 28, 28, 0)],
]


either_pass = pytest.mark.parametrize("size", [SIZE, SIZE // 2])


def painted(outlines: list[Outline], size: int = SIZE) -> np.ndarray:
    mask, scale = np.zeros((size, size), np.uint8), size / SIZE
    for x, y, a, b, degrees in outlines:
        cv2.ellipse(mask, ((x * scale, y * scale), (2 * a * scale, 2 * b * scale), degrees), (1,), -1)
    return mask


def found(way: Way, mask: np.ndarray) -> np.ndarray:
    return way.coin_mask(mask)


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    return float((first * second).sum() / np.maximum(first, second).sum())


@pytest.mark.parametrize("outline", ALONE)
@either_pass
def test_a_coin_alone_is_taken_as_it_is(way: Way, outline: Outline, size: int) -> None:
    mask = painted([outline], size)
    np.testing.assert_array_equal(found(way, mask), mask)


@pytest.mark.parametrize("outlines", TOUCHING)
@either_pass
def test_of_coins_that_touch_the_largest_is_taken(way: Way, outlines: list[Outline], size: int) -> None:
    assert overlap(found(way, painted(outlines, size)), painted(outlines[:1], size)) > 0.92


@either_pass
def test_of_equal_coins_that_touch_one_is_taken(way: Way, size: int) -> None:
    pair: list[Outline] = [(70, 128, 50, 50, 0), (169, 128, 50, 50, 0)]
    result = found(way, painted(pair, size))
    assert max(overlap(result, painted([coin], size)) for coin in pair) > 0.94


def test_cracks_and_holes_are_filled(way: Way) -> None:
    mask = painted(ALONE[:1])
    broken = mask.copy()
    broken[80:180:9, 60:200] = 0
    cv2.circle(broken, (100, 120), 22, (0,), -1)
    assert overlap(found(way, broken), mask) > 0.999


def test_the_gap_between_three_coins_is_no_part_of_any(way: Way) -> None:
    side = 2 * 45 / np.sqrt(3)
    three: list[Outline] = [
        (128 + side * np.cos(t), 128 + side * np.sin(t), 46, 46, 0) for t in 2 * np.pi * np.arange(3) / 3
    ]
    result = found(way, painted(three))
    assert max(overlap(result, painted([coin])) for coin in three) > 0.92


@either_pass
def test_a_smaller_coin_apart_is_left_out(way: Way, size: int) -> None:
    apart: list[Outline] = [(80, 80, 60, 60, 0), (210, 210, 30, 30, 0)]
    np.testing.assert_array_equal(found(way, painted(apart, size)), painted(apart[:1], size))


@either_pass
def test_an_empty_mask_has_no_coin(way: Way, size: int) -> None:
    assert not found(way, np.zeros((size, size), np.uint8)).any()


def test_a_batch_equals_single_runs() -> None:
    masks = torch.stack([torch.from_numpy(painted(outlines)).float()[None] for outlines in TOUCHING])
    for row, mask in zip(coin_mask(masks), masks, strict=True):
        assert torch.equal(row, coin_mask(mask[None])[0])
