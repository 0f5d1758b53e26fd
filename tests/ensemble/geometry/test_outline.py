"""A coin's ellipse is found where the mask is whole, lacks a part, has too much, or runs on into other coins."""

import cv2
import numpy as np
import pytest
import torch

from ensemble.geometry.graphs.ellipse import moments
from ensemble.geometry.graphs.outline import outline
from tests.ensemble.geometry.ways import Way

SIZE = 256
Outline = tuple[float, float, float, float, float]  # centre, semi-axes, degrees
OUTLINES: list[Outline] = [
    (128, 128, 90, 90, 0),
    (120, 140, 80, 60, 30),
    (140, 120, 70, 66, 110),
    (128, 128, 100, 50, 90),
]


def painted(ellipse: Outline) -> np.ndarray:
    """Pixels whose centres lie inside."""
    x, y, a, b, degrees = ellipse
    dy, dx = np.mgrid[:SIZE, :SIZE] - np.array([y, x])[:, None, None]
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    inside = ((dx * c + dy * s) / a) ** 2 + ((dy * c - dx * s) / b) ** 2 <= 1
    return inside.astype(np.float32)


def rim(ellipse: Outline, turn: float) -> tuple[int, int]:
    """A pixel of the ellipse, so many degrees from its major axis."""
    x, y, a, b, degrees = ellipse
    u, v = a * np.cos(np.radians(turn)), b * np.sin(np.radians(turn))
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return int(x + u * c - v * s), int(y + u * s + v * c)


@pytest.mark.parametrize("ellipse", OUTLINES)
def test_a_whole_mask(way: Way, ellipse: Outline) -> None:
    assert way.outline(painted(ellipse), painted(ellipse)).axes == pytest.approx(ellipse[:4], abs=0.7)


@pytest.mark.parametrize("ellipse", OUTLINES)
@pytest.mark.parametrize("side", range(0, 360, 60))
def test_bites_out_of_the_rim_move_nothing(way: Way, ellipse: Outline, side: int) -> None:
    mask = painted(ellipse)
    for turn in (0, 40):
        cv2.circle(mask, rim(ellipse, side + turn), 14, (0,), -1)
    bitten = way.moments(mask)
    m = way.outline(mask, mask)
    assert m.axes == pytest.approx(ellipse[:4], abs=1.5)
    off = [np.abs(np.subtract(each.axes, ellipse[:4])).max() for each in (m, bitten)]
    assert off[0] <= off[1]


@pytest.mark.parametrize("ellipse", OUTLINES)
@pytest.mark.parametrize("length", [4, 10, 20])
def test_a_spur_beyond_the_rim_pulls_little(way: Way, ellipse: Outline, length: int) -> None:
    mask = painted(ellipse)
    x, y, a, b, degrees = ellipse
    cv2.line(mask, (int(x), int(y)), rim((x, y, a + length, b, degrees), 0), (1,), 3)
    assert way.outline(mask, mask).axes == pytest.approx(ellipse[:4], abs=1.5)


@pytest.mark.parametrize("ellipse", OUTLINES)
@pytest.mark.parametrize("sides", [(0,), (100, 200), (30, 150, 270), (0, 60, 120, 180, 240, 300)])
def test_coins_that_touch_move_nothing(way: Way, ellipse: Outline, sides: tuple[int, ...]) -> None:
    x, y, a, b, degrees = ellipse
    mask = painted(ellipse)
    for side in sides:
        there = rim((x, y, 1.97 * a, 1.97 * b, degrees), side)  # a little over this coin, as blurred masks are
        mask = np.maximum(mask, painted((*there, a, b, degrees)))
    alone = mask * painted((x, y, 1.12 * a, 1.12 * b, degrees))
    assert way.outline(mask, alone).axes == pytest.approx(ellipse[:4], abs=1.5)


@pytest.mark.parametrize("ellipse", OUTLINES)
def test_cracks_within_the_rim_move_nothing(way: Way, ellipse: Outline) -> None:
    x, y, a, b, degrees = ellipse
    mask = painted(ellipse)
    for start in (20, 150, 250):
        within = (round(x), round(y)), (round(0.86 * a), round(0.86 * b))
        cv2.ellipse(mask, *within, degrees, start, start + 70, (0,), 4)
    assert way.outline(mask, mask).axes == pytest.approx(ellipse[:4], abs=1.5)


def test_an_empty_mask_gives_finite_numbers(way: Way) -> None:
    nothing = np.zeros((SIZE, SIZE), np.float32)
    m = way.outline(nothing, nothing)
    assert all(np.isfinite(value) for value in m.axes)


def test_masks_of_a_batch_do_not_see_each_other() -> None:
    masks = torch.from_numpy(np.stack([painted(ellipse) for ellipse in OUTLINES]))
    together = outline(masks, moments(masks))
    for number, mask in enumerate(masks):
        alone = outline(mask[None], moments(mask[None]))
        assert torch.allclose(together.x[number], alone.x[0], atol=1e-3)
        assert torch.allclose(together.xx[number], alone.xx[0], rtol=1e-4)
