"""Rendered pictures as training samples: augmentation and normalization."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from ensemble.contract import COIN_RADIUS, IMAGE_MEAN, IMAGE_SIZE, IMAGE_STD
from training.render import CROP_RADIUS

Bytes = np.ndarray
_MEAN = np.array(IMAGE_MEAN, np.float32) * 255
_STD = np.array(IMAGE_STD, np.float32) * 255


def normalize(picture: np.ndarray) -> Tensor:
    """[h, w, 3] RGB 0 … 255 to the networks' [3, h, w]."""
    return torch.from_numpy(((picture - _MEAN) / _STD).transpose(2, 0, 1).copy())


def recolour(picture: Bytes, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """Random gains, contrast, gamma, saturation, blur, loss of resolution and noise; RGB 0 … 255 in and out."""
    if rng.random() < 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2) * picture.shape[0] / 128)
    elif rng.random() < 0.15:
        small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    x = picture.astype(np.float32)
    if rng.random() < 0.3:
        grey = x.mean(2, keepdims=True)
        x = grey + np.float32(rng.uniform(0, 1.4)) * (x - grey)
    gains = np.exp(rng.normal(0, 0.12 * strength) + rng.normal(0, 0.07 * strength, 3)).astype(np.float32)
    x = (x - 110) * np.float32(np.exp(rng.normal(0, 0.15 * strength))) + 110
    x = np.clip(x * gains, 0, 255)
    if rng.random() < 0.3:
        x = 255 * np.power(x / 255, np.float32(np.exp(rng.normal(0, 0.25 * strength))))
    if rng.random() < 0.3:
        x += np.float32(rng.uniform(0, 10)) * rng.standard_normal(x.shape, dtype=np.float32)
    return np.clip(x, 0, 255)


def _about_centre(linear: np.ndarray, shift: np.ndarray, size: int, source: int) -> np.ndarray:
    """Affine [2, 3] from output pixels to source pixels that applies `linear` about the centres, then `shift`."""
    offset = np.full(2, (source - 1) / 2) + shift - linear @ np.full(2, (size - 1) / 2)
    return np.column_stack([linear, offset])


class CropDataset(Dataset):
    """Rectified coins as the crop stage makes them: (coin [3, size, size], label).

    Args:
        path: file of `training.render crops`.
        size: px, side of the pictures; the coin's radius is COIN_RADIUS at IMAGE_SIZE.
        augment: jitter ellipse and colours; in-plane rotation is random either way, mirroring never happens.
        seed: of the augmentation.

    """

    def __init__(self, path: Path, size: int, augment: bool, seed: int = 0) -> None:
        self.crops = np.load(path, mmap_mode="r")
        self.classes, self.views = self.crops.shape[:2]
        self.size, self.augment, self.seed = size, augment, seed
        self.rng = np.random.default_rng(seed)
        self.radius = COIN_RADIUS * size / IMAGE_SIZE
        v, u = np.mgrid[:size, :size] - (size - 1) / 2
        self.outside = torch.from_numpy(np.hypot(u, v) > self.radius)

    def __len__(self) -> int:
        return int(self.classes * self.views)

    def coin(self, label: int, view: int) -> Tensor:
        """One view of one class, turned at random, [3, size, size]."""
        rng = self.rng if self.augment else np.random.default_rng([self.seed, label, view])
        stored = self.crops[label, view]
        ratio = CROP_RADIUS / self.radius  # stored px per output px
        if ratio > 1.25:
            side = round(stored.shape[0] / ratio)
            stored, ratio = (
                cv2.resize(stored, (side, side), interpolation=cv2.INTER_AREA),
                ratio * side / stored.shape[0],
            )
        t = rng.uniform(0, 2 * np.pi)
        turn = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
        stretch, shift = np.eye(2), np.zeros(2)
        if self.augment:
            p = rng.uniform(0, np.pi)
            axes = np.array([[np.cos(p), -np.sin(p)], [np.sin(p), np.cos(p)]])
            stretch = axes @ np.diag(1 + rng.uniform(-0.035, 0.035, 2)) @ axes.T
            shift = rng.uniform(-0.025, 0.025, 2) * self.radius * ratio
        matrix = _about_centre(ratio * stretch @ turn, shift, self.size, stored.shape[0])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        picture = cv2.warpAffine(stored, matrix, (self.size, self.size), flags=flags)
        coin = normalize(recolour(picture, rng) if self.augment else picture.astype(np.float32))
        return coin.masked_fill_(self.outside, 0.0)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        label, view = divmod(index, self.views)
        return self.coin(label, view), label


class PairSampler(Sampler[list[int]]):
    """Batches of random classes with two of their views each, for ever.

    Args:
        data: the crops.
        batch: pictures, rounded down to an even number.
        seed: of the choice.
    """

    def __init__(self, data: CropDataset, batch: int, seed: int) -> None:
        self.data, self.pairs, self.rng = data, batch // 2, np.random.default_rng(seed)

    def __iter__(self) -> Iterator[list[int]]:
        while True:
            labels = self.rng.choice(self.data.classes, self.pairs, replace=False)
            views = [self.rng.choice(self.data.views, 2, replace=False) for _ in labels]
            yield [
                int(label * self.data.views + view) for label, pair in zip(labels, views, strict=True) for view in pair
            ]


class SceneDataset(Dataset):
    """Photos and zoomed views with the mask of all coins: (image [3, size, size], mask [1, size, size] of 0 and 1).

    Args:
        folder: of `training.render scenes`.
        split: train or test.
        size: px, side of the pictures.
        augment: flip, turn, scale, shift and recolour.
        seed: of the augmentation.

    """

    def __init__(self, folder: Path, split: str, size: int, augment: bool, seed: int = 0) -> None:
        self.pictures = np.load(folder / f"{split}.npy", mmap_mode="r")
        self.masks = np.load(folder / f"{split}_masks.npy", mmap_mode="r")
        self.size, self.augment = size, augment
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.pictures)

    def _warp(self, picture: Bytes, mask: Bytes) -> tuple[Bytes, Bytes]:
        turn = [np.eye(2), np.array([[0.0, -1], [1, 0]])][int(self.rng.integers(2))]
        flip = np.diag(self.rng.choice((-1.0, 1.0), 2))
        scale = np.exp(self.rng.normal(0, 0.12))
        shift = self.rng.normal(0, 0.03, 2) * self.size
        matrix = _about_centre(scale * turn @ flip, shift, self.size, self.size)
        fill = tuple(float(c) for c in _MEAN)
        size, flags = (self.size, self.size), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(picture, matrix, size, flags=flags, borderValue=fill), cv2.warpAffine(
            mask, matrix, size, flags=flags
        )

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        picture, mask = np.asarray(self.pictures[index]), np.asarray(self.masks[index])
        if self.size != picture.shape[0]:
            picture, mask = (
                cv2.resize(x, (self.size, self.size), interpolation=cv2.INTER_AREA) for x in (picture, mask)
            )
        if self.augment:
            picture, mask = self._warp(picture, mask)
            image = normalize(recolour(picture, self.rng, 0.7))
        else:
            image = normalize(picture.astype(np.float32))
        return image, torch.from_numpy((mask > 127).astype(np.float32))[None]
