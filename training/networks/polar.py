"""An encoder on the unrolled coin, so that nothing has to be learned about rotation."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ensemble.contract import EMBEDDING_SIZE, IMAGE_SIZE
from training import torchvision_shim  # noqa: F401  before the import below
from training.networks.base import EMBEDDERS, Grid, PolarEmbedder
from training.networks.layers import EDGE_CHANNELS, Edges, Spectrum, even_out, head, start_shallow, unroll, wrap_angles
from training.networks.registry import NetworkError

import timm  # isort: skip


GREY, EDGES, BOTH = "grey", "edges", "both"
STEMS = {GREY: 3, EDGES: EDGE_CHANNELS, BOTH: 3 + EDGE_CHANNELS}  # and how many channels it has


@dataclass(frozen=True)
class PolarSettings:
    """What decides a polar embedder."""

    encoder: str  # by its name in timm
    stem: str = GREY  # what the encoder is given: one of STEMS
    size: int = EMBEDDING_SIZE  # of an embedding, numbers
    reduction: int = 2  # of the coin's 256 px: no finer detail survives the unrolling
    contrast_width: int = 25  # px after the reduction, odd: a fifth of the coin
    contrast_floor: float = 0.1  # of the networks' unit range: a flatter area stays faint
    levels: tuple[int, ...] = (1, 2, 3, 4)  # of the encoder: at 1/4, 1/8, 1/16 and 1/32 of the picture
    branch_width: int = 64  # channels that each level gives to the head
    radii: int = 48  # of the unrolled coin, samples
    angles: int = 160
    bands: int = 3  # of radii that the head tells apart
    harmonics: int = 4  # along the angle that the head tells apart


class Polar(PolarEmbedder):
    """An encoder of timm on the unrolled coin; a linear head over the features of several levels, unit length.

    A coin lies at any angle. Unrolled into polar coordinates, its rotation is a shift along the angle. Every
    convolution wraps round that axis, so the features shift with the coin. The head sees them through `Spectrum`, which
    a shift does not change: nothing has to be learned about rotation, and where things stand on the coin still counts.

    Before that, the features of each level pass a convolution of 1 x 1. Reaching into the earlier levels (deep
    supervision: Lee et al. 2015) lets the network learn from scratch in minutes; with the last level alone it does not
    get started. The linear layer ends in batch normalization (BNNeck: Luo et al. 2019, section 3.5).

    Args:
        settings: see there.
        pretrained: start the encoder from ImageNet weights, fetched from the model hub.

    Raises:
        NetworkError: there is no such stem.
    """

    def __init__(self, settings: PolarSettings, pretrained: bool = False) -> None:
        super().__init__()
        if settings.stem not in STEMS:
            raise NetworkError(f"there is no stem {settings.stem!r}; there are {', '.join(STEMS)}")
        self.settings, self.training_size = settings, IMAGE_SIZE // settings.reduction
        backbone = timm.create_model(
            settings.encoder,
            pretrained=pretrained,
            features_only=True,
            out_indices=settings.levels,
            in_chans=STEMS[settings.stem],
        )
        if not pretrained:
            start_shallow(backbone)
        wrap_angles(backbone)
        info = backbone.feature_info
        self.backbone = backbone
        self.branches = nn.ModuleList(_branch(width, settings.branch_width) for width in info.channels())
        spectra = [
            Spectrum(settings.angles // factor, -(-settings.radii // factor), settings.bands, settings.harmonics)
            for factor in info.reduction()
        ]
        self.spectra = nn.ModuleList(spectra)
        self.width = settings.branch_width * sum(spectrum.size for spectrum in spectra)  # of all levels' spectra
        self.head = head(self.width, settings.size)
        self.edges = Edges()

    def features(self, coin: Tensor) -> Tensor:
        """[B, 3, h, w] normalized coin, already shrunk, to the spectra of all levels [B, n]."""
        return self._spectra_of(coin, (self.settings.radii, self.settings.angles))

    def embed_unrolled(self, coin: Tensor, grid: Grid) -> Tensor:
        """[B, 3, h, w] normalized coin, already shrunk, to [B, EMBEDDING_SIZE] unit vectors, unrolled to `grid`."""
        return functional.normalize(self.head(self._spectra_of(coin, grid)), dim=1)

    def forward(self, coin: Tensor) -> Tensor:
        """[B, 3, H, W] normalized rectified coin to [B, EMBEDDING_SIZE] unit vectors."""
        return self.embed(functional.avg_pool2d(coin, self.settings.reduction))

    def _spectra_of(self, coin: Tensor, grid: Grid) -> Tensor:
        levels = self.backbone(self._stem(coin, grid))
        parts = [
            spectrum(branch(level)) for branch, spectrum, level in zip(self.branches, self.spectra, levels, strict=True)
        ]
        return torch.cat(parts, 1)

    def _stem(self, coin: Tensor, grid: Grid) -> Tensor:
        """What the encoder is given: the coin, its light evened out, its edges without sign, or both, unrolled."""
        parts = []
        if self.settings.stem != EDGES:
            even = even_out(coin, self.settings.contrast_width, self.settings.contrast_floor)
            parts.append(unroll(even, *grid))
        if self.settings.stem != GREY:
            parts.append(self.edges(coin, *grid))
        return torch.cat(parts, 1)


def _branch(width: int, branch_width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(width, branch_width, 1, bias=False), nn.BatchNorm2d(branch_width), nn.ReLU())


EMBEDDERS.register("polar_efficientnet_b0", PolarSettings("efficientnet_b0"), Polar)
