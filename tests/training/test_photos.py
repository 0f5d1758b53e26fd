"""Outlined photos as training pictures: windows, masks and cutouts of photos drawn here."""

import csv
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from ensemble.contract import IMAGE_SIZE
from training import photos
from training.mint import Ellipse
from training.outlines import OutlineError, read_outlines
from training.photos import COIN_SHARE, CUTOUT_RADIUS, WORKING_SIDE, Outlines, write_photos

COIN, GROUND = (240, 180, 40), (20, 40, 90)  # RGB
ONE = Ellipse(150.3, 118.6, 62.0, 47.0, 35.0)
THREE = [Ellipse(70, 75, 45, 36, 20), Ellipse(230, 90, 52, 50, 0), Ellipse(120, 220, 40, 28, 110)]


def _draw(path: Path, height: int, width: int, ellipses: list[Ellipse]) -> None:
    """A photo of flat coins, exact to the pixel."""
    v, u = np.mgrid[:height, :width]
    coin = np.zeros((height, width), bool)
    for e in ellipses:
        c, s = np.cos(np.radians(e.angle)), np.sin(np.radians(e.angle))
        x, y = u - e.cx, v - e.cy
        coin |= ((c * x + s * y) / e.a) ** 2 + ((c * y - s * x) / e.b) ** 2 <= 1
    picture = np.where(coin[..., None], COIN, GROUND).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture[..., ::-1])


def _write(root: Path, ellipses: list[Ellipse], windows: int, height: int = 260, width: int = 320) -> Path:
    """What is written for one photo, which comes second: the first is kept apart."""
    _draw(root / "a.png", 64, 64, [Ellipse(30, 30, 20, 20, 0)])
    _draw(root / "b.png", height, width, ellipses)
    write_photos({"a.png": [Ellipse(30, 30, 20, 20, 0)], "b.png": ellipses}, root, root / "out", windows)
    return root / "out"


def _coin(picture: np.ndarray) -> np.ndarray:
    return picture[..., 0] > 130  # half way; the fill has 124


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def _table(path: Path, outlines: Outlines) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "cx", "cy", "a", "b", "angle"))
        writer.writerows((name, e.cx, e.cy, e.a, e.b, e.angle) for name, group in outlines.items() for e in group)


def test_outlines_are_read_by_photo(tmp_path: Path) -> None:
    outlines = {"desk/1.jpg": [ONE, THREE[0]], "tray/1.jpg": [THREE[1]], "desk/2.jpg": [THREE[2]]}
    _table(tmp_path / "ellipses.csv", outlines)
    assert read_outlines(tmp_path / "ellipses.csv", "") == outlines
    assert list(read_outlines(tmp_path / "ellipses.csv", "desk/")) == ["desk/1.jpg", "desk/2.jpg"]
    assert read_outlines(tmp_path / "ellipses.csv", "floor/") == {}


def test_every_third_photo_is_kept_apart_whatever_the_order() -> None:
    names = ["e", "b", "g", "a", "c", "f", "d"]
    assert photos.split_photos(names) == (["b", "c", "e", "f"], ["a", "d", "g"])


def test_stores_hold_the_photos_by_their_split(tmp_path: Path) -> None:
    outlines = {f"{folder}/{n}.png": THREE if n else [ONE] for folder in ("x", "y") for n in range(2)}
    for name, ellipses in outlines.items():
        _draw(tmp_path / name, 300, 320, ellipses)
    for out in ("one", "two"):
        write_photos(outlines, tmp_path, tmp_path / out, windows=8)
    stores = {path.stem: np.load(path) for path in (tmp_path / "one").glob("*.npy")}
    picture = (IMAGE_SIZE, IMAGE_SIZE)
    assert {name: (store.shape, store.dtype) for name, store in stores.items()} == {
        "photos": ((16, *picture, 3), np.uint8),
        "photos_masks": ((16, *picture), np.uint8),
        "photos_test": ((4, *picture, 3), np.uint8),
        "photos_test_masks": ((4, *picture), np.uint8),
        "cutouts": ((4, *picture, 4), np.uint8),  # three coins of x/1.png, one of y/0.png
    }
    assert (tmp_path / "one" / "photos_test.txt").read_text() == "x/0.png\ny/1.png\n"
    assert all(np.array_equal(store, np.load(tmp_path / "two" / f"{name}.npy")) for name, store in stores.items())
    assert len({view.tobytes() for view in stores["photos"]}) == 16


def test_photos_kept_apart_show_in_no_training_store(tmp_path: Path) -> None:
    for shade, name in enumerate("abcd"):
        picture = np.full((200, 240, 3), 60 + 40 * shade, np.uint8)
        assert cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
    write_photos({f"{name}.png": [ONE] for name in "abcd"}, tmp_path, tmp_path / "out", windows=5)
    shades = {
        store: set(np.load(tmp_path / "out" / f"{store}.npy")[:, 128, 128, 0].tolist())
        for store in ("photos", "photos_test", "cutouts")
    }
    # A window may have the fill, IMAGE_MEAN, in its middle; nothing but it is shared.
    assert {100, 140} <= shades["photos"] and not {60, 180} & shades["photos"]
    assert {60, 180} <= shades["photos_test"] and not {100, 140} & shades["photos_test"]
    assert shades["cutouts"] == {100, 140}


