"""No convolution that learns: how strongly each ring of the coin swings, and a linear projection of it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ensemble.contract import EMBEDDING_SIZE, IMAGE_SIZE
from training.networks.base import EMBEDDERS, Embedder
from training.networks.layers import EDGE_CHANNELS, Edges, Spectrum, head

_LEAST = 1e-6  # a power has no slope at 0


@dataclass(frozen=True)
class EdgeSettings:
    """What decides the spectrum of a coin's edges."""

    radii: int = 24  # of the unrolled coin, samples
    angles: int = 128
    bands: int = 12  # of radii
    harmonics: int = 24  # along the angle
    power: float = 0.85  # of an amplitude: strong edges count less


class EdgeSpectrum(nn.Module):
    """Amplitudes of a coin's edges, as shares of all of them: [B, 3, h, w] to [B, size].

    A turn of the coin changes the phases of its rings alone. Nothing here learns.

    Args:
        settings: see there.
    """

    def __init__(self, settings: EdgeSettings) -> None:
        super().__init__()
        self.settings, self.edges = settings, Edges()
        self.spectrum = Spectrum(settings.angles, settings.radii, settings.bands, settings.harmonics)
        self.size = EDGE_CHANNELS * self.spectrum.size

    def forward(self, coin: Tensor) -> Tensor:
        """[B, 3, h, w] normalized coin, already shrunk, to [B, size], each about of unit length."""
        amplitudes = self.spectrum(self.edges(coin, self.settings.radii, self.settings.angles))
        share = functional.normalize(amplitudes, dim=1)
        return torch.sign(share) * (share.abs() + _LEAST) ** self.settings.power


@dataclass(frozen=True)
class SpectralSettings(EdgeSettings):
    """What decides a spectral embedder."""

    size: int = EMBEDDING_SIZE  # of an embedding, numbers
    reduction: int = 2  # of the coin's 256 px


class Spectral(Embedder):
    """The spectrum of a coin's edges, then a linear layer, unit length. `training.fisher` fits the linear layer.

    Args:
        settings: see there.
        pretrained: makes no difference.
    """

    def __init__(self, settings: SpectralSettings, pretrained: bool = False) -> None:
        super().__init__()
        self.settings, self.training_size = settings, IMAGE_SIZE // settings.reduction
        self.backbone = nn.Identity()  # nothing but the head learns
        self.spectrum = EdgeSpectrum(settings)
        self.head = head(self.spectrum.size, settings.size)

    def features(self, coin: Tensor) -> Tensor:
        """See `Embedder`."""
        features: Tensor = self.spectrum(coin)
        return features

    def forward(self, coin: Tensor) -> Tensor:
        """See `Embedder`."""
        return self.embed(functional.avg_pool2d(coin, self.settings.reduction))


EMBEDDERS.register("spectral", SpectralSettings(), Spectral)
