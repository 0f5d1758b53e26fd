"""Fit the head of an embedder by Fisher's discriminant: minutes, no gradients, and little to learn by heart.

    python -m training.fisher --data DATA/crops --out fitted.pt [--network spectral]
    python -m training.fisher --data DATA/crops --out fitted.pt --weights training/runs/embedding/best.pt
    python -m training.fisher --data DATA/crops --out fitted.pt --shipped

Of all projections, it takes those along which classes differ most, over how much pictures of one class differ (Fisher
1936; Rao 1948 for many classes). The covariance within classes is that of augmented training pictures, plus a share of
its mean variance: what hardly varies among renders may vary among photos (regularized: Friedman 1989). Where DATA holds
photos of real coins (`training.crops`, `training.sides`), how they spread has a share of both covariances.

Networks whose features are fixed need nothing else; on a trained network it takes the place of its last layer. With
--network beside --weights or --shipped, that network takes the parameters that it shares with the trained one.

Recall on the held-out classes is printed.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from ensemble.contract import EMBEDDER, IMAGE_SIZE
from training import loop
from training.data import CropDataset
from training.networks import EMBEDDERS, Embedder, Spec
from training.networks.layers import only_shift
from training.train_embedding import Settings, evaluate
from training.weights import kept_spec, load_checkpoint, save_checkpoint, start_from_kept, take

PASSES = 2  # over each picture, augmented in another way each time
SHARE = 4.0  # of the mean variance within classes, that is added to the variance along every direction
PHOTOS_WITHIN, PHOTOS_BETWEEN = 0.2, 0.02  # share of photos in the covariances: they show few coins
ROWS = 2048  # of features, that are multiplied at a time
LEAST = 1e-9  # of the largest variance of the classes' means: directions with less tell nothing apart
EXAMPLES = 64  # pictures on which the normalization of the shipped weights is measured


@dataclass(frozen=True)
class Scatter:
    """How features [n] spread.

    Attributes:
        mean: [n] of the classes' means.
        within: [n, n] covariance about the mean of each class.
        apart: [k, n] how the means of k classes lie apart, scaled so that apart.T @ apart is their covariance.
    """

    mean: np.ndarray
    within: np.ndarray
    apart: np.ndarray

    @classmethod
    def of(cls, classes: Iterable[np.ndarray]) -> "Scatter":
        """Gather it from the features [views, n] of each class, without keeping them.

        Raises:
            ValueError: there are fewer than two classes.
        """
        means, waiting, within, free = [], [], np.zeros(()), 0
        for features in classes:
            means.append(features.mean(axis=0, dtype=np.float64))
            waiting.append((features - means[-1]).astype(np.float32))
            free += len(features) - 1
            if sum(map(len, waiting)) >= ROWS:
                within, waiting = within + _square(waiting), []
        if len(means) < 2:
            raise ValueError(f"there are {len(means)} classes; two are the least that can be told apart")
        within = (within + _square(waiting)) / max(free, 1)
        centre = np.mean(means, axis=0)
        return cls(centre, within, (np.array(means) - centre) / np.sqrt(len(means)))

    def mixed(self, other: "Scatter", within: float, between: float) -> "Scatter":
        """This one, with shares (0 to 1) of another's covariances in place of as much of its own."""
        return Scatter(
            self.mean,
            (1 - within) * self.within + within * other.within,
            np.concatenate([np.sqrt(1 - between) * self.apart, np.sqrt(between) * other.apart]),
        )

    def projection(self, size: int, share: float = SHARE) -> np.ndarray:
        """[n, size]: the directions that tell classes apart best, at unit variance within classes, best first.

        Means of k classes span fewer than k directions; the others are zero.
        """
        floor = share * np.trace(self.within) / len(self.within) * np.eye(len(self.within))
        root = torch.linalg.cholesky(torch.from_numpy(self.within + floor))
        apart = torch.linalg.solve_triangular(root, torch.from_numpy(self.apart.T), upper=False)  # [n, k]
        values, vectors = torch.linalg.eigh(apart.T @ apart)
        best = torch.arange(len(values) - 1, max(len(values) - 1 - size, -1), -1)
        best = best[values[best] > LEAST * values[-1]]
        directions = apart @ vectors[:, best] / torch.sqrt(values[best])
        found = torch.linalg.solve_triangular(root.T, directions, upper=True)
        return np.pad(found.numpy(), ((0, 0), (0, size - len(best))))


def _square(rows: list[np.ndarray]) -> np.ndarray:
    """The product of rows [r, n], in parts, with themselves: [n, n]; zero of none."""
    if not rows:
        return np.zeros(())
    together = np.concatenate(rows)
    return (together.T @ together).astype(np.float64)


