"""What a segmentation does on real photos: turned outlines are turned back, false finds are counted."""

from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from training.backgrounds.fetch import TEST, TRAIN, Picture, write_pictures  # noqa: E402
from training.backgrounds.sources import SCENE  # noqa: E402
from training.data import cores  # noqa: E402
from training.mint import Ellipse  # noqa: E402
from training.networks import Segmenter  # noqa: E402
from training.networks.coin import CoinHead  # noqa: E402
from training.outlines import fill, write_rows  # noqa: E402
from training.segmentation_check import Finder, false_finds, outline_scores, turned_scores  # noqa: E402

pytestmark = pytest.mark.slow

COIN = Ellipse(150.0, 90.0, 60.0, 48.0, 25.0)


class _Bright(Segmenter):
    """Whatever is bright is coin."""

    def __init__(self) -> None:
        super().__init__()
        self.coin = CoinHead(3)

    def encode(self, image: Tensor) -> list[Tensor]:
        return [image, image]

    def decode(self, features: list[Tensor]) -> Tensor:
        bright = features[0].mean(1) > 1.0
        masks = [np.stack([255 * one, cores(255 * one)]) for one in bright.numpy().astype(np.uint8)]
        return 40 * (torch.from_numpy(np.stack(masks)) / 255 - 0.5)


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder(_Bright().eval())


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    mask = np.zeros((200, 320), np.uint8)
    fill(mask, COIN)
    cv2.imwrite(str(tmp_path / "photo.png"), 60 + cv2.merge([mask // 2] * 3))
    return tmp_path / "photo.png"


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
