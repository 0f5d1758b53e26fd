"""What an encoder sees of the unrolled coin, and the spectrum of the coin's edges beside it, under one head."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from training.networks.base import EMBEDDERS, Grid
from training.networks.layers import head
from training.networks.polar import Polar, PolarSettings
from training.networks.spectral import EdgeSettings, EdgeSpectrum


@dataclass(frozen=True)
class PolarEdgesSettings(PolarSettings):
    """What decides a polar embedder with edges beside it."""

    beside: EdgeSettings = field(default_factory=EdgeSettings)
    beside_weight: float = 30.0  # of the edges' spectrum: its numbers then vary four times as far as the encoder's


class PolarEdges(Polar):
    """A polar embedder whose head also sees the spectrum of the edges without sign.

    The encoder learns what renders have in common with photos, and what they have not; the edges are not learned, so
    they hold for photos as they do for renders. All parameters but the head's are those of the polar embedder.

    Args:
        settings: see there.
        pretrained: see `Polar`.
    """

    def __init__(self, settings: PolarEdgesSettings, pretrained: bool = False) -> None:
        super().__init__(settings, pretrained)
        self.beside_weight, self.beside = settings.beside_weight, EdgeSpectrum(settings.beside)
        self.head = head(self.width + self.beside.size, settings.size)

    def _spectra_of(self, coin: Tensor, grid: Grid) -> Tensor:
        return torch.cat([super()._spectra_of(coin, grid), self.beside_weight * self.beside(coin)], 1)


EMBEDDERS.register("polar_edges_efficientnet_b0", PolarEdgesSettings("efficientnet_b0"), PolarEdges)
