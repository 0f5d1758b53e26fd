"""The ellipse found from moments is the ellipse that was drawn."""

import cv2
import numpy as np
import pytest
import torch

from ensemble.geometry.graphs.ellipse import angle, moments, semi_axes
from tests.ensemble.geometry.ways import GRAPHS, Shape, Way

SIZE = 256
SHIFT = 8  # fractional bits of cv2.ellipse
ANGLES = [0, 1, 30, 44.5, 45, 45.5, 89.5, 90, 90.5, 120, 135, 179.5]
AXES = [(100.0, 99.0), (90.0, 60.0), (100.0, 20.0), (110.5, 5.0), (40.25, 39.25), (12.0, 7.0)]


def soft_ellipse(x: float, y: float, a: float, b: float, degrees: float, samples: int = 8) -> np.ndarray:
    """[256, 256] coverage of each pixel, by counting samples inside."""
    fine = (np.arange(SIZE * samples, dtype=np.float32) + np.float32(0.5)) / samples - np.float32(0.5)
    dx, dy = fine[None, :] - np.float32(x), fine[:, None] - np.float32(y)
    c, s = np.float32(np.cos(np.radians(degrees))), np.float32(np.sin(np.radians(degrees)))
    inside = ((dx * c + dy * s) / np.float32(a)) ** 2 + ((dy * c - dx * s) / np.float32(b)) ** 2 <= 1
    return inside.reshape(SIZE, samples, SIZE, samples).mean(axis=(1, 3)).astype(np.float32)


def measure(way: Way, mask: np.ndarray) -> Shape:
    return way.moments(mask)


def between(first: float, second: float) -> float:
    """Angle between two directions without sense, degrees."""
    return abs((first - second + 90) % 180 - 90)


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize(("a", "b"), AXES)
def test_a_rasterized_ellipse_is_found(way: Way, a: float, b: float, degrees: float) -> None:
    x, y = 127.3, 128.9
    m = measure(way, soft_ellipse(x, y, a, b, degrees, samples=4))
    assert m.area == pytest.approx(np.pi * a * b, rel=2e-3)
    assert [m.x, m.y] == pytest.approx([x, y], abs=0.04)
    major, minor = m.a, m.b
    # A pixel is as wide as a box, whose second moment of 1/12 adds to that of the ellipse.
    assert major == pytest.approx(np.sqrt(a * a + 1 / 3), rel=3e-3, abs=0.02)
    assert minor == pytest.approx(np.sqrt(b * b + 1 / 3), rel=3e-3, abs=0.02)
    assert 0 <= m.angle < 180
    assert between(m.angle, degrees) < (1.5 if a - b <= 1 else 0.25)


@pytest.mark.parametrize("degrees", [0, 20, 45, 90, 110, 135])
@pytest.mark.parametrize(("a", "b"), [(90, 60), (100, 30), (60, 55)])
@pytest.mark.parametrize(("x", "y"), [(127.5, 127.5), (120.25, 133.75)])
def test_an_ellipse_drawn_by_opencv_is_found(way: Way, x: float, y: float, a: int, b: int, degrees: float) -> None:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    centre, axes = tuple(round(v * 2**SHIFT) for v in (x, y)), (a << SHIFT, b << SHIFT)
    cv2.ellipse(mask, centre, axes, degrees, 0, 360, (1,), -1, cv2.LINE_8, SHIFT)
    m = measure(way, mask)
    assert [m.x, m.y] == pytest.approx([x, y], abs=0.5)
    major, minor = m.a, m.b
    assert major == pytest.approx(a, abs=1.0) and minor == pytest.approx(b, abs=1.0)  # OpenCV draws the rim as well
    assert between(m.angle, degrees) < 1.0


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 135, 170])
def test_the_angle_turns_as_opencvs(way: Way, degrees: float) -> None:
    contour = cv2.ellipse2Poly((128, 128), (90, 40), round(degrees), 0, 360, 1)
    mask = cv2.fillPoly(np.zeros((SIZE, SIZE), np.uint8), [np.array(contour)], (1,))
    assert between(measure(way, mask).angle, degrees) < 0.7


