"""Zoom frames the coin, crop rectifies it, and what is no coin is not found."""

import cv2
import numpy as np
import pytest
import torch

from ensemble.contract import (
    COARSE_SIZE,
    COIN_RADIUS,
    ENROLLED_CUT,
    IMAGE_MEAN,
    IMAGE_SIZE,
    IMAGE_STD,
    LEAST_DIAMETER,
)
from ensemble.geometry.graphs import Crop, Zoom
from ensemble.geometry.rules import ZOOM_MARGIN
from ensemble.photo import Photo
from tests.ensemble.geometry.ways import GRAPHS, Way, with_cores

pytestmark = pytest.mark.slow

Ellipse = tuple[float, float, float, float, float]  # cx, cy, a, b in canvas px, degrees
MIDDLE = (IMAGE_SIZE - 1) / 2


def in_window(ellipse: Ellipse, window: list[float]) -> np.ndarray:
    """[256, 256] share of each mask pixel that the ellipse covers."""
    cx, cy, a, b, degrees = ellipse
    step = (window[2] - window[0]) / IMAGE_SIZE / 4
    fine = (np.arange(IMAGE_SIZE * 4) + 0.5) * step
    dx, dy = window[0] + fine[None, :] - cx, window[1] + fine[:, None] - cy
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    inside = ((dx * c + dy * s) / a) ** 2 + ((dy * c - dx * s) / b) ** 2 <= 1
    return inside.reshape(IMAGE_SIZE, 4, IMAGE_SIZE, 4).mean(axis=(1, 3)).astype(np.float32)


def tensors(photo: Photo, window: list[float], mask: np.ndarray) -> tuple[torch.Tensor, ...]:
    """canvas, extent, scale, window, masks and probability of a batch of one."""
    seen = np.array(window, np.float32), with_cores(mask), np.ones(1, np.float32)
    arrays = (photo.canvas, photo.extent, photo.scale, *seen)
    return tuple(torch.from_numpy(array)[None] for array in arrays)


def coarse(masks: np.ndarray) -> np.ndarray:
    """Masks [C, IMAGE_SIZE, IMAGE_SIZE] as the first pass sees them."""
    side = IMAGE_SIZE // COARSE_SIZE
    return masks.reshape(-1, COARSE_SIZE, side, COARSE_SIZE, side).mean(axis=(2, 4)).astype(np.float32)


