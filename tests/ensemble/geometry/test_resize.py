"""Resampling a window is PIL's antialiased BILINEAR inside the photo and zero outside it."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from ensemble.contract import COARSE_SIZE, IMAGE_MEAN, IMAGE_SIZE, IMAGE_STD
from ensemble.geometry.graphs.resize import axis_weights, resize_window
from ensemble.photo import Photo
from tests.ensemble.geometry.ways import GRAPHS, Way

EXACT = 2e-3  # of 255: float32 sums
PIL_STEP = 1.01  # of 255: PIL works in 8 bits and rounds after each axis


def run(way: Way, photo: Photo, window: list[float], size: int = IMAGE_SIZE) -> np.ndarray:
    """[size, size, 3] in 0 … 255, mean colour where the photo ends."""
    image = way.resize(photo.canvas, photo.extent, window, size)
    assert image.shape == (3, size, size) and image.dtype == np.float32
    return restored(image)


def restored(image: np.ndarray) -> np.ndarray:
    return np.asarray((image.transpose(1, 2, 0) * np.array(IMAGE_STD) + np.array(IMAGE_MEAN)) * 255)


def pil(photo: Photo, window: list[float], size: int) -> np.ndarray:
    """The same by PIL, whose pixels span whole numbers; the window must lie inside the photo."""
    height, width = photo.extent
    image = Image.fromarray(photo.canvas[:height, :width])
    x0, y0, x1, y1 = (float(np.clip(edge + 0.5, 0, max(width, height))) for edge in window)
    resized = image.resize((size, size), Image.Resampling.BILINEAR, box=(x0, y0, x1, y1), reducing_gap=None)
    return np.asarray(resized).astype(float)


def triangle(photo: Photo, window: list[float], size: int) -> np.ndarray:
    """The definition in float64: each axis a triangle as wide as a target pixel, cut at the photo's edge."""
    height, width = (int(n) for n in photo.extent)

    def weights(start: float, stop: float, valid: int) -> np.ndarray:
        step = (stop - start) / size
        rows = np.zeros((size, valid))
        for i in range(size):
            centre = start + (i + 0.5) * step
            rows[i] = np.maximum(0.0, 1.0 - np.abs(np.arange(valid) - centre) / max(step, 1.0))
            rows[i] /= rows[i].sum() or 1.0
        return rows

    rows, columns = weights(window[1], window[3], height), weights(window[0], window[2], width)
    inside = np.outer(rows.sum(axis=1), columns.sum(axis=1))[..., None]
    picture = np.einsum("ih,hwc,jw->ijc", rows, photo.canvas[:height, :width].astype(float), columns, optimize=True)
    return picture + (1 - inside) * np.array(IMAGE_MEAN) * 255


INSIDE = [
    ([-0.5, -0.5, 399.5, 399.5], 256),
    ([10.25, 33.75, 410.8, 434.3], 256),
    ([100.0, 50.5, 356.0, 306.5], 256),  # one to one, half a pixel off
    ([100.5, 50.5, 356.5, 306.5], 256),  # one to one, exactly
    ([200.3, 100.9, 260.3, 160.9], 256),  # enlarged
    ([7.125, 300.0, 307.2, 600.1], 37),
    ([-0.5, -0.5, 430.5, 430.5], 128),
]


def all_inside(photo: Photo, window: list[float]) -> bool:
    height, width = photo.extent
    return min(window) >= -0.5 and window[2] <= width - 0.5 and window[3] <= height - 0.5


@pytest.mark.parametrize(("window", "size"), INSIDE)
def test_inside_synthetic_photos_it_is_pils(
    way: Way, synthetic_photos: list[Photo], window: list[float], size: int
) -> None:
    fitting = [photo for photo in synthetic_photos if all_inside(photo, window)]
    assert fitting
    for photo in fitting:
        assert np.abs(run(way, photo, window, size) - pil(photo, window, size)).max() < PIL_STEP


@pytest.mark.parametrize(("window", "size"), INSIDE)
def test_inside_real_photos_it_is_pils(way: Way, real_photos: list[Photo], window: list[float], size: int) -> None:
    fitting = [photo for photo in real_photos if all_inside(photo, window)]
    assert fitting
    for photo in fitting:
        difference = run(way, photo, window, size) - pil(photo, window, size)
        assert np.abs(difference).max() < PIL_STEP
        assert abs(difference.mean()) < 0.3  # PIL rounds halves up, there is no other bias


