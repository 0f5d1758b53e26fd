"""The table of IoU by threshold and pass measures what it says."""

import math

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training.data import cores
from training.mint import Ellipse
from training.segmentation_table import PASSES, THRESHOLDS, in_window, locate, measure, table

pytestmark = pytest.mark.slow

COIN = Ellipse(310.0, 200.0, 90.0, 70.0, 30.0)


def photo() -> bytes:
    picture = np.full((480, 640, 3), 30, np.uint8)
    axes = (round(COIN.a), round(COIN.b))
    cv2.ellipse(picture, (round(COIN.cx), round(COIN.cy)), axes, COIN.angle, 0, 360, (240, 240, 240), -1)
    return cv2.imencode(".png", picture)[1].tobytes()


class Bright(nn.Module):
    """Stands for the network: bright pixels are coin with the probability `sure`."""

    def __init__(self, sure: float) -> None:
        super().__init__()
        self.sure = sure

    def masks(self, image: Tensor) -> Tensor:
        """[B, 3, H, W] to [B, 2, H, W]."""
        bright = (image.mean(1) > 0).numpy().astype(np.uint8)
        masks = [np.stack([255 * one, cores(255 * one)]) for one in bright]
        return self.sure * torch.from_numpy(np.stack(masks)).float() / 255


def test_an_outline_has_the_area_of_its_ellipse() -> None:
    truth = locate(COIN, scale=1.0)
    step = float(truth.window[0, 2] - truth.window[0, 0]) / truth.mask.shape[1]
    assert float(truth.mask.sum()) * step**2 == pytest.approx(math.pi * COIN.a * COIN.b, rel=5e-3)


def test_a_mask_is_moved_into_another_window() -> None:
    mask = torch.zeros(1, 256, 256)
    mask[:, 64:128, 128:192] = 1
    part = in_window(mask, torch.tensor([[0.0, 0, 256, 256]]), torch.tensor([[128.0, 64, 192, 128]]))
    assert part[1:-1, 1:-1].all()  # the corners touch what is outside
    beside = in_window(mask, torch.tensor([[0.0, 0, 256, 256]]), torch.tensor([[192.5, 64, 256.5, 128]]))
    assert not beside[:, 4:].any()


def test_a_right_mask_scores_high_and_closer_looks_score_higher() -> None:
    scores = measure(Bright(1.0), photo(), COIN)  # type: ignore[arg-type]
    assert scores["two passes", 0.5] > 0.975
    assert scores["two passes", 0.5] > scores["one pass", 0.5] > 0.95


def test_the_threshold_decides_what_counts() -> None:
    scores = measure(Bright(0.4), photo(), COIN)  # type: ignore[arg-type]
    assert scores["one pass", 0.3] > 0.95 and scores["one pass", 0.5] == 0.0


def test_the_table_gives_means() -> None:
    rows = table({"augmented": {(name, threshold): [0.5, 1.0] for name in PASSES for threshold in THRESHOLDS}})
    assert rows.splitlines()[-1] == "| augmented | 0.750 | 0.750 | 0.750 | 0.750 | 2 |"