def zoom(way: Way, photo: Photo, window: list[float], mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    zoomed, image = way.zoom(photo, np.array(window, np.float32), coarse(with_cores(mask)))
    assert zoomed.shape == (4,) and image.shape == (3, IMAGE_SIZE, IMAGE_SIZE)
    assert np.isfinite(zoomed).all() and np.isfinite(image).all()
    return zoomed, image


def crop(way: Way, photo: Photo, window: list[float], mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    coin, ellipse, found, _ = crop_of(way, photo, window, mask)
    return coin, ellipse, found


def crop_of(
    way: Way, photo: Photo, window: list[float], mask: np.ndarray, probability: float = 1.0
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Coin, ellipse, found, cut off."""
    given = np.array(window, np.float32), with_cores(mask), np.array([probability], np.float32)
    coin, ellipse, found, cut = way.crop(photo, *given)
    assert coin.shape == (3, IMAGE_SIZE, IMAGE_SIZE) and ellipse.shape == (5,) and found.shape == cut.shape == (1,)
    assert all(np.isfinite(array).all() for array in (coin, ellipse, found, cut))
    return coin, ellipse, float(found[0]), float(cut[0])


def colours(coin: np.ndarray) -> np.ndarray:
    """[256, 256, 3] in 0 … 255."""
    return (coin.transpose(1, 2, 0) * np.array(IMAGE_STD) + np.array(IMAGE_MEAN)) * 255


def radius() -> np.ndarray:
    """[256, 256] distance from the middle of the coin, px."""
    line = np.arange(IMAGE_SIZE) - MIDDLE
    return np.hypot(line[None, :], line[:, None])


def blank(colour: int = 90, height: int = 768, width: int = 1024, scale: float = 1.0) -> Photo:
    canvas = np.zeros((1024, 1024, 3), np.uint8)
    canvas[:height, :width] = colour
    return Photo(canvas, np.array([height, width], np.int32), np.array([scale], np.float32))


def turned(ellipse: Ellipse) -> np.ndarray:
    """[2, 2] symmetric matrix from the unit circle to the ellipse."""
    c, s = np.cos(np.radians(ellipse[4])), np.sin(np.radians(ellipse[4]))
    turn = np.array([[c, -s], [s, c]])
    return turn @ np.diag(ellipse[2:4]) @ turn.T


def between(first: float, second: float) -> float:
    return abs((first - second + 90) % 180 - 90)


ELLIPSES: list[Ellipse] = [
    (500.3, 380.7, 150.0, 120.0, 30.0),
    (520.0, 300.0, 120.0, 60.0, 135.0),
    (480.5, 360.25, 200.0, 199.0, 0.0),
    (420.0, 400.0, 180.0, 100.0, 90.0),
]
WINDOW = [200.0, 100.0, 800.0, 700.0]


@pytest.mark.parametrize("ellipse", ELLIPSES)
def test_zoom_is_centred_on_the_coin_with_its_margin(way: Way, synthetic_photos: list[Photo], ellipse: Ellipse) -> None:
    window, image = zoom(way, synthetic_photos[0], WINDOW, in_window(ellipse, WINDOW))
    half = ellipse[2] * ZOOM_MARGIN
    expected = [ellipse[0] - half, ellipse[1] - half, ellipse[0] + half, ellipse[1] + half]
    np.testing.assert_allclose(window, expected, atol=1.5)
    same = GRAPHS.resize(synthetic_photos[0].canvas, synthetic_photos[0].extent, window.tolist(), IMAGE_SIZE)
    assert np.abs(colours(image) - colours(same)).max() < 1.01  # whole grey levels


def test_zoom_may_reach_beyond_the_photo(way: Way) -> None:
    ellipse = (60.0, 700.0, 50.0, 50.0, 0.0)
    window, image = zoom(way, blank(), [-0.5, -128.5, 1023.5, 895.5], in_window(ellipse, [-0.5, -128.5, 1023.5, 895.5]))
    np.testing.assert_allclose(window, [-7.5, 632.5, 127.5, 767.5], atol=1.5)
    assert (image[:, :, 0] == 0).all()  # left of the photo


def test_zoom_keeps_the_window_where_there_is_no_coin(way: Way, synthetic_photos: list[Photo]) -> None:
    window, _ = zoom(way, synthetic_photos[0], WINDOW, np.zeros((256, 256)))
    assert window.tolist() == WINDOW


@pytest.mark.parametrize("probability", [0.0, 0.3, 0.49])
def test_crop_finds_nothing_where_there_is_no_coin(way: Way, synthetic_photos: list[Photo], probability: float) -> None:
    coin, ellipse, found = crop(way, synthetic_photos[0], WINDOW, np.full((256, 256), probability))
    assert (found, np.count_nonzero(coin), np.count_nonzero(ellipse)) == (0.0, 0, 0)


def test_the_largest_of_several_coins_counts(way: Way, synthetic_photos: list[Photo]) -> None:
    largest: Ellipse = (600.0, 520.0, 130.0, 110.0, 20.0)
    others = [(320.0, 230.0, 100.0, 100.0, 0.0), (650.0, 220.0, 110.0, 90.0, 70.0), (300.0, 600.0, 60.0, 60.0, 0.0)]
    mask = in_window(largest, WINDOW) + sum(in_window(other, WINDOW) for other in others)
    window, _ = zoom(way, synthetic_photos[0], WINDOW, mask)
    np.testing.assert_allclose([window[0] + window[2], window[1] + window[3]], [1200, 1040], atol=2)
    _, ellipse, found = crop(way, synthetic_photos[0], WINDOW, mask)
    assert found == 1.0
    np.testing.assert_allclose(ellipse[:4], largest[:4], rtol=0.01)


@pytest.mark.parametrize("scale", [1.0, 1.7, 3.90625])
@pytest.mark.parametrize("true", ELLIPSES)
def test_the_ellipse_is_in_photo_pixels(way: Way, true: Ellipse, scale: float) -> None:
    window = [true[0] - 270, true[1] - 270, true[0] + 270, true[1] + 270]
    _, ellipse, found = crop(way, blank(scale=scale), window, in_window(true, window))
    assert found == 1.0
    # Pixel centres lie on whole numbers in both, so it is the outer edges that scale.
    expected = [(true[0] + 0.5) * scale - 0.5, (true[1] + 0.5) * scale - 0.5, true[2] * scale, true[3] * scale]
    np.testing.assert_allclose(ellipse[:4], expected, rtol=0.005)
    assert np.abs(ellipse[:2] - expected[:2]).max() < 0.1 * scale
    assert true[2] - true[3] <= 1 or between(ellipse[4], true[4]) < 0.3


def supersampled(photo: Photo, ellipse: Ellipse, samples: int = 6) -> np.ndarray:
    """The rectified coin by OpenCV: many bilinear samples per pixel, averaged."""
    fine = (np.arange(IMAGE_SIZE * samples) + 0.5) / samples - 0.5
    line = (fine - MIDDLE) / COIN_RADIUS
    u, v = np.meshgrid(line, line)
    matrix = turned(ellipse)
    x = (ellipse[0] + matrix[0, 0] * u + matrix[0, 1] * v).astype(np.float32)
    y = (ellipse[1] + matrix[1, 0] * u + matrix[1, 1] * v).astype(np.float32)
    sampled = cv2.remap(photo.canvas.astype(np.float32), x, y, cv2.INTER_LINEAR)
    return sampled.reshape(IMAGE_SIZE, samples, IMAGE_SIZE, samples, 3).mean(axis=(1, 3))


def check_rectified(way: Way, photo: Photo, ellipse: Ellipse, mean: float) -> None:
    """The coin differs from OpenCV's by at most `mean` of 255 on average, and less than if it lay a pixel off."""
    half = 1.35 * ellipse[2]
    window = [ellipse[0] - half, ellipse[1] - half, ellipse[0] + half, ellipse[1] + half]
    coin, measured, found = crop(way, photo, window, in_window(ellipse, window))
    assert found == 1.0
    centre, axes = (measured[:2] + 0.5) / photo.scale - 0.5, measured[2:4] / photo.scale
    ours, expected = colours(coin), supersampled(photo, (*centre.tolist(), *axes.tolist(), float(measured[4])))
    inner = radius() < COIN_RADIUS - 2
    difference = np.abs(ours - expected)[inner].mean()
    assert difference < mean
    for axis in (0, 1):
        for off in (-1, 1):
            assert difference < np.abs(np.roll(ours, off, axis) - expected)[inner].mean()


@pytest.mark.parametrize("ellipse", ELLIPSES)
def test_the_rectified_coin_is_opencvs_on_noise(way: Way, synthetic_photos: list[Photo], ellipse: Ellipse) -> None:
    check_rectified(way, synthetic_photos[0], ellipse, mean=7.0)  # of noise with a range of 255, the hardest there is


@pytest.mark.parametrize("share", [(0.5, 0.4, 20.0), (0.45, 0.44, 0.0), (0.4, 0.22, 110.0)])
def test_the_rectified_coin_is_opencvs_on_photos(
    way: Way, real_photos: list[Photo], share: tuple[float, float, float]
) -> None:
    for photo in real_photos:
        height, width = (float(side) for side in photo.extent)
        a, b = share[0] * min(height, width), share[1] * min(height, width)
        check_rectified(way, photo, (width / 2, height / 2, a * 0.9, b * 0.9, share[2]), mean=3.0)


@pytest.mark.parametrize("direction", range(0, 360, 45))
@pytest.mark.parametrize("ellipse", [ELLIPSES[1], ELLIPSES[3], (512.0, 380.0, 150.0, 150.0, 0.0)])
def test_the_coin_is_not_turned(way: Way, ellipse: Ellipse, direction: int) -> None:
    photo = blank(40)
    toward = np.array([np.cos(np.radians(direction)), np.sin(np.radians(direction))])
    spot = np.array(ellipse[:2]) + turned(ellipse) @ (0.7 * toward)
    cv2.circle(photo.canvas, tuple(int(v) for v in np.rint(spot)), 4, (255, 255, 255), -1)
    window = [ellipse[0] - 270, ellipse[1] - 270, ellipse[0] + 270, ellipse[1] + 270]
    coin, _, _ = crop(way, photo, window, in_window(ellipse, window))
    bright = (colours(coin)[..., 1] > 150) & (radius() < COIN_RADIUS - 1)
    y, x = (indices.mean() for indices in np.nonzero(bright))
    np.testing.assert_allclose([x - MIDDLE, y - MIDDLE], 0.7 * COIN_RADIUS * toward, atol=1.5)


@pytest.mark.parametrize("ellipse", ELLIPSES)
def test_the_coin_is_zero_outside_its_circle_and_filled_inside(way: Way, ellipse: Ellipse) -> None:
    coin, _, _ = crop(way, blank(255), WINDOW, in_window(ellipse, WINDOW))
    assert np.count_nonzero(coin[:, radius() > COIN_RADIUS + 0.01]) == 0
    np.testing.assert_allclose(colours(coin)[radius() < COIN_RADIUS - 0.01], 255, atol=0.01)


def test_a_coin_over_the_edge_of_the_photo_is_zero_there(way: Way) -> None:
    ellipse: Ellipse = (0.0, 380.0, 150.0, 150.0, 0.0)  # half of it is to the left of the photo
    window = [-270.0, 110.0, 270.0, 650.0]
    coin, _, found = crop(way, blank(255), window, in_window(ellipse, window))
    assert found == 1.0
    assert np.count_nonzero(coin[:, :, : int(MIDDLE) - 3]) == 0
    inner = (radius() < COIN_RADIUS - 1)[:, int(MIDDLE) + 3 :]
    np.testing.assert_allclose(colours(coin)[:, int(MIDDLE) + 3 :][inner], 255, atol=0.5)


def spiral() -> np.ndarray:
    mask = np.zeros((256, 256), np.float32)
    turn = np.linspace(0, 14 * np.pi, 20000)
    reach = np.linspace(4, 120, turn.size)
    mask[(128 + reach * np.sin(turn)).astype(int), (128 + reach * np.cos(turn)).astype(int)] = 1
    return cv2.dilate(mask, np.ones((5, 5)))


def ring(thickness: int) -> np.ndarray:
    return cv2.circle(np.zeros((256, 256), np.float32), (128, 128), 100, (1,), thickness)


NO_COINS = {
    "spiral": spiral(),
    "ring": ring(12),
    "thick ring": ring(30),
    "noise": (np.random.default_rng(0).random((256, 256)) > 0.5).astype(np.float32),
    "gray noise": np.random.default_rng(1).random((256, 256)).astype(np.float32),
    "checkers": np.kron(np.indices((32, 32)).sum(axis=0) % 2, np.ones((8, 8))).astype(np.float32),
    "speck": in_window((500.0, 400.0, 30.0, 30.0, 0.0), WINDOW),
    "pixel": np.eye(1, 65536, 777, dtype=np.float32).reshape(256, 256),
    "line": np.eye(256, dtype=np.float32),
    "cross": np.maximum(np.eye(256), np.eye(256)[::-1]).astype(np.float32),
    "fat cross": cv2.dilate(np.maximum(np.eye(256), np.eye(256)[::-1]), np.ones((25, 25))).astype(np.float32),
}


@pytest.mark.parametrize("name", NO_COINS)
def test_what_is_no_coin_is_not_found(way: Way, synthetic_photos: list[Photo], name: str) -> None:
    coin, ellipse, found = crop(way, synthetic_photos[0], WINDOW, NO_COINS[name])
    assert (found, np.count_nonzero(coin), np.count_nonzero(ellipse)) == (0.0, 0, 0)
    window, image = zoom(way, synthetic_photos[0], WINDOW, NO_COINS[name])
    assert np.isfinite(window).all() and np.isfinite(image).all()


@pytest.mark.parametrize(("probability", "expected"), [(0.49, 0.0), (0.51, 1.0)])
def test_what_is_not_likely_a_coin_is_not_found_but_shown(
    way: Way, synthetic_photos: list[Photo], probability: float, expected: float
) -> None:
    mask = in_window(ELLIPSES[0], WINDOW)
    coin, ellipse, found, _ = crop_of(way, synthetic_photos[0], WINDOW, mask, probability)
    assert found == expected
    assert np.count_nonzero(coin)
    np.testing.assert_allclose(ellipse[:4], ELLIPSES[0][:4], rtol=0.01)


@pytest.mark.parametrize(("scale", "expected"), [(0.9, 0.0), (1.1, 1.0)])
def test_what_is_smaller_than_the_least_diameter_is_not_found(way: Way, scale: float, expected: float) -> None:
    ellipse: Ellipse = (500.0, 380.0, 0.5 * LEAST_DIAMETER, 0.5 * LEAST_DIAMETER, 0.0)
    window = [ellipse[0] - 20, ellipse[1] - 20, ellipse[0] + 20, ellipse[1] + 20]
    _, _, found, _ = crop_of(way, blank(scale=scale), window, in_window(ellipse, window))
    assert found == expected


def at_edge(side: int, beyond: float) -> tuple[Ellipse, list[float], np.ndarray]:
    """A coin of radius 100, of whose diameter a share lies beyond one of the four edges: ellipse, window and mask."""
    photo = blank()
    height, width = (float(n) for n in photo.extent)
    inset = 100 - 200 * beyond
    x, y = ((inset - 0.5, 300.0), (width - 0.5 - inset, 300.0), (400.0, inset - 0.5), (400.0, height - 0.5 - inset))[
        side
    ]
    ellipse: Ellipse = (x, y, 100.0, 100.0, 0.0)
    window = [x - 135, y - 135, x + 135, y + 135]
    shown = in_window((width / 2 - 0.5, height / 2 - 0.5, 2e4, 2e4, 0.0), window)
    middles = (np.arange(IMAGE_SIZE) + 0.5) * 270 / IMAGE_SIZE - 135
    shown[:, (x + middles < -0.5) | (x + middles > width - 0.5)] = 0
    shown[(y + middles < -0.5) | (y + middles > height - 0.5)] = 0
    return ellipse, window, in_window(ellipse, window) * shown


@pytest.mark.parametrize("side", range(4))
def test_how_much_of_a_coin_the_edge_of_the_photo_cuts_off(way: Way, side: int) -> None:
    cuts = [crop_of(way, blank(), *at_edge(side, beyond)[1:])[3] for beyond in (-0.2, 0.0, 0.1, 0.3)]
    away, touching, cut, half = cuts
    assert away == 0.0
    assert touching < ENROLLED_CUT[1] < cut < half
    assert half > ENROLLED_CUT[0]


def test_a_coin_in_noise_is_found(way: Way, synthetic_photos: list[Photo]) -> None:
    mask = in_window(ELLIPSES[0], WINDOW)
    specks = np.random.default_rng(2).random((256, 256)) > 0.95
    _, ellipse, found = crop(way, synthetic_photos[0], WINDOW, np.maximum(mask, specks))
    assert found == 1.0
    np.testing.assert_allclose(ellipse[:4], ELLIPSES[0][:4], rtol=0.02)


def test_a_full_mask_is_a_coin_as_large_as_the_window(way: Way, synthetic_photos: list[Photo]) -> None:
    _, ellipse, found = crop(way, synthetic_photos[0], WINDOW, np.ones((256, 256)))
    assert found == 1.0
    np.testing.assert_allclose(ellipse[:2], [500, 400], atol=0.1)
    assert 300 < ellipse[3] <= ellipse[2] < 300 * np.sqrt(2)  # between the circles in and round the square


@pytest.mark.parametrize("centre", [(200.0, 400.0), (800.0, 700.0), (500.0, 100.0)])
def test_a_mask_at_the_border_of_the_window(
    way: Way, synthetic_photos: list[Photo], centre: tuple[float, float]
) -> None:
    mask = in_window((*centre, 150.0, 150.0, 0.0), WINDOW)
    coin, ellipse, found = crop(way, synthetic_photos[0], WINDOW, mask)
    assert found == 1.0 and np.count_nonzero(coin)
    assert np.abs(ellipse[:2] - centre).max() < 100  # of the part that is seen
    window, _ = zoom(way, synthetic_photos[0], WINDOW, mask)
    assert window[0] < ellipse[0] < window[2] and window[1] < ellipse[1] < window[3]


def test_a_batch_equals_single_runs(synthetic_photos: list[Photo]) -> None:
    masks = [in_window(ELLIPSES[0], WINDOW), np.zeros((256, 256), np.float32), NO_COINS["spiral"]]
    windows = [WINDOW, [100.0, 100.0, 300.0, 300.0], [50.0, 60.0, 400.0, 410.0]]
    singles = [tensors(*each) for each in zip(synthetic_photos, windows, masks, strict=True)]
    canvas, extent, scale, window, mask, likely = (torch.cat(parts) for parts in zip(*singles, strict=True))
    small = torch.from_numpy(np.stack([coarse(with_cores(each)) for each in masks]))
    looks = [Zoom()(s[0], s[1], s[3], small[i : i + 1]) for i, s in enumerate(singles)]
    for together, alone in (
        (Crop()(canvas, extent, scale, window, mask, likely), [Crop()(*single) for single in singles]),
        (Zoom()(canvas, extent, window, small), looks),
    ):
        for output, parts in zip(together, zip(*alone, strict=True), strict=True):
            np.testing.assert_allclose(output, torch.cat(parts), rtol=1e-4, atol=1e-3)
