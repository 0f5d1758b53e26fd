"""No convolution that learns: how strongly each ring of the coin swings, and a linear projection of it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ensemble.contract import EMBEDDING_SIZE, IMAGE_SIZE
from ensemble.geometry.graphs.relief import edges, grey_weights, relative_to_radius, sobel, turned
from training.networks.base import EMBEDDERS, Embedder
from training.networks.layers import Spectrum, head, unroll

_LEAST = 1e-6  # a power has no slope at 0


@dataclass(frozen=True)
class SpectralSettings:
    """What decides a spectral embedder."""

    size: int = EMBEDDING_SIZE  # of an embedding, numbers
    reduction: int = 2  # of the coin's 256 px
    radii: int = 24  # of the unrolled coin, samples
    angles: int = 128
    bands: int = 12  # of radii
    harmonics: int = 24  # along the angle
    power: float = 0.85  # of an amplitude: strong edges count less


class Spectral(Embedder):
    """Amplitudes of the unrolled edges without sign, over all of a coin's, then a linear layer, unit length.

    The edges are those of relief maps: light from the other side leaves them as they are. A turn of the coin changes
    the phases of its rings alone. `training.fisher` fits the linear layer.

    Args:
        settings: see there.
        pretrained: makes no difference.
    """

    def __init__(self, settings: SpectralSettings, pretrained: bool = False) -> None:
        super().__init__()
        self.settings, self.training_size = settings, IMAGE_SIZE // settings.reduction
        self.backbone = nn.Identity()  # nothing but the head learns
        self.register_buffer("grey", grey_weights(1), persistent=False)
        self.register_buffer("sobel", sobel(), persistent=False)
        self.spectrum = Spectrum(settings.angles, settings.radii, settings.bands, settings.harmonics)
        middles = (torch.arange(settings.angles) + 0.25) * (2 * torch.pi / settings.angles)  # as `unroll` has them
        self.register_buffer("turned", turned(middles), persistent=False)
        self.head = head(5 * self.spectrum.size, settings.size)

    def features(self, coin: Tensor) -> Tensor:
        """See `Embedder`."""
        seen = edges(coin, self.get_buffer("grey"), self.get_buffer("sobel"))
        rings = unroll(seen, self.settings.radii, self.settings.angles)
        amplitudes = self.spectrum(relative_to_radius(rings, self.get_buffer("turned")))
        share = functional.normalize(amplitudes, dim=1)
        return torch.sign(share) * (share.abs() + _LEAST) ** self.settings.power

    def forward(self, coin: Tensor) -> Tensor:
        """See `Embedder`."""
        return self.embed(functional.avg_pool2d(coin, self.settings.reduction))


EMBEDDERS.register("spectral", SpectralSettings(), Spectral)
