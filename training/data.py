"""Stored pictures as training samples: augmentation and normalization."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from ensemble.contract import COIN_RADIUS, IMAGE_MEAN, IMAGE_SIZE, IMAGE_STD
from training.augment import Cutout, compose, recolour
from training.mint.background import SURFACES
from training.mint.design import FAMILY
from training.render import CROP_RADIUS, rendered_classes

Bytes = np.ndarray
PHOTO_SHARE = 0.25  # of a batch of crops, where there are photos
PASTED_SHARE = 0.25  # of the training scenes, where there are cutouts
WHITE_SHARE = 0.3  # of these, on a white ground as in catalogs
FAR_SHARE, FAR = 0.3, 0.35  # of the scenes smaller than full size: seen from farther away, the least scale of them
TILTED_SHARE = 0.3  # of the augmented scenes: turned by any angle, the others by quarters
MORE_SCENES = ("photos", "pasted")  # stores that training takes besides `train`, where they are
CORE = 0.5  # of a coin's greatest depth; what is deeper is its core
STRETCH, SCALE = 0.03, 0.035  # how far outlines are off: of one axis, and of the radius
_MEAN = np.array(IMAGE_MEAN, np.float32) * 255
_STD = np.array(IMAGE_STD, np.float32) * 255


def normalize(picture: np.ndarray) -> Tensor:
    """[h, w, 3] RGB 0 … 255 to the networks' [3, h, w]."""
    return torch.from_numpy(((picture - _MEAN) / _STD).transpose(2, 0, 1).copy())


def _about_centre(linear: np.ndarray, shift: np.ndarray, size: int, source: int) -> np.ndarray:
    """Affine [2, 3] from output pixels to source pixels that applies `linear` about the centres, then `shift`."""
    offset = np.full(2, (source - 1) / 2) + shift - linear @ np.full(2, (size - 1) / 2)
    return np.column_stack([linear, offset])


