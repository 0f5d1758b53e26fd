"""What every network of a kind can do: what trainings, the fit of the last layer and the export rely on."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from ensemble.contract import EMBEDDER, SEGMENTATION
from training.networks.coin import CoinHead
from training.networks.registry import Registry

Grid = tuple[int, int]  # radii and angles of an unrolled coin, samples


class Segmenter(nn.Module, ABC):
    """Which pixels are coin, and whether the middle of the picture is one.

    Attributes:
        encoder_prefix: with which the names of the encoder's parameters begin; it may start from ImageNet weights.
        coin: gives the probability; `training.fit_coin` fits it when all else is trained.
    """

    encoder_prefix = "encoder."
    coin: CoinHead

    @abstractmethod
    def encode(self, image: Tensor) -> list[Tensor]:
        """[B, 3, H, W] normalized picture to its features, the coarsest last; H and W are multiples of 32."""

    @abstractmethod
    def decode(self, features: list[Tensor]) -> Tensor:
        """Features of `encode` to [B, 2, H, W] log odds: coin, and the core of one."""

    def logits(self, image: Tensor) -> Tensor:
        """[B, 3, H, W] normalized picture to [B, 2, H, W] log odds: coin, and the core of one."""
        return self.decode(self.encode(image))

    def masks(self, image: Tensor) -> Tensor:
        """[B, 3, H, W] normalized picture to [B, 2, H, W] probabilities: coin, and the core of one."""
        return torch.sigmoid(self.logits(image))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """`masks`, and [B, 1] the probability that the middle of the picture shows a coin."""
        features = self.encode(image)
        return torch.sigmoid(self.decode(features)), torch.sigmoid(self.coin(features))


class MasksAlone(nn.Module):
    """A segmenter whose only output is its masks, for the first look at a photo.

    Args:
        network: the segmenter; it is part of this one.
    """

    def __init__(self, network: Segmenter) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """See `Segmenter.masks`."""
        return self.network.masks(image)


class Embedder(nn.Module, ABC):
    """Which coin it is.

    Attributes:
        backbone: the encoder, which may start from ImageNet weights and has a learning rate of its own.
        head: a linear layer and its batch normalization; their output at unit length is the embedding.
        training_size: px, side of the pictures that `embed` is trained on.
    """

    backbone: nn.Module
    head: nn.Sequential
    training_size: int

    @abstractmethod
    def features(self, coin: Tensor) -> Tensor:
        """[B, 3, h, w] normalized coin as in training to the head's input [B, n]."""

    def embed(self, coin: Tensor) -> Tensor:
        """[B, 3, h, w] normalized coin as in training to [B, EMBEDDING_SIZE] unit vectors."""
        return functional.normalize(self.head(self.features(coin)), dim=1)

    @abstractmethod
    def forward(self, coin: Tensor) -> Tensor:
        """[B, 3, IMAGE_SIZE, IMAGE_SIZE] normalized rectified coin to [B, EMBEDDING_SIZE] unit vectors."""

    def other_parameters(self) -> list[nn.Parameter]:
        """All but those of the backbone."""
        return [value for name, value in self.named_parameters() if not name.startswith("backbone.")]


class PolarEmbedder(Embedder):
    """An embedder that unrolls the coin into polar coordinates, and can do so coarsely: training begins coarse."""

    @abstractmethod
    def embed_unrolled(self, coin: Tensor, grid: Grid) -> Tensor:
        """As `embed`, the coin unrolled to `grid` in place of the network's own."""


SEGMENTERS: Registry[Segmenter] = Registry(SEGMENTATION)
EMBEDDERS: Registry[Embedder] = Registry(EMBEDDER)
