"""Augmentation: blends without seams, light that moves no pixel, pasted coins with true masks."""

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
import pytest

from training.augment import Cutout, compose, gaussian_blend, iso_noise, laplacian_blend, recolour, shadow
from training.augment.compose import MOST_PADDING

pytestmark = pytest.mark.slow

Blend = Callable[..., np.ndarray]
SIZE = 192  # px, of composed pictures


def _disc(height: int, width: int, radius: float) -> np.ndarray:
    v, u = np.mgrid[:height, :width]
    return np.where(np.hypot(u - (width - 1) / 2, v - (height - 1) / 2) <= radius, 255, 0).astype(np.uint8)


def _noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def _flat(height: int, width: int, *colour: int) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


# --- pyramids -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blend", [gaussian_blend, laplacian_blend])
@pytest.mark.parametrize("levels", [1, 3])
def test_a_picture_blended_with_itself_stays(blend: Blend, levels: int) -> None:
    picture = _noise(97, 130)
    np.testing.assert_allclose(blend(picture, picture, _disc(97, 130, 30), levels), picture, atol=1e-3)


@pytest.mark.parametrize("blend", [gaussian_blend, laplacian_blend])
def test_far_from_the_border_each_picture_is_alone(blend: Blend) -> None:
    top, bottom, mask = _flat(128, 128, 200, 30, 60), _flat(128, 128, 20, 130, 90), _disc(128, 128, 40)
    mixed = blend(top, bottom, mask, 2)
    inside, outside = cv2.erode(mask, np.ones((31, 31))) > 0, cv2.dilate(mask, np.ones((31, 31))) == 0
    np.testing.assert_allclose(mixed[inside], top[inside], atol=0.5)
    np.testing.assert_allclose(mixed[outside], bottom[outside], atol=0.5)


@pytest.mark.parametrize("blend", [gaussian_blend, laplacian_blend])
def test_each_level_doubles_the_border(blend: Blend) -> None:
    mask = np.zeros((128, 128), np.uint8)
    mask[:, 64:] = 255
    widths = []
    for levels in (1, 2, 3):
        row = blend(_flat(128, 128, 200, 200, 200), _flat(128, 128, 0, 0, 0), mask, levels)[64, :, 0]
        assert (np.diff(row) > -0.01).all()  # no seam: it only rises
        widths.append(200 / np.diff(row).max())
    assert 2 < widths[0] < 5
    assert [b / a for a, b in pairwise(widths)] == pytest.approx([2, 2], abs=0.4)


def test_laplacian_blend_mixes_fine_detail_over_a_narrower_border_than_shades() -> None:
    stripes = np.zeros((128, 128, 3), np.float32)
    stripes[::2] = 100
    stripes += 50
    mask = np.zeros((128, 128), np.uint8)
    mask[:, 64:] = 255
    ground = _flat(128, 128, 100, 100, 100)
    fine, wide = (
        np.abs(np.diff(blend(stripes, ground, mask, 3)[60:68, 58, 0])).mean()
        for blend in (laplacian_blend, gaussian_blend)
    )
    assert fine < 2  # 6 px off the mask no stripe is left of an amplitude of 100
    assert wide > 15


# --- light, lens and sensor -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_recolour_gives_a_picture_and_leaves_its_input(kind: type) -> None:
    picture: np.ndarray = _noise(48, 64).astype(kind)
    before = picture.copy()
    results = [recolour(picture, np.random.default_rng(seed)) for seed in range(40)]
    for result in results:
        assert result.shape == picture.shape and result.dtype == np.float32
        assert result.min() >= 0 and result.max() <= 255
    assert np.array_equal(picture, before)
    assert np.array_equal(results[3], recolour(picture, np.random.default_rng(3)))
    assert len({result.tobytes() for result in results}) == len(results)


def test_recolour_moves_nothing() -> None:
    disc = _disc(128, 128, 40) > 0
    picture = np.where(disc[..., None], 220, 15).astype(np.uint8).repeat(3, 2)
    overlaps = []
    for seed in range(40):
        grey = cv2.GaussianBlur(recolour(picture, np.random.default_rng(seed)).mean(2), (0, 0), 1.0)
        overlaps.append(_overlap(grey > (np.median(grey[disc]) + np.median(grey[~disc])) / 2, disc))
    # A shift by 1 px would give 0.97; a shadow may take a part of the disc below the half.
    assert np.median(overlaps) > 0.98
    assert min(overlaps) > 0.6


def test_strength_scales_the_change_of_colours() -> None:
    grey = _flat(32, 32, 120, 120, 120)

    def casts(strength: float) -> np.ndarray:
        pictures = (recolour(grey, np.random.default_rng(seed), strength) for seed in range(60))
        return np.array([np.ptp(picture.mean((0, 1))) for picture in pictures])

    assert np.median(casts(0.0)) < 1.5
    assert 4 < np.median(casts(1.0)) < 40


def test_shadow_only_darkens_and_leaves_colours() -> None:
    picture = np.full((60, 90, 3), (200, 100, 50), np.float32)
    for seed in range(30):
        share = shadow(picture, np.random.default_rng(seed)) / picture
        assert share.max() <= 1 + 1e-6 and 0.35 < share.min() < 0.92
        assert np.ptp(share, axis=2).max() < 1e-6
        assert np.abs(np.diff(share[..., 0], axis=1)).max() < 0.4  # soft


