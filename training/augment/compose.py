"""Pastes coins onto other grounds at every size, without a seam that a network could learn instead of the coin."""

from dataclasses import dataclass

import cv2
import numpy as np

from .photometric import iso_noise, shadow

MOST_PADDING = 36.0  # largest area of the picture over that of the coin's bounding square; the smallest is 1


@dataclass(frozen=True)
class Cutout:
    """A coin taken out of a photo."""

    picture: np.ndarray  # [s, s, 3] RGB
    mask: np.ndarray  # [s, s], 255 on the coin


def _place(cutout: Cutout, size: int, padding: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The cutout turned, scaled and shifted into a picture of size x size: picture and mask."""
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    rows, columns = np.nonzero(cutout.mask > 127)
    extent = np.ptp(turn @ np.stack([columns, rows]), axis=1).max() + 1  # of the turned coin
    scale = size / np.sqrt(padding) / extent
    linear = scale * turn
    room = (size - scale * extent) / 2
    target = size / 2 - 0.5 + rng.uniform(-1, 1, 2) * room
    source = np.array([columns.mean(), rows.mean()])
    matrix = np.column_stack([linear, target - linear @ source])
    picture = cutout.picture
    if scale < 0.7:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.4 / scale)
    shape = (size, size)
    return (
        cv2.warpAffine(picture, matrix, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        cv2.warpAffine(cutout.mask, matrix, shape, flags=cv2.INTER_LINEAR),
    )


def _part(ground: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """A random square of the ground, turned by quarters and mirrored, [size, size, 3]."""
    side = int(rng.uniform(0.5, 1.0) * min(ground.shape[:2]))
    y, x = (int(rng.integers(0, length - side + 1)) for length in ground.shape[:2])
    part = np.rot90(ground[y : y + side, x : x + side], int(rng.integers(4)))
    part = part[:, ::-1] if rng.random() < 0.5 else part
    return cv2.resize(np.ascontiguousarray(part), (size, size), interpolation=cv2.INTER_AREA)


def _expose(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur and brightness of one layer."""
    if rng.random() < 0.4:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 2.0))
    return np.clip(picture.astype(np.float32) * np.float32(np.exp(rng.normal(0, 0.25))), 0, 255)


def compose(
    cutouts: list[Cutout], ground: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Lay coins on a ground: float32 [size, size, 3] and the union of their masks [size, size].

    The area of the picture is 1 to MOST_PADDING times that of the first coin's bounding square; the ratio of lengths is
    drawn uniformly. The other coins are smaller and stay clear of those before them. Coins and ground are rotated,
    blurred and lit separately and merged by a hard, Gaussian or Laplacian border. Noise and a shadow then cover both.
    """
    picture = _expose(_part(ground, size, rng), rng)
    union = np.zeros((size, size), np.uint8)
    padding = rng.uniform(1, np.sqrt(MOST_PADDING)) ** 2
    for number, cutout in enumerate(cutouts):
        larger = 1.0 if number == 0 else rng.uniform(1.05, 2.0)
        coin, mask = _place(cutout, size, min(padding * larger, 4 * MOST_PADDING), rng)
        if number and np.any(cv2.dilate(mask, np.ones((5, 5), np.uint8))[union > 0]):
            continue
        coin, kind = _expose(coin, rng), rng.integers(3)
        if kind == 0:
            alpha = mask.astype(np.float32)[..., None] / 255
            picture = picture + alpha * (coin - picture)
        else:
            blend = gaussian_blend if kind == 1 else laplacian_blend
            picture = blend(coin, picture, mask, levels=1 if kind == 1 else 3)
        union |= np.where(mask > 127, 255, 0).astype(np.uint8)
    if rng.random() < 0.3:
        picture = shadow(picture, rng)
    if rng.random() < 0.4:
        picture = iso_noise(picture, rng)
    return np.clip(picture, 0, 255).astype(np.float32), union


def _down(picture: np.ndarray, levels: int) -> list[np.ndarray]:
    """Gaussian pyramid, finest first."""
    pyramid = [picture]
    for _ in range(levels):
        pyramid.append(cv2.pyrDown(pyramid[-1]))
    return pyramid


def _weight(mask: np.ndarray) -> np.ndarray:
    return mask.astype(np.float32)[..., None] / 255


def gaussian_blend(top: np.ndarray, bottom: np.ndarray, mask: np.ndarray, levels: int) -> np.ndarray:
    """`top` where the mask is 255, mixed over a border of about 2 ** (levels + 1) px; float32 [h, w, 3].

    The mask passes a Gaussian pyramid down and up again.
    """
    soft: np.ndarray = mask.astype(np.float32)
    sizes = []
    for _ in range(levels):
        sizes.append(soft.shape[::-1])
        soft = cv2.pyrDown(soft)
    for size in reversed(sizes):
        soft = cv2.pyrUp(soft, dstsize=size)
    alpha = _weight(soft)
    return bottom.astype(np.float32) + alpha * (top.astype(np.float32) - bottom)


def laplacian_blend(top: np.ndarray, bottom: np.ndarray, mask: np.ndarray, levels: int) -> np.ndarray:
    """Each band of frequencies mixed over a border of its own width (Burt and Adelson 1983, section 3)."""
    coins, grounds = (_down(picture.astype(np.float32), levels) for picture in (top, bottom))
    masks = [_weight(level) for level in _down(mask.astype(np.float32), levels)]
    result = grounds[-1] + masks[-1] * (coins[-1] - grounds[-1])
    for level in reversed(range(levels)):
        size = coins[level].shape[1::-1]
        detail = [pyramid[level] - cv2.pyrUp(pyramid[level + 1], dstsize=size) for pyramid in (coins, grounds)]
        result = cv2.pyrUp(result, dstsize=size) + detail[1] + masks[level] * (detail[0] - detail[1])
    return np.clip(result, 0, 255)