class CropDataset(Dataset):
    """Rectified coins as the server's crop makes them: (coin [3, size, size], label).

    Rendered classes have the labels 0 … room - 1, classes of photos those from `room` on. `classes` counts what has
    been rendered so far: training may begin while `training.render` still writes.

    Args:
        path: file of `training.render crops`.
        size: px, side of the pictures; the coin's radius is COIN_RADIUS at IMAGE_SIZE.
        augment: jitter ellipse and colours; in-plane rotation is random either way.
        seed: of the augmentation.
        mirrored: share of the augmented pictures that are mirrored; a mirrored coin is another coin.
        photos: file of `training.crops`, photos of real coins to train on as well.

    """

    def __init__(
        self,
        path: Path,
        size: int,
        augment: bool,
        seed: int = 0,
        photos: Path | None = None,
        mirrored: float = 0.0,
    ) -> None:
        self.crops = np.load(path, mmap_mode="r")
        self.room, self.views = self.crops.shape[:2]  # classes that the file will hold
        self.classes = rendered_classes(self.crops)
        self.photos, self.photo_labels = _load_photos(photos)
        self.labels = self.room + int(self.photo_labels.max(initial=-1)) + 1  # rendered and photographed
        self.size, self.augment, self.seed, self.mirrored = size, augment, seed, mirrored
        self.rng = np.random.default_rng(seed)
        self.radius = COIN_RADIUS * size / IMAGE_SIZE
        v, u = np.mgrid[:size, :size] - (size - 1) / 2
        self.outside = torch.from_numpy(np.hypot(u, v) > self.radius)

    def __len__(self) -> int:
        return int(self.classes * self.views) + len(self.photos)

    def pictures(self, label: int) -> np.ndarray:
        """Indices of all pictures of a class."""
        if label < self.room:
            return label * self.views + np.arange(self.views)
        return self.classes * self.views + np.flatnonzero(self.photo_labels == label - self.room)

    def spread(self, count: int) -> Tensor:
        """[count, 3, size, size] pictures from the whole set, evenly apart."""
        return torch.stack([self[int(index)][0] for index in np.linspace(0, len(self) - 1, count).astype(int)])

    def families(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels in groups [n, FAMILY]: rendered classes that look alike, and photographed classes in their order."""
        rendered = np.arange(self.classes // FAMILY * FAMILY)
        photographed = np.arange(self.room, self.labels)
        whole = len(photographed) // FAMILY * FAMILY
        return rendered.reshape(-1, FAMILY), photographed[:whole].reshape(-1, FAMILY)

    def coin(self, label: int, view: int) -> Tensor:
        """One view of one rendered class, turned at random, [3, size, size]."""
        return self._coin(self.crops[label, view], [label, view])

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        rendered = self.classes * self.views
        if index >= rendered:
            label = self.room + int(self.photo_labels[index - rendered])
            return self._coin(self.photos[index - rendered], [label, index]), label
        label, view = divmod(index, self.views)
        return self.coin(label, view), label

    def _coin(self, stored: Bytes, identity: list[int]) -> Tensor:
        rng = self.rng if self.augment else np.random.default_rng([self.seed, *identity])
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
            stretch = axes @ np.diag(1 + rng.uniform(-STRETCH, STRETCH, 2)) @ axes.T
            stretch *= 1 + rng.uniform(-SCALE, SCALE)
            if rng.random() < self.mirrored:
                turn = turn @ np.diag([-1.0, 1.0])
            shift = rng.uniform(-0.025, 0.025, 2) * self.radius * ratio
        matrix = _about_centre(ratio * stretch @ turn, shift, self.size, stored.shape[0])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        picture = cv2.warpAffine(stored, matrix, (self.size, self.size), flags=flags)
        coin = normalize(recolour(picture, rng) if self.augment else picture.astype(np.float32))
        return coin.masked_fill_(self.outside, 0.0)


def _load_photos(path: Path | None) -> tuple[Bytes, np.ndarray]:
    """Pictures [n, 256, 256, 3] and labels [n] from 0 of `training.crops`; none where there is no file."""
    if path is None or not path.exists():
        return np.zeros((0, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8), np.zeros(0, np.int64)
    return np.load(path, mmap_mode="r"), np.load(path.with_name(f"{path.stem}_labels.npy"))


class PairSampler(Sampler[list[int]]):
    """Batches of random families of classes with two pictures of each class, for ever.

    Rendered classes of a family look alike: within a batch they are the hard negatives of the contrastive loss. A
    class with one photo gives it twice, augmented in two ways.

    Args:
        data: the crops.
        batch: pictures, rounded down to whole families.
        seed: of the choice.
    """

    def __init__(self, data: CropDataset, batch: int, seed: int) -> None:
        self.data, self.count, self.rng = data, batch // (2 * FAMILY), np.random.default_rng(seed)

    def __iter__(self) -> Iterator[list[int]]:
        rendered, photographed = self.data.families()
        of_photos = min(round(PHOTO_SHARE * self.count), len(photographed))
        while True:
            chosen = [
                families[self.rng.choice(len(families), count, replace=False)]
                for families, count in ((rendered, self.count - of_photos), (photographed, of_photos))
            ]
            batch: list[int] = []
            for label in np.concatenate(chosen).ravel():
                pictures = self.data.pictures(int(label))
                batch += self.rng.choice(pictures, 2, replace=len(pictures) < 2).tolist()
            yield batch


class SceneDataset(Dataset):
    """Photos and zoomed views: (image [3, size, size], masks [2, size, size] of 0 and 1: coins, and their cores).

    Training mixes rendered scenes with whatever else there is: windows of outlined photos, their coins pasted onto
    rendered grounds, and pictures of `training.backgrounds`.

    A key is an index and a number that decides the augmentation: the same key gives the same picture in any process.

    Args:
        folder: of `training.render scenes`, `training.photos` and `training.backgrounds.compose`.
        split: train, test (rendered), photos_test (photos kept apart) or pasted_test (backgrounds kept apart).
        size: px, side of the pictures.
        augment: paste, flip, turn, scale, shift and recolour; without it, pictures as they are stored.

    """

    def __init__(self, folder: Path, split: str, size: int, augment: bool) -> None:
        more = [name for name in MORE_SCENES if split == "train" and (folder / f"{name}.npy").exists()]
        self.stores = [
            tuple(np.load(folder / f"{name}{kind}.npy", mmap_mode="r") for kind in ("", "_masks"))
            for name in (split, *more)
        ]
        cutouts = folder / "cutouts.npy"
        pasted = augment and split == "train" and cutouts.exists()
        self.cutouts: Bytes = np.load(cutouts, mmap_mode="r") if pasted else np.zeros((0, 1, 1, 4), np.uint8)
        self.size, self.augment = size, augment

    def __len__(self) -> int:
        return sum(len(pictures) for pictures, _ in self.stores)

    def _stored(self, index: int) -> tuple[Bytes, Bytes]:
        for pictures, masks in self.stores:
            if index < len(pictures):
                return np.asarray(pictures[index]), np.asarray(masks[index])
            index -= len(pictures)
        raise IndexError(index)

    def _pasted(self, rng: np.random.Generator) -> tuple[Bytes, Bytes]:
        if rng.random() < WHITE_SHARE:
            ground = np.full((IMAGE_SIZE, IMAGE_SIZE, 3), rng.uniform(215, 255), np.float32)
        else:
            surface = SURFACES[int(rng.integers(len(SURFACES)))](rng, IMAGE_SIZE)
            ground = 255 * np.sqrt(np.clip(surface, 0, 1))  # linear light to a picture, as `mint` exposes
        coins = 1 if rng.random() < 0.5 else int(rng.integers(2, 6))
        chosen = (np.asarray(self.cutouts[i]) for i in rng.integers(0, len(self.cutouts), coins))
        picture, mask = compose([Cutout(c[..., :3], c[..., 3]) for c in chosen], ground, IMAGE_SIZE, rng)
        return picture.astype(np.uint8), mask

    def _reduced(self, picture: Bytes, masks: Bytes, scale: float) -> tuple[Bytes, Bytes]:
        """At this dataset's size; of a scale below 1, in the middle of a plain ground."""
        side = round(scale * self.size)
        if side != picture.shape[0]:
            picture, masks = (cv2.resize(x, (side, side), interpolation=cv2.INTER_AREA) for x in (picture, masks))
        before = (self.size - side) // 2
        around = (before, self.size - side - before) * 2
        fill = tuple(float(c) for c in _MEAN)
        return cv2.copyMakeBorder(picture, *around, cv2.BORDER_CONSTANT, value=fill), cv2.copyMakeBorder(
            masks, *around, cv2.BORDER_CONSTANT
        )

    def _warp(self, picture: Bytes, masks: Bytes, rng: np.random.Generator) -> tuple[Bytes, Bytes]:
        turn = [np.eye(2), np.array([[0.0, -1], [1, 0]])][int(rng.integers(2))]
        flip = np.diag(rng.choice((-1.0, 1.0), 2))
        if rng.random() < TILTED_SHARE:
            t = rng.uniform(-np.pi / 4, np.pi / 4)
            turn = turn @ np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
        scale = np.exp(rng.normal(0, 0.12))
        shift = rng.normal(0, 0.03, 2) * self.size
        matrix = _about_centre(scale * turn @ flip, shift, self.size, self.size)
        fill = tuple(float(c) for c in _MEAN)
        size, flags = (self.size, self.size), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(picture, matrix, size, flags=flags, borderValue=fill), cv2.warpAffine(
            masks, matrix, size, flags=flags
        )

    def __getitem__(self, key: int | tuple[int, int]) -> tuple[Tensor, Tensor]:
        index, number = key if isinstance(key, tuple) else (key, 0)
        rng = np.random.default_rng([index, number])
        if len(self.cutouts) and rng.random() < PASTED_SHARE:
            picture, mask = self._pasted(rng)
        else:
            picture, mask = self._stored(index)
        masks = np.dstack([mask, cores(mask)])
        far = self.augment and self.size < IMAGE_SIZE and rng.random() < FAR_SHARE
        picture, masks = self._reduced(picture, masks, rng.uniform(FAR, 1) if far else 1.0)
        if self.augment:
            picture, masks = self._warp(picture, masks, rng)
            image = normalize(recolour(picture, rng, 0.7))
        else:
            image = normalize(picture.astype(np.float32))
        return image, torch.from_numpy((masks > 127).astype(np.float32).transpose(2, 0, 1))


def cores(mask: Bytes) -> Bytes:
    """The middle of each coin, by which coins are told apart even where they touch: [h, w] uint8 of 0 and 255.

    Of a disc it is the disc of half the radius; of a coin that the picture's edge cuts, the middle of what is seen.

    Args:
        mask: [h, w] uint8, 255 on coins, with background between them.
    """
    inside = (mask > 127).astype(np.uint8)
    framed = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0,))
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    count, labels = cv2.connectedComponents(inside, connectivity=4)
    deepest = np.zeros(count, np.float32)
    np.maximum.at(deepest, labels.astype(np.intp).ravel(), depth.ravel())
    return np.where((inside > 0) & (depth > CORE * deepest[labels]), 255, 0).astype(np.uint8)


class KeySampler(Sampler[list[tuple[int, int]]]):
    """Batches of keys of a `SceneDataset`, drawn at random, for ever: each depends on its number alone.

    Args:
        data: what to draw from.
        batch: keys in each.
        seed: of the draws.
        first: number of the first batch: a resumed training goes on with the batch it would have come to.
    """

    def __init__(self, data: SceneDataset, batch: int, seed: int, first: int = 0) -> None:
        self.data, self.batch, self.seed, self.first = data, batch, seed, first

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for number in count(self.first):
            rng = np.random.default_rng([self.seed, number])
            chosen = rng.integers(0, (len(self.data), 1 << 31), (self.batch, 2))
            yield [(int(index), int(draw)) for index, draw in chosen]