@torch.no_grad()
def features_of(network: Embedder, data: CropDataset, labels: Iterable[int], passes: int) -> Iterator[np.ndarray]:
    """Features [pictures, n] of each class with two pictures or more, each picture augmented `passes` times."""
    for label in labels:
        pictures = [data[int(index)][0] for index in data.pictures(label) for _ in range(passes)]
        if len(pictures) > 1:
            parts = torch.stack(pictures).split(EXAMPLES)
            yield torch.cat([network.features(part.to(loop.device())) for part in parts]).cpu().numpy()


def scatter_of(network: Embedder, data: CropDataset, passes: int = PASSES) -> Scatter:
    """How the features of rendered coins spread, and those of photos, where there are some."""
    rendered, photographed = range(data.classes), range(data.room, data.labels)
    scatter = Scatter.of(features_of(network, data, tqdm(rendered, desc="renders", unit="class"), passes))
    if not photographed:
        return scatter
    photos = Scatter.of(features_of(network, data, tqdm(photographed, desc="photos", unit="class"), passes))
    return scatter.mixed(photos, PHOTOS_WITHIN, PHOTOS_BETWEEN)


@torch.no_grad()
def fit(network: Embedder, scatter: Scatter, share: float = SHARE) -> None:
    """Make the projection the network's head, in place; its normalization becomes a plain shift."""
    linear, norm = cast(nn.Linear, network.head[0]), cast(nn.BatchNorm1d, network.head[1])
    weight = scatter.projection(linear.out_features, share).T
    weight /= np.abs(weight).max()  # the length of embeddings does not matter; half precision holds numbers about 1
    linear.weight.copy_(torch.from_numpy(weight))
    only_shift(norm, torch.from_numpy(-weight @ scatter.mean))


def read_network(
    name: str | None, weights: Path | None = None, shipped: Path | None = None, changes: Sequence[str] = ()
) -> tuple[Spec[Embedder], Embedder]:
    """The network to fit, on the CPU, in evaluation mode.

    Args:
        name: of the network; None takes that of the weights, or `spectral` where there are none.
        weights: best.pt of a training.
        shipped: crops for taking the weights in weights/ up again, in place of `weights`.
        changes: of the network's settings, see `training.loop.change`.

    Raises:
        FileNotFoundError, NetworkError: the weights cannot be used.
        ValueError: a change cannot be made.
    """
    given: dict[str, torch.Tensor] = {}
    if weights:
        spec, trained = load_checkpoint(weights, EMBEDDERS)
        given = trained.state_dict()
    elif shipped:
        spec = kept_spec(EMBEDDER)
        trained = spec.build()
        start_from_kept(trained, spec, EMBEDDER, CropDataset(shipped, IMAGE_SIZE, augment=True).spread(EXAMPLES))
        given = trained.state_dict()
    else:
        spec = EMBEDDERS.named(name or "spectral")
    if name not in (None, spec.name):
        spec = EMBEDDERS.named(name)
    spec = replace(spec, settings=loop.change(spec.settings, list(changes)))
    network = spec.build()
    take(network, given)
    return spec, network.eval()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of `training.render crops`")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.pt")
    parser.add_argument("--network", choices=EMBEDDERS.names, help="(that of the weights; without any: spectral)")
    parser.add_argument("--network-set", nargs="+", default=[], metavar="NAME=VALUE", help="change settings of it")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--weights", type=Path, metavar="BEST.pt", help="of a training")
    start.add_argument("--shipped", action="store_true", help="start from the weights in weights/")
    parser.add_argument("--passes", type=int, default=PASSES, help="over each picture (%(default)s)")
    parser.add_argument("--share", type=float, default=SHARE, help="of the mean variance, added (%(default)s)")
    args = parser.parse_args()
    stored = args.data / "train.npy"
    try:
        spec, network = read_network(args.network, args.weights, stored if args.shipped else None, args.network_set)
    except ValueError as error:
        parser.error(str(error))
    loop.place(network).eval()
    train = CropDataset(stored, network.training_size, augment=True, seed=2, photos=args.data / "photos.npy")
    fit(network, scatter_of(network, train, args.passes), args.share)
    held_out = CropDataset(args.data / "test.npy", IMAGE_SIZE, augment=False, seed=1)
    for name, value in evaluate(network, held_out, Settings().queries).items():
        print(f"{name} {value:.4f}")
    save_checkpoint(args.out, spec, network.state_dict())


if __name__ == "__main__":
    main()
