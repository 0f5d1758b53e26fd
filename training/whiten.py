"""Whiten a trained embedding: differences between pictures of one coin count less, at no cost in the server.

    python -m training.whiten --data DATA/crops --weights training/runs/embedding/best.pt --out whitened.pt

Light, wear and camera move an embedding further along some directions than along others. Multiplied by the inverse
root of the covariance within classes, it moves equally far along all of them, so that cosine compares the coins
(Mikolajczyk and Matas 2007; as a step after training: Radenović et al. 2018, section 3.5). The product is folded into
the network's last layers. The covariance is measured on augmented training pictures; recall@k on the held-out classes
is reported before and after.
"""

import argparse
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

CLASSES, VIEWS = 400, 6  # for measuring the covariance
FLOOR = 1e-3  # of the largest variance: directions with less are taken for noise


def within_covariance(embeddings: np.ndarray) -> np.ndarray:
    """Covariance [n, n] of [classes, views, n] about the mean of each class."""
    classes, views, n = embeddings.shape
    deviation = (embeddings - embeddings.mean(axis=1, keepdims=True)).reshape(-1, n).astype(np.float64)
    return deviation.T @ deviation / (classes * (views - 1))


def inverse_root(covariance: np.ndarray, floor: float = FLOOR) -> np.ndarray:
    """Symmetric [n, n] whose product with vectors of this covariance has unit covariance."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors @ np.diag(np.maximum(values, floor * values.max()) ** -0.5) @ vectors.T


@torch.no_grad()
def fold_into_head(network: Embedder, matrix: np.ndarray) -> None:
    """Multiply the embedding by a matrix [n, n] before it is brought to unit length, in place.

    The normalization after the linear layer becomes a plain shift. Meant for a network whose training is over.
    """
    linear, norm = cast(nn.Linear, network.head[0]), cast(nn.BatchNorm1d, network.head[1])
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    product = torch.from_numpy(matrix / np.abs(matrix).max()).to(linear.weight)
    shift = product @ (norm.bias - scale * norm.running_mean)
    linear.weight.copy_(product @ (scale[:, None] * linear.weight))
    only_shift(norm, shift)


@torch.no_grad()
def embed_views(network: nn.Module, data: CropDataset, classes: int, views: int) -> np.ndarray:
    """[classes, views, EMBEDDING_SIZE] embeddings of augmented pictures, of classes spread over the whole set."""
    chosen = np.linspace(0, data.classes - 1, min(classes, data.classes)).astype(int)
    views = min(views, data.views)
    embeddings = []
    for label in tqdm(chosen, desc="coins"):
        coins = torch.stack([data.coin(int(label), view) for view in range(views)])
        embeddings.append(network(coins.to(loop.device())).cpu().numpy())
    return np.stack(embeddings)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of `training.render crops`")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    spec, network = load_checkpoint(args.weights, EMBEDDERS)
    loop.place(network)
    held_out = CropDataset(args.data / "test.npy", IMAGE_SIZE, augment=False, seed=1)
    train = CropDataset(args.data / "train.npy", IMAGE_SIZE, augment=True, seed=2)
    queries = Settings().queries
    before = evaluate(network, held_out, queries)
    covariance = within_covariance(embed_views(network, train, CLASSES, VIEWS))
    fold_into_head(network, inverse_root(covariance))
    after = evaluate(network, held_out, queries)
    for name, value in before.items():
        print(f"{name} {value:.4f}, whitened {after[name]:.4f}")
    save_checkpoint(args.out, spec, network.state_dict())


if __name__ == "__main__":
    main()
