"""The two trained networks: which pixels are coin, and which coin it is."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ensemble.contract import COIN_RADIUS, EMBEDDING_SIZE, IMAGE_SIZE
from training import torchvision_shim  # noqa: F401  before the two imports below

import segmentation_models_pytorch as smp  # isort: skip
import timm  # isort: skip
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoderBlock  # isort: skip

REDUCTION = 2  # of the coin's 256 px: no finer detail survives the unrolling
CONTRAST_WIDTH = 25  # px after the reduction, odd: a fifth of the coin
STAGES = (1, 2, 3, 4)  # of EfficientNet: at 1/4, 1/8, 1/16 and 1/32 of the picture
BRANCH_WIDTH = 64  # channels that each stage gives to the head
RADII, ANGLES = 48, 160  # of the unrolled coin, samples
BANDS, HARMONICS = 3, 4  # of radii and along the angle, that the head tells apart
CONTRAST_FLOOR = 0.1  # of the networks' unit range: what is flatter than this stays faint


class Segmenter(nn.Module):
    """U-Net (Ronneberger et al. 2015) on EfficientNet-b4 (Tan and Le 2019).

    Args:
        pretrained: start the encoder from ImageNet weights, fetched from the model hub.

    """

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__()
        self.unet = smp.Unet("efficientnet-b4", encoder_weights="imagenet" if pretrained else None)
        # The encoder's classification head takes part in no output.
        for name in ("_conv_head", "_bn1"):
            setattr(self.unet.encoder, name, nn.Identity())
        for block in self.unet.decoder.blocks:
            block.__class__ = _DoublingBlock

    def logits(self, image: Tensor) -> Tensor:
        """[B, 3, H, W] normalized picture to [B, 1, H, W] log odds; H and W are multiples of 32."""
        return self.unet(image)

    def forward(self, image: Tensor) -> Tensor:
        """[B, 3, H, W] normalized picture to [B, 1, H, W] probability that a pixel is coin."""
        return torch.sigmoid(self.logits(image))


class _DoublingBlock(UnetDecoderBlock):
    """A block of the decoder that doubles its input, where smp's own asks the encoder's features for the size.

    That is the same, but says nothing about the picture's size: one exported graph serves pictures of any.
    """

    def forward(
        self, feature_map: Tensor, target_height: int, target_width: int, skip_connection: Tensor | None = None
    ) -> Tensor:
        """[B, C, h, w] and the encoder's [B, C', 2h, 2w] to [B, C'', 2h, 2w]."""
        doubled = functional.interpolate(feature_map, scale_factor=2.0, mode="nearest")
        parts = [doubled] if skip_connection is None else [doubled, skip_connection]
        return self.conv2(self.conv1(torch.cat(parts, 1)))


class Embedder(nn.Module):
    """EfficientNet-b0 on the unrolled coin; a linear head over the features of four of its stages, unit length.

    A coin lies at any angle. Unrolled into polar coordinates its rotation is a shift along the angle. Every
    convolution wraps round that axis, so the features shift with the coin, and the head sees them through `Spectrum`,
    which a shift leaves as it is: nothing has to be learned about rotation, and where things stand on the coin still
    counts.

    Each stage's features pass a convolution of 1 x 1 before that. Reaching into the earlier stages (deep supervision:
    Lee et al. 2015) lets the network learn from scratch in minutes where the last stage alone stands still. The linear
    layer ends in batch normalization (BNNeck: Luo et al. 2019, section 3.5).

    Args:
        pretrained: start the backbone from ImageNet weights, fetched from the model hub.
    """

    reduction = REDUCTION

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__()
        self.backbone = timm.create_model(
            "efficientnet_b0", pretrained=pretrained, features_only=True, out_indices=STAGES
        )
        if not pretrained:
            _start_shallow(self.backbone)
        _wrap_angles(self.backbone)
        widths = self.backbone.feature_info.channels()
        self.branches = nn.ModuleList(_branch(width) for width in widths)
        spectra = [
            Spectrum(ANGLES // reduction, -(-RADII // reduction))
            for reduction in self.backbone.feature_info.reduction()
        ]
        self.spectra = nn.ModuleList(spectra)
        size = BRANCH_WIDTH * sum(spectrum.size for spectrum in spectra)
        self.head = _head(size)

    def embed(self, small: Tensor, grid: tuple[int, int] = (RADII, ANGLES)) -> Tensor:
        """[B, 3, h, w] coin already reduced to [B, 64] unit vectors; training renders at this size directly.

        grid: radii and angles to unroll to; training begins with fewer.
        """
        stages = self.backbone(unroll(even_out(small), *grid))
        parts = [
            spectrum(branch(stage)) for branch, spectrum, stage in zip(self.branches, self.spectra, stages, strict=True)
        ]
        return functional.normalize(self.head(torch.cat(parts, 1)), dim=1)

    def forward(self, coin: Tensor) -> Tensor:
        """[B, 3, H, W] normalized rectified coin to [B, 64] unit vectors."""
        return self.embed(functional.avg_pool2d(coin, REDUCTION))


class PublishedEmbedder(nn.Module):
    """EfficientNet-b0 on the coin as it is cut; a linear head over its pooled last features, unit length.

    What the published recipe trains; `Embedder` is what measures better.

    Args:
        pretrained: start the backbone from ImageNet weights, fetched from the model hub.
    """

    reduction = 1

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__()
        self.backbone = timm.create_model("efficientnet_b0", pretrained=pretrained, num_classes=0)
        self.branches = nn.ModuleList()
        self.head = _head(self.backbone.num_features)

    def embed(self, coin: Tensor, grid: tuple[int, int] = (RADII, ANGLES)) -> Tensor:
        """[B, 3, h, w] normalized rectified coin to [B, 64] unit vectors; there is no grid to unroll to."""
        del grid
        return functional.normalize(self.head(self.backbone(coin)), dim=1)

    def forward(self, coin: Tensor) -> Tensor:
        """[B, 3, H, W] normalized rectified coin to [B, 64] unit vectors."""
        return self.embed(coin)


def embedder_with(parameters: Iterable[str]) -> Embedder | PublishedEmbedder:
    """The network that parameters of these names belong to, untrained."""
    return Embedder() if any(name.startswith("branches.") for name in parameters) else PublishedEmbedder()


class Spectrum(nn.Module):
    """Amplitudes of the lowest harmonics along the angle, per channel and band of radii: [B, C, h, w] to [B, C * size].

    The amplitude of a discrete Fourier transform does not change when its input is shifted round the circle (the
    shift theorem); harmonic 0, the mean, is all that average pooling keeps.

    Args:
        angles: w at the serving size; smaller pictures in training have fewer.
        radii: h at the serving size, pooled into at most BANDS bands.
    """

    def __init__(self, angles: int, radii: int) -> None:
        super().__init__()
        self.bands, self.harmonics = min(radii, BANDS), min(HARMONICS, (angles - 1) // 2)
        self.size = self.bands * (1 + self.harmonics)

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        h, w = features.shape[2:]
        if h % self.bands:
            features = functional.adaptive_avg_pool2d(features, (self.bands, w))
        else:
            features = functional.avg_pool2d(features, (h // self.bands, 1))
        angle = torch.arange(w, device=features.device) * (2 * torch.pi / w)
        turn = angle[:, None] * torch.arange(1, 1 + self.harmonics, device=features.device)
        even, odd = (features @ (2 / w * wave(turn)) for wave in (torch.cos, torch.sin))
        amplitude = torch.sqrt(even * even + odd * odd + 1e-6)  # a root has no slope at 0
        return torch.cat([features.mean(3, keepdim=True), amplitude], 3).flatten(1)


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


def _wrap_angles(backbone: nn.Module) -> None:
    """Put _AngularConv in the place of every convolution wider than a pixel."""
    for module in list(backbone.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d) and int(child.padding[1]) > 0:
                setattr(module, name, _AngularConv(child))


def _head(size: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size, EMBEDDING_SIZE, bias=False), nn.BatchNorm1d(EMBEDDING_SIZE))


def _branch(width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(width, BRANCH_WIDTH, 1, bias=False), nn.BatchNorm2d(BRANCH_WIDTH), nn.ReLU())


def _start_shallow(backbone: nn.Module) -> None:
    """Let every residual block begin as the identity (Goyal et al. 2017, section 5.1)."""
    for block in backbone.modules():
        last = getattr(block, "bn3", None)
        if isinstance(last, nn.BatchNorm2d) and getattr(block, "has_skip", False):
            nn.init.zeros_(last.weight)


def even_out(coin: Tensor) -> Tensor:
    """Divide exposure, shading and contrast out of [B, 3, h, w]: relief tells coins apart, light does not.

    Local contrast normalization (Jarrett et al. 2009, section 2.1) of the grey value over a square, plus the colour's
    difference from grey.
    """

    def mean(x: Tensor) -> Tensor:  # one axis after the other: 2 x 25 instead of 25 x 25 terms for the same result
        half = CONTRAST_WIDTH // 2
        rows = functional.avg_pool2d(x, (CONTRAST_WIDTH, 1), 1, (half, 0), count_include_pad=False)
        return functional.avg_pool2d(rows, (1, CONTRAST_WIDTH), 1, (0, half), count_include_pad=False)

    grey = coin.mean(1, keepdim=True)
    centred = grey - mean(grey)
    return centred / torch.sqrt(mean(centred * centred) + CONTRAST_FLOOR**2) + (coin - grey)


def unroll(coin: Tensor, radii: int = RADII, angles: int = ANGLES) -> Tensor:
    """[B, C, h, w] coin to polar coordinates [B, C, radii, angles]: centre to rim down, one turn across."""
    radius = (torch.arange(radii, device=coin.device) + 0.5) / radii * (2 * COIN_RADIUS / IMAGE_SIZE)
    turn = torch.arange(2 * angles, device=coin.device) * (torch.pi / angles)
    grid = torch.stack([radius[:, None] * torch.cos(turn), radius[:, None] * torch.sin(turn)], dim=2)
    grid = grid.expand(coin.shape[0], radii, 2 * angles, 2)
    fine = functional.grid_sample(coin, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return functional.avg_pool2d(fine, (1, 2))  # twice the angles, averaged: the rim has more pixels than angles
