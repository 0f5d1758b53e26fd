"""Fit the head of an embedder by Fisher's discriminant: minutes, no gradients, and little to learn by heart.

    python -m training.fisher --data DATA/crops --out fitted.pt [--network spectral]
    python -m training.fisher --data DATA/crops --out fitted.pt --weights training/runs/embedding/best.pt

Of all projections, it takes those along which classes differ most, over how much pictures of one class differ (Fisher
1936; Rao 1948 for many classes). The covariance within classes is that of augmented training pictures, plus a share of
its mean variance: what hardly varies among renders may vary among photos (regularized: Friedman 1989). Networks whose
features are fixed need nothing else; on a trained network it takes the place of its last layer.

Recall on the held-out classes is printed.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from ensemble.contract import IMAGE_SIZE
from training import loop
from training.data import CropDataset
from training.networks import EMBEDDERS, Embedder
from training.networks.layers import only_shift
from training.train_embedding import Settings, evaluate
from training.weights import load_checkpoint, save_checkpoint

PASSES = 2  # over each picture, augmented in another way each time
SHARE = 2.0  # of the mean variance within classes, that is added to the variance along every direction


@dataclass(frozen=True)
class Scatter:
    """How features [n] spread.

    Attributes:
        mean: [n] of the classes' means.
        within: [n, n] covariance about the mean of each class.
        between: [n, n] covariance of these means.
    """

    mean: np.ndarray
    within: np.ndarray
    between: np.ndarray

    @classmethod
    def of(cls, classes: Iterable[np.ndarray]) -> "Scatter":
        """Gather it from the features [views, n] of each class, without keeping them.

        Raises:
            ValueError: there are fewer than two classes.
        """
        means, within, pictures = [], np.zeros(()), 0
        for features in classes:
            mean = features.mean(axis=0, dtype=np.float64)
            apart = features - mean
            within, pictures = within + apart.T @ apart, pictures + len(features) - 1
            means.append(mean)
        if len(means) < 2:
            raise ValueError(f"there are {len(means)} classes; two are the least that can be told apart")
        centre = np.mean(means, axis=0)
        between = np.array(means) - centre
        return cls(centre, within / max(pictures, 1), between.T @ between / len(means))

    def projection(self, size: int, share: float = SHARE) -> np.ndarray:
        """[n, size]: the directions that tell classes apart best, at unit variance within classes, best first."""
        floor = share * np.trace(self.within) / len(self.within) * np.eye(len(self.within))
        whitening = np.linalg.inv(np.linalg.cholesky(self.within + floor))
        _, directions = np.linalg.eigh(whitening @ self.between @ whitening.T)
        return np.asarray(whitening.T @ directions[:, ::-1][:, :size])


@torch.no_grad()
def features_of(network: Embedder, data: CropDataset, passes: int) -> Iterable[np.ndarray]:
    """Features [pictures, n] of each class with two pictures or more, each picture augmented `passes` times."""
    rendered = range(data.classes)
    for label in tqdm([*rendered, *range(data.room, data.labels)], desc="classes"):
        pictures = [data[int(index)][0] for index in data.pictures(label) for _ in range(passes)]
        if len(pictures) > 1:
            yield network.features(torch.stack(pictures).to(loop.device())).cpu().numpy()


@torch.no_grad()
def fit(network: Embedder, scatter: Scatter, share: float = SHARE) -> None:
    """Make the projection the network's head, in place; its normalization becomes a plain shift."""
    linear, norm = cast(nn.Linear, network.head[0]), cast(nn.BatchNorm1d, network.head[1])
    weight = scatter.projection(linear.out_features, share).T
    weight /= np.abs(weight).max()  # the length of embeddings does not matter; half precision holds numbers about 1
    linear.weight.copy_(torch.from_numpy(weight))
    only_shift(norm, torch.from_numpy(-weight @ scatter.mean))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of `training.render crops`")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.pt")
    parser.add_argument("--network", choices=EMBEDDERS.names, default="spectral", help="(%(default)s)")
    parser.add_argument("--weights", type=Path, help="best.pt of a training, in place of --network")
    parser.add_argument("--passes", type=int, default=PASSES, help="over each picture (%(default)s)")
    parser.add_argument("--share", type=float, default=SHARE, help="of the mean variance, added (%(default)s)")
    args = parser.parse_args()
    if args.weights:
        spec, network = load_checkpoint(args.weights, EMBEDDERS)
    else:
        spec = EMBEDDERS.named(args.network)
        network = spec.build()
    loop.place(network).eval()
    photos = args.data / "photos.npy"
    train = CropDataset(args.data / "train.npy", network.training_size, augment=True, seed=2, photos=photos)
    fit(network, Scatter.of(features_of(network, train, args.passes)), args.share)
    held_out = CropDataset(args.data / "test.npy", IMAGE_SIZE, augment=False, seed=1)
    for name, value in evaluate(network, held_out, Settings().queries).items():
        print(f"{name} {value:.4f}")
    save_checkpoint(args.out, spec, network.state_dict())


if __name__ == "__main__":
    main()
