"""What a segmentation does on real photos: turned outlines are turned back, false finds are counted."""

from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from training.backgrounds.fetch import TEST, TRAIN, Picture, write_pictures  # noqa: E402
from training.backgrounds.sources import SCENE  # noqa: E402
from training.mint import Ellipse  # noqa: E402
from training.networks import Segmenter  # noqa: E402
from training.outlines import fill, overlap, write_rows  # noqa: E402
from training.segmentation_check import Finder, false_finds, outline_scores, turned_back, turned_scores  # noqa: E402

pytestmark = pytest.mark.slow

COIN = Ellipse(150.0, 90.0, 60.0, 48.0, 25.0)


class _Bright(Segmenter):
    """Whatever is bright is coin."""

    def logits(self, image: Tensor) -> Tensor:
        return 40 * (image.mean(1, keepdim=True) - 1.0)


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder(_Bright().eval())


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    mask = np.zeros((200, 320), np.uint8)
    fill(mask, COIN)
    cv2.imwrite(str(tmp_path / "photo.png"), 60 + cv2.merge([mask // 2] * 3))
    return tmp_path / "photo.png"


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_an_outline_is_turned_back(quarters: int) -> None:
    mask = np.zeros((200, 320), np.uint8)
    fill(mask, COIN)
    turned = np.ascontiguousarray(np.rot90(mask, quarters))
    points = np.argwhere(turned > 0)[:, ::-1].astype(np.float32)
    (cx, cy), (width, height), angle = cv2.fitEllipse(cv2.convexHull(points))
    seen = Ellipse(cx, cy, height / 2, width / 2, (angle + 90) % 180)
    back = turned_back(seen, quarters, (200, 320))
    assert overlap(back, COIN) > 0.97
    assert (back.cx, back.cy) == pytest.approx((COIN.cx, COIN.cy), abs=1.0)


def test_a_photo_is_scored_by_its_outline(finder: Finder, photo: Path) -> None:
    cells = [COIN.cx, COIN.cy, COIN.a, COIN.b, COIN.angle]
    write_rows(photo.parent / "ellipses.csv", ("path", "cx", "cy", "a", "b", "angle"), [("photo.png", *cells)])
    (score,) = outline_scores(finder, photo.parent / "ellipses.csv", "", 5)
    assert score > 0.95


def test_a_photo_agrees_with_its_turns(finder: Finder, photo: Path) -> None:
    ((path, scores),) = turned_scores(finder, photo.parent, 5)
    assert path == photo
    assert min(scores) > 0.95


def test_a_photo_without_a_coin_agrees_with_nothing(finder: Finder, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "dark.png"), np.full((100, 160, 3), 40, np.uint8))
    ((_, scores),) = turned_scores(finder, tmp_path, 5)
    assert scores == [0.0, 0.0, 0.0]


def test_only_held_out_pictures_are_looked_at(finder: Finder, photo: Path) -> None:
    folder = photo.parent
    cv2.imwrite(str(folder / "dark.png"), np.full((100, 160, 3), 40, np.uint8))
    rows = [("photo.png", TEST), ("dark.png", TEST), ("photo.png", TRAIN)]
    write_pictures(folder, [Picture(path, SCENE, which, "p", "1", path, 1, 1, "") for path, which in rows])
    assert false_finds(finder, folder, 9) == (["photo.png"], 2)
