"""Parts that embedders are made of: unrolling a coin, layers that a turn of it shifts or leaves alone, the head."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ensemble.contract import COIN_RADIUS, IMAGE_SIZE
from ensemble.geometry.graphs.relief import edges, grey_weights, relative_to_radius, sobel, turned

EDGE_CHANNELS = 5


def head(features: int, size: int) -> nn.Sequential:
    """A linear layer from [B, features] to [B, size], and its batch normalization."""
    return nn.Sequential(nn.Linear(features, size, bias=False), nn.BatchNorm1d(size))


@torch.no_grad()
def only_shift(norm: nn.BatchNorm1d, shift: Tensor) -> None:
    """Let a normalization in evaluation mode add [n] and do nothing else, in place."""
    assert norm.running_mean is not None and norm.running_var is not None
    norm.running_mean.zero_()
    norm.running_var.fill_(1.0 - norm.eps)
    norm.weight.fill_(1.0)
    norm.bias.copy_(shift)


class Spectrum(nn.Module):
    """Amplitudes of the lowest harmonics along the angle, per channel and band of radii: [B, C, h, w] to [B, C * size].

    The amplitude of a discrete Fourier transform does not change when its input is shifted round the circle (the
    shift theorem); harmonic 0, the mean, is all that average pooling keeps.

    Args:
        angles: w of the network's own grid; smaller pictures in training have fewer.
        radii: h of the network's own grid, pooled into at most `bands` bands.
        bands: of radii, at most.
        harmonics: besides the mean, at most.
    """

    def __init__(self, angles: int, radii: int, bands: int, harmonics: int) -> None:
        super().__init__()
        self.bands, self.harmonics = min(radii, bands), min(harmonics, (angles - 1) // 2)
        self.size = self.bands * (1 + self.harmonics)

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        mean, even, odd = self.waves(features)
        return torch.cat([mean, amplitude(even, odd)], 3).flatten(1)

    def waves(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, C, h, w] to the mean [B, C, bands, 1] and to cosine and sine waves [B, C, bands, harmonics]."""
        h, w = features.shape[2:]
        if h % self.bands:
            features = functional.adaptive_avg_pool2d(features, (self.bands, w))
        else:
            features = functional.avg_pool2d(features, (h // self.bands, 1))
        angle = torch.arange(w, device=features.device) * (2 * torch.pi / w)
        turn = angle[:, None] * torch.arange(1, 1 + self.harmonics, device=features.device)
        even, odd = (features @ (2 / w * wave(turn)) for wave in (torch.cos, torch.sin))
        return features.mean(3, keepdim=True), even, odd


def amplitude(even: Tensor, odd: Tensor) -> Tensor:
    """Of waves with these cosine and sine parts; never quite 0, where a root has no slope."""
    return torch.sqrt(even * even + odd * odd + 1e-6)


class _AngularConv(nn.Module):
    """A convolution that wraps round along the last axis and is padded with zeros along the other."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        rows, self.wrap = (int(side) for side in conv.padding)
        conv.padding = (rows, 0)
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] to [B, C', h', w']."""
        return self.conv(torch.cat([x[..., -self.wrap :], x, x[..., : self.wrap]], 3))


def wrap_angles(backbone: nn.Module) -> None:
    """Make every convolution wider than a pixel wrap round along the last axis, in place."""
    for module in list(backbone.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d) and int(child.padding[1]) > 0:
                setattr(module, name, _AngularConv(child))


def start_shallow(backbone: nn.Module) -> None:
    """Let every residual block begin as the identity (Goyal et al. 2017, section 5.1)."""
    for block in backbone.modules():
        last = getattr(block, "bn3", None)
        if isinstance(last, nn.BatchNorm2d) and getattr(block, "has_skip", False):
            nn.init.zeros_(last.weight)


def even_out(coin: Tensor, width: int, floor: float) -> Tensor:
    """Divide exposure, shading and contrast out of [B, 3, h, w]: relief tells coins apart, light does not.

    Local contrast normalization (Jarrett et al. 2009, section 2.1) of the grey value over a square, plus the colour's
    difference from grey.

    Args:
        coin: the picture.
        width: of the square, px, odd.
        floor: contrast below this is not raised to 1.
    """

    def mean(x: Tensor) -> Tensor:  # one axis after the other: 2 x 25 instead of 25 x 25 terms for the same result
        half = width // 2
        rows = functional.avg_pool2d(x, (width, 1), 1, (half, 0), count_include_pad=False)
        return functional.avg_pool2d(rows, (1, width), 1, (0, half), count_include_pad=False)

    grey = coin.mean(1, keepdim=True)
    centred = grey - mean(grey)
    return centred / torch.sqrt(mean(centred * centred) + floor**2) + (coin - grey)


class Edges(nn.Module):
    """The unrolled edges of a coin, without sign: those of relief maps, so light from the other side leaves them alone.

    Nothing here learns.
    """

    grey: Tensor
    sobel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("grey", grey_weights(1), persistent=False)
        self.register_buffer("sobel", sobel(), persistent=False)

    def forward(self, coin: Tensor, radii: int, angles: int) -> Tensor:
        """[B, 3, h, w] normalized coin to [B, EDGE_CHANNELS, radii, angles], directions relative to the radius."""
        middles = (torch.arange(angles, device=coin.device) + 0.25) * (2 * torch.pi / angles)  # as `unroll` has them
        return relative_to_radius(unroll(edges(coin, self.grey, self.sobel), radii, angles), turned(middles))


def unroll(coin: Tensor, radii: int, angles: int) -> Tensor:
    """[B, C, h, w] coin to polar coordinates [B, C, radii, angles]: centre to rim down, one turn across."""
    radius = (torch.arange(radii, device=coin.device) + 0.5) / radii * (2 * COIN_RADIUS / IMAGE_SIZE)
    turn = torch.arange(2 * angles, device=coin.device) * (torch.pi / angles)
    grid = torch.stack([radius[:, None] * torch.cos(turn), radius[:, None] * torch.sin(turn)], dim=2)
    grid = grid.expand(coin.shape[0], radii, 2 * angles, 2)
    fine = functional.grid_sample(coin, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return functional.avg_pool2d(fine, (1, 2))  # twice the angles, averaged: the rim has more pixels than angles
