"""No convolution that learns: how strongly each ring of the coin swings, and a linear projection of it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ensemble.contract import EMBEDDING_SIZE, IMAGE_SIZE
from training.networks.base import EMBEDDERS, Embedder
from training.networks.layers import EDGE_CHANNELS, Edges, Spectrum, amplitude, head

_LEAST = 1e-6  # a power has no slope at 0


@dataclass(frozen=True)
class EdgeSettings:
    """What decides the spectrum of a coin's edges."""

    radii: int = 24  # of the unrolled coin, samples
    angles: int = 128
    bands: int = 12  # of radii
    harmonics: int = 24  # along the angle
    power: float = 0.85  # of an amplitude: strong edges count less
    across: int = 2  # bands further out that the phases of a band are compared with
    across_weight: float = 0.4  # of these comparisons beside the amplitudes


class EdgeSpectrum(nn.Module):
    """Waves of a coin's edges along the angle, as shares of all of them: [B, 3, h, w] to [B, size].

    A turn of the coin changes the phases of all its bands by the same angle. So the amplitudes stay, and so do the
    differences of phase between bands: the product of a wave with the conjugate of another (cross-spectrum). Nothing
    here learns.

    Args:
        settings: see there.
    """

    def __init__(self, settings: EdgeSettings) -> None:
        super().__init__()
        self.settings, self.edges = settings, Edges()
        self.spectrum = Spectrum(settings.angles, settings.radii, settings.bands, settings.harmonics)
        pairs = sum(self.spectrum.bands - distance for distance in self._distances())
        self.size = EDGE_CHANNELS * (self.spectrum.size + 2 * pairs * self.spectrum.harmonics)

    def forward(self, coin: Tensor) -> Tensor:
        """[B, 3, h, w] normalized coin, already shrunk, to [B, size], the amplitudes about of unit length."""
        mean, even, odd = self.spectrum.waves(self.edges(coin, self.settings.radii, self.settings.angles))
        strength = amplitude(even, odd)
        own = torch.cat([mean, strength], 3).flatten(1)
        share = functional.normalize(own, dim=1)
        bent = torch.sign(share) * (share.abs() + _LEAST) ** self.settings.power
        if not self.settings.across:
            return bent
        length = own.norm(dim=1)[:, None, None, None]
        # The root of each wave's strength, so that the product of two is as strong as one.
        root = (strength / length + _LEAST) ** (self.settings.power / 2) / strength
        return torch.cat([bent, self.settings.across_weight * self._across(even * root, odd * root)], 1)

    def _distances(self) -> range:
        return range(1, 1 + min(self.settings.across, self.spectrum.bands - 1))

    def _across(self, even: Tensor, odd: Tensor) -> Tensor:
        """Products of the waves of each band with the conjugates of those further in: [B, n] from [B, C, bands, H]."""
        products = []
        for distance in self._distances():
            (even_in, even_out), (odd_in, odd_out) = ((x[:, :, :-distance], x[:, :, distance:]) for x in (even, odd))
            products += [even_out * even_in + odd_out * odd_in, odd_out * even_in - even_out * odd_in]
        return torch.cat([product.flatten(1) for product in products], 1)


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