@pytest.mark.parametrize("scale", [1, 6], ids=["small photo", "photo beyond the working side"])
def test_masks_lie_on_the_coins(tmp_path: Path, scale: int) -> None:
    ellipses = [Ellipse(e.cx * scale, e.cy * scale, e.a * scale, e.b * scale, e.angle) for e in THREE]
    assert scale == 1 or 320 * scale > WORKING_SIDE
    out = _write(tmp_path, ellipses, 24, 280 * scale, 320 * scale)
    for view, mask in zip(np.load(out / "photos.npy"), np.load(out / "photos_masks.npy"), strict=True):
        assert set(np.unique(mask)) == {0, 255}
        coin = _coin(view)
        seam = cv2.morphologyEx(coin.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)) > 0
        assert (coin == (mask > 0))[~seam].all()  # right to 2 px everywhere
        rim = seam.sum() / 4  # px of its length
        assert -0.3 * rim - 8 < (mask > 0).sum() - coin.sum() < 0.7 * rim + 8  # OpenCV draws 0.4 px too far


def test_a_window_shows_its_coin_whole_and_at_every_size(tmp_path: Path) -> None:
    out = _write(tmp_path, [ONE], 80)
    views, masks = np.load(out / "photos.npy"), np.load(out / "photos_masks.npy")
    axes = np.sqrt((masks > 0).sum((1, 2)) / np.pi * ONE.a / ONE.b) / IMAGE_SIZE
    smallest = ONE.a / (1.1 * 320)  # the window is not much larger than the photo
    assert axes.min() == pytest.approx(max(smallest, COIN_SHARE[0]), rel=0.05)
    assert 0.9 * COIN_SHARE[1] < axes.max() < 1.03 * COIN_SHARE[1]
    assert not (masks[:, (0, -1)].any() or masks[:, :, (0, -1)].any())
    middles = np.array([np.argwhere(mask).mean(0) for mask in masks[axes < 0.3]]) / IMAGE_SIZE
    assert (np.ptp(middles, axis=0) > 0.3).all()  # the coin is not always in the middle
    assert views.shape[0] == 80


def test_touching_coins_have_a_gap_that_both_give(tmp_path: Path) -> None:
    left, right = Ellipse(110, 130, 50, 50, 0), Ellipse(210, 130, 50, 50, 0)
    out = _write(tmp_path, [left, right], 60)
    both = 0
    for view, mask in zip(np.load(out / "photos.npy"), np.load(out / "photos_masks.npy"), strict=True):
        coin = cv2.erode(_coin(view).astype(np.uint8), np.ones((5, 5), np.uint8))
        if cv2.connectedComponents(coin)[0] - 1 == 2:  # two coins in view, once their rims are taken off
            both += 1
            assert cv2.connectedComponents(mask)[0] - 1 == 2
            areas = np.sort(cv2.connectedComponentsWithStats(mask)[2][1:, cv2.CC_STAT_AREA])
            if not (mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()):
                assert areas[0] / areas[1] > 0.98
    assert both >= 20


def test_cutouts_hold_one_coin_each_at_one_size(tmp_path: Path) -> None:
    cutouts = np.load(_write(tmp_path, THREE, 1) / "cutouts.npy")
    assert len(cutouts) == len(THREE)
    v, u = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE] - (IMAGE_SIZE - 1) / 2
    for cutout, e in zip(cutouts, THREE, strict=True):
        c, s = np.cos(np.radians(e.angle)), np.sin(np.radians(e.angle))
        exact = ((c * u + s * v) / CUTOUT_RADIUS) ** 2 + ((c * v - s * u) * e.a / e.b / CUTOUT_RADIUS) ** 2 <= 1
        mask = cutout[..., 3] > 127
        assert _overlap(mask, exact) > 0.97
        assert (_coin(cutout) & mask).sum() / mask.sum() > 0.97
        np.testing.assert_allclose(cutout[128, 128, :3], COIN, atol=2)  # RGB


def test_small_coins_are_no_cutouts(tmp_path: Path) -> None:
    out = _write(tmp_path, [THREE[0], Ellipse(250, 200, 14, 11, 0)], 2)
    assert len(np.load(out / "cutouts.npy")) == 1


def test_windows_of_photos_whose_coins_are_all_small(tmp_path: Path) -> None:
    out = _write(tmp_path, [Ellipse(250, 200, 11, 10, 0), Ellipse(50, 60, 10, 9, 0)], 2)
    assert len(np.load(out / "photos.npy")) == 2


def test_a_photo_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    _draw(tmp_path / "a.png", 260, 320, [ONE])
    (tmp_path / "b.png").write_bytes(b"no photo")
    with pytest.raises(OutlineError, match=r"b\.png is not a photo"):
        write_photos({"a.png": [ONE], "b.png": [ONE]}, tmp_path, tmp_path / "out", 1)


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _table(tmp_path / "ellipses.csv", {"desk/a.png": [ONE], "desk/b.png": [ONE], "tray/c.png": [ONE]})
    for name in ("desk/a.png", "desk/b.png"):
        _draw(tmp_path / name, 260, 320, [ONE])
    command = ["photos", str(tmp_path / "ellipses.csv"), "--out", str(tmp_path / "out"), "--windows", "2", "--under"]
    monkeypatch.setattr(sys, "argv", [*command, "desk/"])
    photos.main()
    assert len(np.load(tmp_path / "out" / "photos.npy")) == 2
    monkeypatch.setattr(sys, "argv", [*command, "floor/"])
    with pytest.raises(SystemExit):
        photos.main()
    assert "names no photo under 'floor/'" in capsys.readouterr().err