def test_moments_are_opencvs(way: Way) -> None:
    mask = np.random.default_rng(0).random((SIZE, SIZE)).astype(np.float32) ** 3
    m, expected = measure(way, mask), cv2.moments(mask)
    assert m.area == pytest.approx(expected["m00"], rel=1e-5)
    assert m.x == pytest.approx(expected["m10"] / expected["m00"], rel=1e-5)
    assert m.y == pytest.approx(expected["m01"] / expected["m00"], rel=1e-5)
    for ours, key in ((m.xx, "mu20"), (m.yy, "mu02"), (m.xy, "mu11")):
        assert ours == pytest.approx(expected[key] / expected["m00"], rel=1e-4, abs=0.05)


def test_an_empty_mask_gives_finite_zeros(way: Way) -> None:
    m = measure(way, np.zeros((SIZE, SIZE)))
    assert m.numbers == [0.0] * len(m.numbers)


@pytest.mark.parametrize(("y", "x"), [(0, 0), (255, 255), (17, 200)])
def test_a_single_pixel_is_finite(way: Way, y: int, x: int) -> None:
    mask = np.zeros((SIZE, SIZE))
    mask[y, x] = 1
    m = measure(way, mask)
    assert (m.area, m.x, m.y) == (1.0, x, y)
    assert m.numbers[3:] == [0.0] * 10


@pytest.mark.parametrize(("line", "degrees"), [("row", 0), ("column", 90), ("falling", 45), ("rising", 135)])
def test_a_line_has_a_direction_and_no_width(way: Way, line: str, degrees: float) -> None:
    mask = np.zeros((SIZE, SIZE))
    along = np.arange(40, 200)
    rows, columns = {
        "row": (np.full(160, 99), along),
        "column": (along, np.full(160, 99)),
        "falling": (along, along),
        "rising": (255 - along, along),
    }[line]
    mask[rows, columns] = 1
    m = measure(way, mask)
    assert between(m.angle, degrees) < 0.05
    major, minor = m.a, m.b
    assert major > 90 and 0 <= minor < 0.5
    assert np.isfinite(m.circle_to_ellipse).all()


def test_a_disc_has_some_angle(way: Way) -> None:
    assert 0 <= measure(way, soft_ellipse(128, 128, 80, 80, 0)).angle < 180


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize(("a", "b"), AXES)
def test_circle_to_ellipse_takes_the_circle_to_the_ellipse_and_turns_nothing(
    way: Way, a: float, b: float, degrees: float
) -> None:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[c, -s], [s, c]])
    covariance = turn @ np.diag([a * a / 4, b * b / 4]) @ turn.T
    matrix = way.shape([1.0, 0.0, 0.0, covariance[0, 0], covariance[1, 1], covariance[0, 1]]).circle_to_ellipse
    # Symmetric and positive definite: it stretches along two axes at right angles and turns nothing.
    assert (np.linalg.eigvalsh(matrix) > 0).all()
    np.testing.assert_allclose(matrix, turn @ np.diag([a, b]) @ turn.T, atol=2e-3 * a)
    around = np.linspace(0, 2 * np.pi, 100)
    points = matrix @ np.stack([np.cos(around), np.sin(around)])
    along, across = turn.T @ points
    np.testing.assert_allclose((along / a) ** 2 + (across / b) ** 2, 1.0, atol=0.02)


def test_ellipses_of_a_batch_do_not_mix() -> None:
    masks = [soft_ellipse(120, 130, 80, 40, degrees, samples=2) for degrees in (10, 100, 170)]
    masks.append(np.zeros((SIZE, SIZE), np.float32))
    together = moments(torch.from_numpy(np.stack(masks)))
    for i, mask in enumerate(masks):
        alone = GRAPHS.moments(mask)
        assert angle(together)[i].item() == pytest.approx(alone.angle, abs=1e-3)
        assert semi_axes(together)[1][i].item() == pytest.approx(alone.b, abs=1e-3)
