"""Stored pictures as training samples: labels, geometry, batches of families, mixed scenes."""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.lib.format import open_memmap
from torch import Tensor
from torch.utils.data import DataLoader

from ensemble.contract import COIN_RADIUS, IMAGE_MEAN, IMAGE_SIZE, IMAGE_STD
from training import data, mint, render
from training.data import CropDataset, KeySampler, PairSampler, SceneDataset, cores, normalize
from training.mint import Ellipse, Photo
from training.mint.design import FAMILY
from training.render import CROP_RADIUS, write_crops

pytestmark = pytest.mark.slow

SIDE = 64  # px, of stored scenes
V, U = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE] - (IMAGE_SIZE - 1) / 2


def _colours(image: Tensor) -> np.ndarray:
    """Back from the networks' range to RGB 0 … 255, [h, w, 3]."""
    return 255 * (image.numpy().transpose(1, 2, 0) * np.array(IMAGE_STD) + np.array(IMAGE_MEAN))


def _shade(label: int, view: int) -> int:
    return 40 + 20 * label + 3 * view


def _flat_crops(path: Path, classes: int, views: int, room: int | None = None) -> Path:
    """Crops of one shade each, as `training.render` lays them out; the last of `room` are not rendered yet."""
    shape = (room or classes, views, IMAGE_SIZE, IMAGE_SIZE, 3)
    store = open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    for label in range(classes):
        store[label] = np.array([_shade(label, view) for view in range(views)])[:, None, None, None]
    store.flush()
    return path


def _crop(path: Path, picture: np.ndarray) -> Path:
    np.save(path, picture[None, None])
    return path


# --- crops ----------------------------------------------------------------------------------------------------------


def test_normalize() -> None:
    picture = np.zeros((4, 5, 3), np.uint8)
    picture[1, 2] = 255, 0, 51
    image = normalize(picture)
    assert image.shape == (3, 4, 5) and image.dtype == torch.float32
    expected = (np.array([1, 0, 0.2]) - IMAGE_MEAN) / IMAGE_STD
    np.testing.assert_allclose(image[:, 1, 2], expected, rtol=1e-5)


def test_a_sample_is_its_classs_view(tmp_path: Path) -> None:
    crops = CropDataset(_flat_crops(tmp_path / "c.npy", 3, 4), 64, augment=False)
    assert len(crops) == 12
    for index in range(12):
        coin, label = crops[index]
        assert label == index // 4
        np.testing.assert_allclose(_colours(coin)[32, 32], _shade(label, index % 4), atol=0.01)


def test_classes_are_those_rendered_so_far(tmp_path: Path) -> None:
    path = _flat_crops(tmp_path / "c.npy", 2, 3, room=7)
    early = CropDataset(path, 64, augment=True)
    assert (early.classes, early.room, len(early)) == (2, 7, 6)
    np.load(path, mmap_mode="r+")[2] = 9
    assert CropDataset(path, 64, augment=True).classes == 3
    np.load(path, mmap_mode="r+")[3, :2] = 9  # all but the last view of the next
    assert CropDataset(path, 64, augment=True).classes == 3


def test_a_finished_file_has_all_its_classes(tmp_path: Path) -> None:
    assert CropDataset(_flat_crops(tmp_path / "c.npy", 5, 2), 64, augment=True).classes == 5


def test_a_black_pixel_in_the_middle_of_a_coin_is_no_end_of_the_file(tmp_path: Path) -> None:
    path = _flat_crops(tmp_path / "c.npy", 5, 2)
    np.load(path, mmap_mode="r+")[1, -1, 128, 128] = 0
    assert CropDataset(path, 64, augment=True).classes == 5


