"""The distance transform is OpenCV's exact one."""

import cv2
import numpy as np
import pytest
import torch

from ensemble.geometry.graphs.distance import distance_to_background
from tests.ensemble.geometry.ways import Way

SIZE = 128


def discs() -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for x, y, radius in ((30, 40, 25), (70, 45, 16), (100, 100, 40)):
        cv2.circle(mask, (x, y), radius, (1,), -1)
    return mask


def noise() -> np.ndarray:
    return (np.random.default_rng(3).random((SIZE, SIZE)) < 0.9).astype(np.uint8)


MASKS = {"discs": discs(), "noise": noise(), "full": np.ones((SIZE, SIZE), np.uint8), "empty": np.zeros((SIZE, SIZE))}


@pytest.mark.parametrize("name", MASKS)
def test_distances_are_opencvs(way: Way, name: str) -> None:
    padded = np.pad(MASKS[name].astype(np.uint8), 1)
    expected = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    ours = way.distance(MASKS[name])
    np.testing.assert_allclose(ours, expected, atol=1e-3)


def test_a_batch_equals_single_runs() -> None:
    batch = torch.stack([torch.from_numpy(mask).float() for mask in MASKS.values()])
    for row, mask in zip(distance_to_background(batch), batch, strict=True):
        assert torch.equal(row, distance_to_background(mask[None])[0])
