"""Find the cosine from which a match counts as known, on classes never trained on.

python -m training.threshold --data DATA --weights training/runs/embedding/best.pt

Every query is asked twice: of a catalog that holds its class, and of one that lacks it. At the printed threshold, the
share of the first that is refused equals the share of the second that is accepted.
"""

import argparse
import re
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ensemble.contract import IMAGE_SIZE
from training import loop
from training.data import CropDataset
from training.networks import EMBEDDERS
from training.weights import load_checkpoint


def top_scores(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best cosines with and without the right class.

    Args:
        scores: [views, classes, classes], of each query against each catalog picture; the right one on the diagonal.

    Returns:
        known [N] and unknown [N], N = views * classes.
    """
    classes = scores.shape[-1]
    others = np.where(np.eye(classes, dtype=bool), -np.inf, scores)
    return scores.max(axis=2).ravel(), others.max(axis=2).ravel()


def equal_error(known: np.ndarray, unknown: np.ndarray) -> tuple[float, float]:
    """Threshold where the share of known scores below it is nearest to that of the unknown others; mean of both."""
    candidates = np.unique(np.concatenate([known, unknown]))
    refused = np.searchsorted(np.sort(known), candidates) / len(known)
    accepted = 1 - np.searchsorted(np.sort(unknown), candidates) / len(unknown)
    best = int(np.argmin(np.abs(refused - accepted)))
    return float(candidates[best]), float((refused[best] + accepted[best]) / 2)


def read_threshold(report: str) -> float:
    """The threshold in what this command printed.

    Raises:
        ValueError: there is none.
    """
    found = re.search(r"known_threshold (-?[\d.]+):", report)
    if found is None:
        raise ValueError(f"no known_threshold in {report!r}")
    return float(found[1])


@torch.no_grad()
def embed(network: nn.Module, data: CropDataset, view: int) -> np.ndarray:
    """[classes, EMBEDDING_SIZE] unit vectors of one view of every class."""
    coins = [data.coin(label, view) for label in range(data.classes)]
    return np.concatenate([network(torch.stack(coins[i : i + 32])).numpy() for i in range(0, len(coins), 32)])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of `training.render crops`")
    parser.add_argument("--weights", type=Path, default=loop.RUNS / "embedding" / "best.pt")
    args = parser.parse_args()
    _, network = load_checkpoint(args.weights, EMBEDDERS)
    data = CropDataset(args.data / "test.npy", IMAGE_SIZE, augment=False, seed=1)
    catalog = embed(network, data, 0)
    scores = np.stack([embed(network, data, view) @ catalog.T for view in range(1, data.views)])
    threshold, error = equal_error(*top_scores(scores))
    print(f"known_threshold {threshold:.3f}: {error:.1%} of known coins refused, as many unknown ones accepted")


if __name__ == "__main__":
    main()