@pytest.mark.parametrize("size", [IMAGE_SIZE, IMAGE_SIZE // 2])
def test_the_coin_fills_its_circle_and_nothing_is_outside(tmp_path: Path, size: int) -> None:
    disc = np.where(np.hypot(U, V)[..., None] <= CROP_RADIUS, 200, 40).astype(np.uint8).repeat(3, 2)
    path = _crop(tmp_path / "c.npy", disc)
    radius = COIN_RADIUS * size / IMAGE_SIZE
    distance = np.hypot(*(np.mgrid[:size, :size] - (size - 1) / 2))
    plain = CropDataset(path, size, augment=False)[0][0]
    assert plain.shape == (3, size, size)
    np.testing.assert_allclose(_colours(plain)[distance < radius - 2], 200, atol=0.1)
    jittered = CropDataset(path, size, augment=True)
    ground = 0
    for coin in (plain, *(jittered[0][0] for _ in range(8))):
        assert (coin[:, distance > radius] == 0).all()
        picture = _colours(coin).mean(2)
        limit = (picture[distance < radius / 2].mean() + 40) / 2
        assert (picture < limit)[distance < 0.9 * radius].mean() < 0.01  # the jitter stays within a few hundredths
        ground += (picture < limit)[(distance > 0.95 * radius) & (distance < radius)].any()
    assert ground >= 4  # and moves the rim


def _spots() -> np.ndarray:
    """A red, a green and a blue spot, clockwise as seen."""
    picture = np.full((IMAGE_SIZE, IMAGE_SIZE, 3), 90, np.uint8)
    for channel in range(3):
        turn = channel * 2 * np.pi / 3
        centre = round(127.5 + 60 * np.cos(turn)), round(127.5 + 60 * np.sin(turn))
        colour = [0, 0, 0]
        colour[channel] = 255
        cv2.circle(picture, centre, 22, colour, -1)
    return picture


def _turns(coin: Tensor) -> np.ndarray:
    """Angles of the three spots, radians clockwise."""
    picture = _colours(coin)
    angles = []
    for channel in range(3):
        excess = picture[..., channel] - np.delete(picture, channel, 2).max(2)
        excess = cv2.GaussianBlur(excess.astype(np.float32), (0, 0), 5)
        row, column = np.unravel_index(np.argmax(excess), excess.shape)
        angles.append(np.arctan2(row - (len(picture) - 1) / 2, column - (len(picture) - 1) / 2))
    return np.array(angles)


def test_coins_are_turned_to_every_side_and_never_mirrored(tmp_path: Path) -> None:
    crops = CropDataset(_crop(tmp_path / "c.npy", _spots()), 128, augment=True)
    first = []
    for _ in range(40):
        turns = _turns(crops[0][0])
        first.append(turns[0])
        steps = np.mod(np.diff(turns), 2 * np.pi)
        np.testing.assert_allclose(steps, 2 * np.pi / 3, atol=0.25)  # mirrored they would be twice that
    assert (np.histogram(first, 4, (-np.pi, np.pi))[0] >= 3).all()


def test_the_asked_share_is_mirrored(tmp_path: Path) -> None:
    crops = CropDataset(_crop(tmp_path / "c.npy", _spots()), 128, augment=True, mirrored=0.5)
    steps = np.array([np.mod(np.diff(_turns(crops[0][0])), 2 * np.pi).mean() for _ in range(60)])
    mirrored = steps > np.pi
    np.testing.assert_allclose(steps, np.where(mirrored, 4, 2) * np.pi / 3, atol=0.25)
    assert 15 <= mirrored.sum() <= 45


def test_without_augmentation_a_sample_depends_on_its_place_and_the_seed_alone(tmp_path: Path) -> None:
    path = _crop(tmp_path / "c.npy", _spots())
    one, two, other = (CropDataset(path, 64, augment=False, seed=seed) for seed in (3, 3, 4))
    one[0]
    torch.testing.assert_close(one[0][0], two[0][0], rtol=0, atol=0)
    assert not torch.equal(one[0][0], other[0][0])


def test_augmentation_repeats_with_its_seed_only(tmp_path: Path) -> None:
    path = _crop(tmp_path / "c.npy", _spots())
    one, two, other = (CropDataset(path, 64, augment=True, seed=seed) for seed in (3, 3, 4))
    first = one[0][0]
    torch.testing.assert_close(first, two[0][0], rtol=0, atol=0)
    assert not torch.equal(first, one[0][0])
    assert not torch.equal(first, other[0][0])


# --- batches --------------------------------------------------------------------------------------------------------


def test_batches_are_whole_families_with_two_views_of_each_class(tmp_path: Path) -> None:
    crops = CropDataset(_flat_crops(tmp_path / "c.npy", 3 * FAMILY + 1, 3, room=6 * FAMILY), 64, augment=False)
    met: set[int] = set()
    for batch in islice(PairSampler(crops, 2 * 2 * FAMILY + 5, seed=0), 30):
        assert len(batch) == len(set(batch)) == 2 * 2 * FAMILY
        labels = [index // crops.views for index in batch]
        assert all(labels.count(label) == 2 for label in labels)
        families = {label // FAMILY for label in labels}
        assert set(labels) == {family * FAMILY + member for family in families for member in range(FAMILY)}
        met |= set(batch)
    assert met == set(range(3 * FAMILY * crops.views))  # every view of every whole family, none that is not rendered


def test_batches_repeat_with_their_seed(tmp_path: Path) -> None:
    crops = CropDataset(_flat_crops(tmp_path / "c.npy", 4 * FAMILY, 2), 64, augment=False)
    one, two, other = (list(islice(PairSampler(crops, 2 * FAMILY, seed), 5)) for seed in (1, 1, 2))
    assert one == two != other


# --- scenes ---------------------------------------------------------------------------------------------------------


def _scenes(folder: Path, name: str, count: int, first: int) -> None:
    """Scenes of one shade, `first` and on, each with a bright disc off the centre and its mask."""
    v, u = np.mgrid[:SIDE, :SIDE]
    disc = np.hypot(u - 26, v - 36) <= 16
    shades = np.arange(first, first + count, dtype=np.uint8)[:, None, None, None]
    pictures = np.where(disc[..., None], np.uint8(230), shades).repeat(3, 3)
    np.save(folder / f"{name}.npy", pictures)
    np.save(folder / f"{name}_masks.npy", np.where(disc, 255, 0).astype(np.uint8)[None].repeat(count, 0))


def _cutouts(folder: Path) -> None:
    disc = np.where(np.hypot(U, V) <= 110, 255, 0).astype(np.uint8)
    np.save(folder / "cutouts.npy", np.dstack([np.full((IMAGE_SIZE, IMAGE_SIZE, 3), 128, np.uint8), disc])[None])


def _shades(scenes: SceneDataset) -> list[int]:
    return [round(float(_colours(scenes[index][0])[2, -2, 0])) for index in range(len(scenes))]


def test_training_mixes_rendered_scenes_with_photos(tmp_path: Path) -> None:
    _scenes(tmp_path, "train", 3, first=10)
    assert _shades(SceneDataset(tmp_path, "train", SIDE, augment=False)) == [10, 11, 12]
    _scenes(tmp_path, "photos", 2, first=20)
    assert _shades(SceneDataset(tmp_path, "train", SIDE, augment=False)) == [10, 11, 12, 20, 21]
    with pytest.raises(IndexError):
        SceneDataset(tmp_path, "train", SIDE, augment=False)[5]


def test_testing_reads_one_store_alone(tmp_path: Path) -> None:
    for first, name in ((10, "test"), (20, "photos"), (30, "photos_test")):
        _scenes(tmp_path, name, 2, first)
    _cutouts(tmp_path)
    for first, name in ((10, "test"), (30, "photos_test")):
        for augment in (False, True):
            assert len(SceneDataset(tmp_path, name, SIDE, augment)) == 2
        assert _shades(SceneDataset(tmp_path, name, SIDE, augment=False)) == [first, first + 1]


@pytest.mark.parametrize("size", [SIDE, 32, 96])
def test_a_scene_has_the_networks_form(tmp_path: Path, size: int) -> None:
    _scenes(tmp_path, "train", 1, first=30)
    for augment in (False, True):
        image, mask = SceneDataset(tmp_path, "train", size, augment)[0]
        assert image.shape == (3, size, size) and mask.shape == (2, size, size)
        assert image.dtype == mask.dtype == torch.float32
        assert set(mask.unique().tolist()) == {0.0, 1.0}


def test_picture_and_mask_move_together_and_in_many_ways(tmp_path: Path) -> None:
    _scenes(tmp_path, "train", 1, first=30)
    scenes = SceneDataset(tmp_path, "train", SIDE, augment=True)
    overlaps, corners, areas = [], set(), []
    for number in range(60):
        image, mask = scenes[0, number]
        coin, picture = mask[0].numpy() > 0, _colours(image).mean(2)
        bright = picture > (np.median(picture[coin]) + np.median(picture[~coin])) / 2
        overlaps.append((bright & coin).sum() / (bright | coin).sum())
        middle = np.argwhere(coin).mean(0) > SIDE / 2
        corners.add(tuple(middle.tolist()))
        areas.append(coin.mean())
    assert np.median(overlaps) > 0.95
    assert len(corners) == 4  # flipped either way
    assert max(areas) / min(areas) > 1.3


def test_a_quarter_of_the_training_scenes_is_pasted(tmp_path: Path) -> None:
    _scenes(tmp_path, "train", 1, first=30)
    np.save(tmp_path / "train_masks.npy", np.zeros((1, SIDE, SIDE), np.uint8))  # what has a mask is pasted
    _cutouts(tmp_path)
    scenes = SceneDataset(tmp_path, "train", SIDE, augment=True)
    pasted = [bool(scenes[0, number][1].any()) for number in range(120)]
    assert np.mean(pasted) == pytest.approx(data.PASTED_SHARE, abs=0.1)
    plain = SceneDataset(tmp_path, "train", SIDE, augment=False)
    assert not any(plain[0][1].any() for _ in range(20))


def test_pasted_scenes_are_pictures_of_the_asked_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "PASTED_SHARE", 1.0)
    _scenes(tmp_path, "train", 1, first=30)
    _cutouts(tmp_path)
    one, two = (SceneDataset(tmp_path, "train", 96, augment=True) for _ in range(2))
    shares = []
    for number in range(12):
        image, mask = one[0, number]
        assert image.shape == (3, 96, 96) and mask.shape == (2, 96, 96)
        shares.append(float(mask[0].mean()))
        torch.testing.assert_close(image, two[0, number][0], rtol=0, atol=0)
    assert min(shares) > 0.005 and max(shares) > 3 * min(shares)


def _drawn(scenes: SceneDataset, workers: int, first: int = 0, batches: int = 3) -> list[Tensor]:
    loader = DataLoader(scenes, batch_sampler=KeySampler(scenes, 2, 5, first), num_workers=workers)
    return [image for image, _ in islice(loader, batches)]


def test_batches_are_the_same_in_any_process_and_after_a_stop(tmp_path: Path) -> None:
    _scenes(tmp_path, "train", 2, first=30)
    scenes = SceneDataset(tmp_path, "train", SIDE, augment=True)
    whole = _drawn(scenes, workers=0)
    for again in (_drawn(scenes, workers=1), whole[:1] + _drawn(scenes, workers=0, first=1, batches=2)):
        assert all(torch.equal(one, two) for one, two in zip(whole, again, strict=True))


def test_no_picture_is_drawn_twice_alike(tmp_path: Path) -> None:
    _scenes(tmp_path, "train", 1, first=30)
    pictures = torch.cat(_drawn(SceneDataset(tmp_path, "train", SIDE, augment=True), workers=0))
    assert all(not torch.equal(pictures[i], pictures[k]) for i in range(len(pictures)) for k in range(i))


def test_rendering_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    write_crops(tmp_path, "train", classes=2, views=1, workers=1)
    store = np.load(tmp_path / "train.npy", mmap_mode="r+")
    whole = np.array(store)
    store[0] = 77  # would be written over by a rendering from the start
    store[1] = 0  # as in a file whose rendering was stopped
    store.flush()
    write_crops(tmp_path, "train", classes=2, views=1, workers=1)
    continued = np.load(tmp_path / "train.npy")
    assert (continued[0] == 77).all()
    np.testing.assert_array_equal(continued[1], whole[1])


class Finder:
    """In place of the server's segmentation: an outline that is off by so many px, or none."""

    def __init__(self, off: float | None) -> None:
        self.off = off

    def find(self, photo: bytes) -> Ellipse | None:
        picture = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None and picture.shape == (288, 288, 3)
        exact = EXACT[-1]
        return None if self.off is None else replace(exact, cx=exact.cx + self.off)


EXACT: list[Ellipse] = []


@pytest.mark.parametrize(("off", "taken"), [(6.0, True), (200.0, False), (None, False)])
def test_crops_are_cut_as_the_server_would_where_it_finds_the_coin(
    off: float | None, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = mint.photograph

    def photograph(*args: Any, **options: Any) -> Photo:
        photo = real(*args, **options)
        EXACT.append(photo.ellipse)
        return photo

    monkeypatch.setattr(mint, "photograph", photograph)
    monkeypatch.setattr(render, "_finder", lambda: Finder(off))
    exact, found = (render.render_crops(5, views=2, found_by_server=by_server) for by_server in (False, True))
    assert np.array_equal(exact, found) != taken


def test_every_coin_has_one_core_of_half_its_size() -> None:
    """Two that all but touch, and one that the edge cuts."""
    v, u = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE]
    discs = [(60.0, 60.0, 40.0), (60.0, 130.0, 28.0), (200.0, 0.0, 30.0)]
    mask = np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    for y, x, radius in discs:
        mask[np.hypot(v - y, u - x) <= radius] = 255
    count, _, stats, centres = cv2.connectedComponentsWithStats(cores(mask), connectivity=4)
    assert count == 1 + len(discs)
    found = sorted(
        zip(centres[1:, 1], centres[1:, 0], stats[1:, cv2.CC_STAT_AREA], strict=True), key=lambda row: -row[2]
    )
    for (y, x, radius), (cy, cx, area) in zip(discs[:2], found, strict=False):
        assert (cy, cx) == pytest.approx((y, x), abs=0.5)
        assert np.sqrt(area / np.pi) == pytest.approx(radius / 2, abs=1)
    assert 5 < found[2][1] < 25, "the middle of what is seen"


def test_without_a_coin_there_is_no_core() -> None:
    assert not cores(np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8)).any()