def test_noise_grows_with_the_light_and_its_colour_is_blotched() -> None:
    dark, bright = (
        iso_noise(np.full((200, 200, 3), level, np.float32), np.random.default_rng(8)) - level for level in (40, 160)
    )
    # The formula's square roots; the same seed draws the same grain, clipped in neither.
    assert bright.std() / dark.std() == pytest.approx((np.sqrt(160 / 255) + 0.15) / (np.sqrt(40 / 255) + 0.15), rel=0.1)
    assert abs(bright.mean()) < 0.5
    colour = bright[..., 0] - bright[..., 1]
    assert np.corrcoef(colour[:, 1:].ravel(), colour[:, :-1].ravel())[0, 1] > 0.6


# --- pasted coins ---------------------------------------------------------------------------------------------------


def _red_coin(radius: float = 100.0) -> Cutout:
    """A red coin on the green of the photo that it was cut from."""
    mask = _disc(256, 256, radius)
    return Cutout(np.where(mask[..., None] > 0, _flat(256, 256, 220, 0, 0), _flat(256, 256, 0, 220, 0)), mask)


BLUE = _flat(300, 210, 0, 0, 160)


def _composed(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return compose([_red_coin()] * count, BLUE, SIZE, np.random.default_rng(seed))


def test_compose_gives_a_picture_and_its_mask() -> None:
    cutout, ground = _red_coin(), _noise(300, 210)
    before = cutout.picture.copy(), cutout.mask.copy(), ground.copy()
    first, again = (compose([cutout] * 3, ground, SIZE, np.random.default_rng(4)) for _ in range(2))
    picture, mask = first
    assert picture.shape == (SIZE, SIZE, 3) and picture.dtype == np.float32
    assert picture.min() >= 0 and picture.max() <= 255
    assert mask.shape == (SIZE, SIZE) and mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 255}
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(before, (cutout.picture, cutout.mask, ground), strict=True))


def test_a_ground_without_coins_has_an_empty_mask() -> None:
    picture, mask = compose([], _noise(64, 80), SIZE, np.random.default_rng(0))
    assert picture.shape == (SIZE, SIZE, 3) and picture.std() > 1
    assert not mask.any()


@pytest.mark.parametrize("seed", range(24))
def test_the_mask_is_where_the_coins_are(seed: int) -> None:
    picture, mask = _composed(1 + 3 * (seed % 2), seed)
    smooth = cv2.GaussianBlur(picture, (0, 0), 1.5)  # noise
    coin = smooth[..., 0] > smooth[..., 2]
    near = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((9, 9), np.uint8)) > 0  # what a soft border blurs
    assert (coin == (mask > 0))[~near].mean() > 0.995
    assert _overlap(coin, mask > 0) > 0.8
    # Of the photo that the coin was cut from, nothing is left beyond a border.
    assert (smooth[..., 1] > np.maximum(smooth[..., 0], smooth[..., 2]))[~near].mean() < 0.005


def test_the_first_coin_has_every_size_and_lies_in_the_picture() -> None:
    masks = [_composed(1, seed)[1] for seed in range(80)]
    boxes = [cv2.boundingRect(mask) for mask in masks]
    ratios = np.array([SIZE / max(w, h) for _, _, w, h in boxes])  # of lengths
    assert ratios.min() > 0.97 and ratios.max() < np.sqrt(MOST_PADDING) * 1.05
    # Evenly from 1 to 6: about 16 of 80 in each fifth.
    counts = np.histogram(ratios, 5, (0.97, np.sqrt(MOST_PADDING) * 1.05))[0]
    assert counts.min() >= 7 and counts.max() <= 28
    for mask, (_, _, w, h) in zip(masks, boxes, strict=True):  # whole discs: nothing is cut off
        assert (mask > 0).sum() / (np.pi / 4 * w * h) == pytest.approx(1, abs=0.06)
    x = np.array([(x + w / 2) / SIZE for x, _, w, _ in boxes])
    assert x.min() < 0.25 and x.max() > 0.75


def test_further_coins_are_smaller_and_stay_clear() -> None:
    several = 0
    for seed in range(25):
        mask = _composed(5, seed)[1]
        first = _composed(1, seed)[1]
        count, _, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(mask, np.ones((3, 3), np.uint8)))
        assert (mask[first > 0] == 255).all()
        several += count > 2
        for _, _, w, h, area in stats[1:]:
            assert area / (np.pi / 4 * w * h) == pytest.approx(1, abs=0.12)  # each a disc: no two have merged
            assert max(w, h) <= max(cv2.boundingRect(first)[2:]) + 2
    assert several >= 10


def test_layers_are_lit_apart() -> None:
    grey, brightness = _flat(256, 256, 120, 120, 120), []
    for seed in range(40):
        picture, mask = compose([Cutout(grey, _disc(256, 256, 100))], grey, SIZE, np.random.default_rng(seed))
        brightness.append(np.log(picture[mask > 0].mean() / picture[mask == 0].mean()))
    assert 0.2 < np.std(brightness) < 0.6