@pytest.mark.parametrize("size", [256, 320, 33])
def test_it_is_torchs_antialiased_interpolation(way: Way, synthetic_photos: list[Photo], size: int) -> None:
    photo = synthetic_photos[2]
    side = int(photo.extent[0])
    source = torch.from_numpy(photo.canvas[:side, :side]).float().permute(2, 0, 1)[None]
    expected = functional.interpolate(source, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    ours = run(way, photo, [-0.5, -0.5, side - 0.5, side - 0.5], size)
    assert np.abs(ours - expected[0].permute(1, 2, 0).numpy()).max() < EXACT * 5


PARTLY = [
    [-300.0, -200.0, 500.0, 600.0],
    [-0.5, -150.7, 700.1, 549.9],
    [300.3, 300.2, 1323.3, 1323.2],
    [-512.5, -512.5, 1535.5, 1535.5],  # the photo and as much around it
    [-20.25, -20.25, 30.0, 30.0],  # enlarged
    [380.6, 380.6, 441.1, 441.1],
]


@pytest.mark.parametrize("window", PARTLY)
@pytest.mark.parametrize("size", [256, 65])
def test_partly_outside_it_is_the_triangle_filter(
    way: Way, synthetic_photos: list[Photo], window: list[float], size: int
) -> None:
    for photo in synthetic_photos:
        assert np.abs(run(way, photo, window, size) - triangle(photo, window, size)).max() < EXACT * 5


@pytest.mark.parametrize("margin", [16, 40])
def test_at_the_border_the_photos_part_is_as_without_the_outside(
    way: Way, synthetic_photos: list[Photo], margin: int
) -> None:
    photo, step, size = synthetic_photos[0], 2.5, 120
    edge = -0.5 - margin * step
    ours = run(way, photo, [edge, edge, edge + size * step, edge + size * step], size)
    inner = (size - margin) * step - 0.5
    assert np.abs(ours[margin:, margin:] - pil(photo, [-0.5, -0.5, inner, inner], size - margin)).max() < PIL_STEP
    mean = np.array(IMAGE_MEAN) * 255
    assert np.abs(ours[: margin - 1] - mean).max() < EXACT and np.abs(ours[:, : margin - 1] - mean).max() < EXACT


@pytest.mark.parametrize(
    "window",
    [
        [-500.0, 100.0, -100.0, 500.0],
        [100.0, -300.0, 300.0, -100.0],
        [1100.0, 10.0, 1300.0, 210.0],
        [10.0, 1030.0, 80.0, 1100.0],
        [-2e6, -2e6, -1e6, -1e6],
    ],
)
def test_wholly_outside_it_is_zero(way: Way, synthetic_photos: list[Photo], window: list[float]) -> None:
    photo = synthetic_photos[0]
    assert np.count_nonzero(way.resize(photo.canvas, photo.extent, window, 64)) == 0


def test_what_lies_on_the_canvas_beside_the_photo_is_never_seen(way: Way, synthetic_photos: list[Photo]) -> None:
    photo = synthetic_photos[1]
    height, width = photo.extent
    painted = photo.canvas.copy()
    painted[height:], painted[:, width:] = 255, 255
    window = [-0.5, -0.5, 1023.5, 1023.5]
    other = Photo(painted, photo.extent, photo.scale)
    np.testing.assert_allclose(run(way, other, window), run(way, photo, window), atol=1e-3)


def test_an_empty_window_is_finite(way: Way, synthetic_photos: list[Photo]) -> None:
    assert np.isfinite(run(way, synthetic_photos[0], [50.0, 50.0, 50.0, 50.0], 16)).all()


def test_weights_sum_to_one_in_the_photo_and_to_zero_beyond() -> None:
    weights = axis_weights(torch.tensor([-64.5]), torch.tensor([191.5]), torch.tensor([100.0]), 128, 64)
    sums = weights.sum(dim=2)[0]
    np.testing.assert_allclose(sums[16:41], 1.0, atol=1e-5)  # centres 1 … 97
    assert torch.count_nonzero(sums[:15]) == 0 and torch.count_nonzero(sums[42:]) == 0
    assert torch.count_nonzero(weights[0, :, 100:]) == 0


@pytest.mark.parametrize(
    ("extent", "expected"),
    [
        ((1024, 1024), (-0.5, -0.5, 1023.5, 1023.5)),
        ((512, 1024), (-0.5, -256.5, 1023.5, 767.5)),
        ((1024, 256), (-384.5, -0.5, 639.5, 1023.5)),
        ((1, 1), (-0.5, -0.5, 0.5, 0.5)),
        ((3, 2), (-1.0, -0.5, 2.0, 2.5)),
    ],
)
def test_whole_window(way: Way, extent: tuple[int, int], expected: tuple[float, ...]) -> None:
    window = way.whole_window(np.array(extent, np.int32))
    assert window.dtype == np.float32
    assert window.tolist() == list(expected)


def test_preprocess_shows_the_whole_photo_letterboxed(way: Way, synthetic_photos: list[Photo]) -> None:
    photo = synthetic_photos[0]  # 700 x 1024
    window, image = way.preprocess(photo)
    assert window.tolist() == [-0.5, -162.5, 1023.5, 861.5]
    picture = restored(image)
    expected = Image.fromarray(photo.canvas[:700]).resize((128, 88), Image.Resampling.BILINEAR)
    top = 162 / 8  # 20.25 rows of nothing above the photo
    assert np.abs(picture[: int(top) - 1] - np.array(IMAGE_MEAN) * 255).max() < EXACT
    assert np.abs(picture[21:108] - np.asarray(expected).astype(float)[1:88]).mean() < 8  # a quarter of a row off
    off = np.abs(picture - triangle(photo, [-0.5, -162.5, 1023.5, 861.5], COARSE_SIZE))
    # OpenCV's way averages areas before; on photos that makes less of a difference than on noise.
    assert off.max() < (EXACT * 5 if way is GRAPHS else 24) and off.mean() < 2


def test_a_mixed_batch_equals_single_runs(synthetic_photos: list[Photo]) -> None:
    windows = [[-0.5, -0.5, 399.5, 399.5], [-300.0, 20.0, 900.0, 1220.0], [200.3, 100.9, 260.3, 160.9]]
    canvas = torch.from_numpy(np.stack([photo.canvas for photo in synthetic_photos]))
    extent = torch.from_numpy(np.stack([photo.extent for photo in synthetic_photos]))
    together = resize_window(canvas, extent, torch.tensor(windows), IMAGE_SIZE)
    for i, (photo, window) in enumerate(zip(synthetic_photos, windows, strict=True)):
        np.testing.assert_allclose(restored(together[i].numpy()), run(GRAPHS, photo, window), atol=1e-3)
