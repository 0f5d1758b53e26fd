"""Components are OpenCV's, on masks made to be hard."""

import cv2
import numpy as np
import pytest
import torch

from ensemble.geometry.graphs.components import largest_component
from tests.ensemble.geometry.ways import Way

SIZE = 128


def spiral() -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    angle = np.linspace(0, 14 * np.pi, 20000)
    radius = np.linspace(2, SIZE / 2 - 2, angle.size)
    mask[(SIZE / 2 + radius * np.sin(angle)).astype(int), (SIZE / 2 + radius * np.cos(angle)).astype(int)] = 1
    return mask


def serpentine() -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[::4] = 1
    mask[1::8, -1] = mask[2::8, -1] = mask[3::8, -1] = 1
    mask[5::8, 0] = mask[6::8, 0] = mask[7::8, 0] = 1
    return mask


def maze() -> np.ndarray:
    """A spanning tree of corridors grown from a seed."""
    rng = np.random.default_rng(5)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    stack = [(0, 0)]
    mask[0, 0] = 1
    while stack:
        y, x = stack[-1]
        steps = [(dy, dx) for dy, dx in ((0, 2), (0, -2), (2, 0), (-2, 0))]
        free = [s for s in steps if 0 <= y + s[0] < SIZE and 0 <= x + s[1] < SIZE and not mask[y + s[0], x + s[1]]]
        if not free:
            stack.pop()
            continue
        dy, dx = free[rng.integers(len(free))]
        mask[y + dy // 2, x + dx // 2] = mask[y + dy, x + dx] = 1
        stack.append((y + dy, x + dx))
    return mask


def rings() -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for radius in range(4, 62, 5):
        cv2.circle(mask, (64, 64), radius, (1,), 1)
    return mask


def blobs() -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for x, y, radius in ((20, 20, 15), (80, 40, 22), (40, 100, 18), (110, 110, 12)):
        cv2.circle(mask, (x, y), radius, (1,), -1)
    return mask


def at_border() -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.circle(mask, (0, 64), 50, (1,), -1)
    cv2.circle(mask, (127, 127), 30, (1,), -1)
    return mask


def noise(density: float, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random((SIZE, SIZE)) < density).astype(np.uint8)


MASKS = {
    "spiral": spiral(),
    "serpentine": serpentine(),
    "maze": maze(),
    "rings": rings(),
    "blobs": blobs(),
    "border": at_border(),
    "empty": np.zeros((SIZE, SIZE), np.uint8),
    "full": np.ones((SIZE, SIZE), np.uint8),
    "one pixel": np.eye(1, SIZE * SIZE, 777, dtype=np.uint8).reshape(SIZE, SIZE),
    **{f"noise {density} {seed}": noise(density, seed) for density in (0.3, 0.55, 0.6, 0.65) for seed in range(5)},
}


@pytest.mark.parametrize("name", MASKS)
def test_agrees_with_opencv(way: Way, name: str) -> None:
    mask = MASKS[name]
    ours = way.largest_component(mask)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    sizes = stats[1:, cv2.CC_STAT_AREA]
    if sizes.size == 0:
        assert ours.sum() == 0
        return
    candidates = [labels == 1 + i for i in np.flatnonzero(sizes == sizes.max())]  # equally large ones are all right
    assert any(np.array_equal(ours > 0, candidate) for candidate in candidates)


def test_masks_of_a_batch_do_not_mix() -> None:
    names = list(MASKS)
    batch = torch.from_numpy(np.stack([MASKS[name] for name in names])).float()
    together = largest_component(batch)
    for i in range(len(names)):
        assert torch.equal(together[i], largest_component(batch[i : i + 1])[0])
