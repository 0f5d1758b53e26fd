"""Whitening makes what varies within classes equal in all directions, and lives in the network's last layers."""

import numpy as np
import pytest
import torch

from ensemble.contract import EMBEDDING_SIZE
from training.networks import EMBEDDERS
from training.whiten import fold_into_head, inverse_root, within_covariance

pytestmark = pytest.mark.slow


def coins(classes: int = 300, views: int = 8) -> np.ndarray:
    """Classes that differ along the second axis, and pictures of one class that differ mostly along the first."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, (0.1, 1.0, 0.1), (classes, 1, 3))
    return centres + rng.normal(0, (2.0, 0.2, 0.5), (classes, views, 3))


def test_covariance_is_about_the_mean_of_each_class() -> None:
    assert np.sqrt(np.diag(within_covariance(coins()))) == pytest.approx([2.0, 0.2, 0.5], rel=0.1)


def test_whitened_coins_vary_alike_in_all_directions() -> None:
    matrix = inverse_root(within_covariance(coins()))
    np.testing.assert_allclose(within_covariance(coins() @ matrix), np.eye(3), atol=1e-9)


def test_whitening_finds_the_right_coin_more_often() -> None:
    rng = np.random.default_rng(0)
    between, within = np.repeat([1.0, 0.0], 8), np.repeat([0.2, 3.0], 8)
    embeddings = rng.normal(size=(100, 1, 16)) * between + rng.normal(size=(100, 8, 16)) * within

    def recall(embeddings: np.ndarray) -> float:
        unit = embeddings / np.linalg.norm(embeddings, axis=2, keepdims=True)
        return float(((unit[:, 1] @ unit[:, 0].T).argmax(1) == np.arange(len(unit))).mean())

    assert recall(embeddings) < 0.2
    assert recall(embeddings @ inverse_root(within_covariance(embeddings))) > 0.6


def test_a_direction_without_variation_stays_finite() -> None:
    matrix = inverse_root(np.diag([1.0, 0.0]), floor=0.01)
    np.testing.assert_allclose(matrix, np.diag([1.0, 10.0]))


def test_the_matrix_is_folded_into_the_head() -> None:
    torch.manual_seed(0)
    network = EMBEDDERS.named("polar_efficientnet_b0").build().eval()
    norm = network.head[1]
    assert isinstance(norm, torch.nn.BatchNorm1d) and norm.running_mean is not None and norm.running_var is not None
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2.0)
    torch.nn.init.normal_(norm.bias)
    matrix = np.random.default_rng(1).normal(size=(EMBEDDING_SIZE, EMBEDDING_SIZE))
    picture = torch.randn(2, 3, 256, 256)
    with torch.no_grad():
        expected = network(picture).numpy() @ matrix.T
        fold_into_head(network, matrix)
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(network(picture).numpy(), expected, atol=1e-4)
