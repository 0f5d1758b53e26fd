"""Whether the middle of a picture shows a coin, from what the segmentation's encoder makes of the picture."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ensemble.geometry.rules import ZOOM_MARGIN

STAGE = -2  # of the encoder's features, at a sixteenth of the picture: the coarsest ones hardly vary (LOG, 2026-11-29)
_RADIUS = 1 / ZOOM_MARGIN  # of the coin, over half the picture's side
_UNFITTED = 10.0  # log odds: without an opinion, everything counts as a coin


class CoinHead(nn.Module):
    """Logistic regression on features averaged over the coin's place and over what surrounds it.

    Args:
        channels: of the features of STAGE.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * channels, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.constant_(self.linear.bias, _UNFITTED)

    @staticmethod
    def pool(features: Sequence[Tensor]) -> Tensor:
        """Features of an encoder, the coarsest last, to the regression's input [B, n]."""
        feature = features[STAGE]
        inside = _disc(feature.shape[-2], feature.shape[-1]).to(feature.device)
        return torch.cat([(feature * part).sum((2, 3)) / part.sum() for part in (inside, 1 - inside)], 1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Features of an encoder to [B, 1] log odds."""
        return self.linear(self.pool(features))


def _disc(height: int, width: int) -> Tensor:
    """[height, width]: about 1 where the zoom window shows its coin, else about 0."""
    v, u = ((torch.arange(n) + 0.5) / n * 2 - 1 for n in (height, width))
    return torch.sigmoid((_RADIUS - torch.sqrt(v[:, None] ** 2 + u[None, :] ** 2)) * 2 * width)
