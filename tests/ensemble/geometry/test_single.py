"""One coin is taken out of the masks, alone or among coins that touch it."""

import cv2
import numpy as np
import pytest
import torch

from ensemble.geometry.graphs.single import coin_mask
from ensemble.geometry.rules import CORE_SIZE
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


def painted(outlines: list[Outline], size: int = SIZE, share: float = 1.0) -> np.ndarray:
    mask, scale = np.zeros((size, size), np.float32), size / SIZE
    for x, y, a, b, degrees in outlines:
        axes = (2 * share * a * scale, 2 * share * b * scale)
        cv2.ellipse(mask, ((x * scale, y * scale), axes, degrees), (1,), -1)
    return mask


def answer(outlines: list[Outline], size: int = SIZE) -> np.ndarray:
    """Coins, with a line of background where they touch, and their cores."""
    coins = np.zeros((size, size), np.float32)
    for outline in outlines:
        own = painted([outline], size)
        coins = np.maximum(
            coins * (1 - cv2.dilate(own, np.ones((3, 3)))), own * (1 - cv2.dilate(coins, np.ones((3, 3))))
        )
    return np.stack([coins, painted(outlines, size, CORE_SIZE)])


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    return float((first * second).sum() / np.maximum(first, second).sum())


@pytest.mark.parametrize("outline", ALONE)
@either_pass
def test_a_coin_alone_is_taken_as_it_is(way: Way, outline: Outline, size: int) -> None:
    np.testing.assert_array_equal(way.coin_mask(answer([outline], size)), painted([outline], size))


@pytest.mark.parametrize("outlines", TOUCHING)
@either_pass
def test_of_coins_that_touch_the_largest_is_taken(way: Way, outlines: list[Outline], size: int) -> None:
    masks = answer(outlines, size)
    assert overlap(way.coin_mask(masks), masks[0] * painted(outlines[:1], size)) > 0.95


@either_pass
def test_of_equal_coins_that_touch_one_is_taken(way: Way, size: int) -> None:
    pair: list[Outline] = [(70, 128, 50, 50, 0), (169, 128, 50, 50, 0)]
    result = way.coin_mask(answer(pair, size))
    assert max(overlap(result, painted([coin], size)) for coin in pair) > 0.94


@pytest.mark.parametrize("seed", range(6))
@either_pass
def test_of_many_alike_the_most_central_is_taken_however_the_photo_is_turned(way: Way, seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    tray: list[Outline] = [
        (x + rng.uniform(-6, 6), y + rng.uniform(-6, 6), r, r, 0)
        for x in range(32, 256, 48)
        for y in range(32, 256, 48)
        if (r := rng.uniform(16, 18.5))
    ]
    masks = answer(tray, size)
    nearest = min(tray, key=lambda coin: np.hypot(coin[0] - 127.5, coin[1] - 127.5) - CORE_SIZE * coin[2])
    found = way.coin_mask(masks)
    assert overlap(found, painted([nearest], size)) > 0.85
    for quarters in (1, 2, 3):
        turned = way.coin_mask(np.ascontiguousarray(np.rot90(masks, quarters, (1, 2))))
        assert overlap(turned, np.rot90(found, quarters)) > 0.9


@either_pass
def test_what_is_much_smaller_is_not_taken_for_being_central(way: Way, size: int) -> None:
    large, small = (60, 60, 40, 38, 10), (128, 128, 20, 20, 0)
    assert overlap(way.coin_mask(answer([large, small], size)), painted([large], size)) > 0.95


def test_the_gap_between_three_coins_is_no_part_of_any(way: Way) -> None:
    side = 2 * 45 / np.sqrt(3)
    three: list[Outline] = [
        (128 + side * np.cos(t), 128 + side * np.sin(t), 46, 46, 0) for t in 2 * np.pi * np.arange(3) / 3
    ]
    result = way.coin_mask(answer(three))
    assert max(overlap(result, painted([coin])) for coin in three) > 0.92


@either_pass
def test_a_smaller_coin_apart_is_left_out(way: Way, size: int) -> None:
    apart: list[Outline] = [(80, 80, 60, 60, 0), (210, 210, 30, 30, 0)]
    np.testing.assert_array_equal(way.coin_mask(answer(apart, size)), painted(apart[:1], size))


@pytest.mark.parametrize("radius", [2.0, 3.0, 4.0, 6.0])
def test_a_coin_of_a_few_pixels_is_taken_whole(way: Way, radius: float) -> None:
    """As the first pass sees one of a tray."""
    tiny: list[Outline] = [(128, 128, 2 * radius, 2 * radius, 0)]
    np.testing.assert_array_equal(way.coin_mask(answer(tiny, SIZE // 2)), painted(tiny, SIZE // 2))


@pytest.mark.parametrize(
    "masks", [np.zeros((2, SIZE, SIZE)), np.stack([np.ones((SIZE, SIZE)), np.zeros((SIZE, SIZE))])]
)
def test_without_a_core_there_is_no_coin(way: Way, masks: np.ndarray) -> None:
    assert not way.coin_mask(masks.astype(np.float32)).any()


def test_a_batch_equals_single_runs() -> None:
    masks = torch.stack([torch.from_numpy(answer(outlines)) for outlines in TOUCHING])
    for row, mask in zip(coin_mask(masks), masks, strict=True):
        assert torch.equal(row, coin_mask(mask[None])[0])
