"""Both ways answer alike: on hostile masks, and on real photos through the whole chain."""

import cv2
import numpy as np
import pytest

from ensemble.contract import CROP, IMAGE_SIZE, PREPROCESS, ZOOM
from ensemble.geometry import opencv
from ensemble.photo import Photo
from ensemble.placement import GEOMETRY
from tests.ensemble.geometry.test_components import MASKS
from tests.ensemble.geometry.test_crop import NO_COINS, WINDOW, coarse
from tests.ensemble.geometry.ways import GRAPHS, OPENCV

pytestmark = pytest.mark.slow


def discs(seed: int) -> np.ndarray:
    """Some ellipses and their cores, touching or not, with soft edges and noise: what a network might answer."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((2, IMAGE_SIZE, IMAGE_SIZE), np.float32)
    for _ in range(int(rng.integers(1, 5))):
        centre, axes = rng.uniform(30, 226, 2), np.sort(rng.uniform(15, 110, 2))[::-1]
        axes[1] = max(axes[1], 0.5 * axes[0])
        turn, sure = float(rng.uniform(0, 180)), float(rng.uniform(0.6, 1))
        for mask, size in zip(masks, (2, 1), strict=True):
            cv2.ellipse(mask, (centre.tolist(), (size * axes).tolist(), turn), (sure,), -1)
    noise = (cv2.GaussianBlur(rng.normal(size=mask.shape).astype(np.float32), (0, 0), 4) for mask in masks)
    soft = (cv2.GaussianBlur(mask, (0, 0), 1.5) for mask in masks)
    return np.clip(np.stack([a + b for a, b in zip(soft, noise, strict=True)]), 0, 1)


def agreement(first: np.ndarray, second: np.ndarray, scale: float) -> float:
    """Intersection over union of two outlines in photo px, drawn on the canvas."""
    drawn = []
    for x, y, a, b, angle in (first, second):
        canvas = np.zeros((1200, 1200), np.uint8)
        centre, axes = (round((x + 0.5) / scale * 16), round((y + 0.5) / scale * 16)), (a / scale * 16, b / scale * 16)
        cv2.ellipse(canvas, centre, (round(axes[0]), round(axes[1])), float(angle), 0, 360, (1,), -1, cv2.LINE_8, 4)
        drawn.append(canvas > 0)
    return float((drawn[0] & drawn[1]).sum() / max((drawn[0] | drawn[1]).sum(), 1))


def test_the_placement_names_the_steps_that_there_are() -> None:
    assert set(GEOMETRY) == set(opencv.STEPS) == {PREPROCESS, ZOOM, CROP}


@pytest.mark.parametrize("name", MASKS)
def test_the_coin_of_a_hostile_mask_is_the_same(name: str) -> None:
    masks = np.stack([MASKS[name]] * 2).astype(np.float32)
    first, second = GRAPHS.coin_mask(masks), OPENCV.coin_mask(masks)
    if not np.array_equal(first, second):
        # Of equally large components, or cores, either is right.
        assert first.sum() == pytest.approx(second.sum(), rel=0.2)


@pytest.mark.parametrize("name", NO_COINS)
def test_what_is_no_coin_is_zoomed_alike(synthetic_photos: list[Photo], name: str) -> None:
    window, masks = np.array(WINDOW, np.float32), coarse(np.stack([NO_COINS[name]] * 2))
    (first, _), (second, _) = (way.zoom(synthetic_photos[0], window, masks) for way in (GRAPHS, OPENCV))
    assert np.abs(first - second).max() < 1


@pytest.mark.parametrize("seed", range(60))
def test_masks_like_those_of_networks(synthetic_photos: list[Photo], seed: int) -> None:
    photo, masks = synthetic_photos[seed % len(synthetic_photos)], discs(seed)
    assert np.abs(GRAPHS.coin_mask(masks) - OPENCV.coin_mask(masks)).mean() < 1e-3  # an edge between two pixels
    window = np.array(WINDOW, np.float32)
    (first, near), (second, same) = (way.zoom(photo, window, coarse(masks)) for way in (GRAPHS, OPENCV))
    assert np.abs(first - second).max() < 1
    assert np.abs(near - same).mean() < 0.05
    likely = np.ones(1, np.float32)
    (coin, ellipse, found, cut), (other, outline, also, same_cut) = (
        way.crop(photo, window, masks, likely) for way in (GRAPHS, OPENCV)
    )
    assert found == also
    assert cut == pytest.approx(same_cut, abs=0.01)
    if found:
        assert agreement(ellipse, outline, float(photo.scale[0])) > 0.99
        assert np.abs(coin - other).mean() < 0.05
