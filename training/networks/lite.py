"""A small U-Net on an EfficientNet-Lite: which pixels are coin, at a sixth of the published network's cost."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ensemble.contract import MASK
from training import torchvision_shim  # noqa: F401  before the import below
from training.networks.base import SEGMENTERS, Segmenter
from training.networks.coin import STAGE, CoinHead
from training.networks.imagenet import imagenet_weights

import timm  # isort: skip


@dataclass(frozen=True)
class LiteUNetSettings:
    """What decides a U-Net on an EfficientNet-Lite."""

    encoder: str  # efficientnet_lite0, 1 or 2
    widths: tuple[int, ...] = (96, 64, 32, 16)  # channels of the decoder at 1/16, 1/8, 1/4 and 1/2 of the picture
    normalized: int = 0  # last stages of the encoder whose batch normalization learns its statistics


class LiteUNet(Segmenter):
    """U-Net (Ronneberger et al. 2015) on an EfficientNet-Lite, an EfficientNet without what int8 does badly.

    Convolutions of 1 x 1 bring what comes from below and from the side to the level's width, and the two are added:
    that costs half of a convolution over both side by side. The decoder ends at half the picture's size; its last
    convolution gives the log odds of four pixels a place (sub-pixel convolution: Shi et al. 2016, section 3.2).

    The encoder's batch normalization keeps ImageNet's statistics, except in its last stages where the settings say so:
    batches of a few large pictures have poor ones. What keeps them may drift until its activations are saturated.

    Args:
        settings: see there.
        pretrained: start the encoder from ImageNet weights, see `training.networks.imagenet`.
    """

    def __init__(self, settings: LiteUNetSettings, pretrained: bool = False) -> None:
        super().__init__()
        encoder = timm.create_model(f"tf_{settings.encoder}", features_only=True)
        if pretrained:
            depths = [len(stage) for stage in encoder.blocks]
            encoder.load_state_dict(imagenet_weights(settings.encoder, depths))
        _pad_by_constants(encoder)
        channels = encoder.feature_info.channels()[::-1]
        below = [channels[0], *settings.widths]
        self.settings, self.encoder = settings, encoder
        self.decoder = nn.ModuleList(
            _Up(*widths) for widths in zip(below[:-1], channels[1:], settings.widths, strict=True)
        )
        self.head = nn.Conv2d(settings.widths[-1], 4 * MASK.dims[0], 3, padding=1)
        self.coin = CoinHead(channels[::-1][STAGE])

    def train(self, mode: bool = True) -> "LiteUNet":
        """As for every module, but most of the encoder's normalization stays as in evaluation."""
        super().train(mode)
        for module in self.encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        for stage in self._last_stages(self.settings.normalized):
            stage.train(mode)
        return self

    def _last_stages(self, count: int) -> list[nn.Module]:
        stages = list(self.encoder.blocks)
        return stages[len(stages) - count :]

    @torch.no_grad()
    def renew(self, stages: int, example: Tensor) -> None:
        """Start the encoder's last stages from ImageNet weights again; what the network answers hardly changes.

        The decoder takes the mean of what the old ones said in place of what the new ones say, and learns to listen.

        Args:
            stages: how many; the first of them halves the picture, and the decoder takes what the last one makes.
            example: [B, 3, H, W] normalized pictures, on which the mean is measured.
        """
        mean = self.eval().encode(example)[-1].mean((0, 2, 3))
        below = cast(_Up, self.decoder[0]).below
        assert below.bias is not None
        below.bias += below.weight[:, :, 0, 0] @ mean
        below.weight.zero_()
        given = imagenet_weights(self.settings.encoder, [len(stage) for stage in self.encoder.blocks])
        for number, stage in enumerate(self.encoder.blocks):
            if number >= len(self.encoder.blocks) - stages:
                own = [*stage.state_dict()]
                padded = {name: name.replace(".conv.weight", ".weight") for name in own}  # of a convolution that halves
                stage.load_state_dict({name: given[f"blocks.{number}.{padded[name]}"] for name in own})

    def encode(self, image: Tensor) -> list[Tensor]:
        """See `Segmenter`."""
        return list(self.encoder(image))

    def decode(self, features: list[Tensor]) -> Tensor:
        """See `Segmenter`."""
        *skips, x = features
        for up, skip in zip(self.decoder, reversed(skips), strict=True):
            x = up(x, skip)
        return functional.pixel_shuffle(self.head(x), 2)


class _Up(nn.Module):
    """One level of the decoder: [B, below, h, w] and [B, skip, 2h, 2w] to [B, width, 2h, 2w]."""

    def __init__(self, below: int, skip: int, width: int) -> None:
        super().__init__()
        self.below, self.skip = nn.Conv2d(below, width, 1), nn.Conv2d(skip, width, 1, bias=False)
        self.convs = nn.Sequential(*(layer for _ in range(2) for layer in _convolution(width)))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """See the class."""
        return self.convs(functional.interpolate(self.below(x), scale_factor=2.0, mode="nearest") + self.skip(skip))


def _convolution(width: int) -> list[nn.Module]:
    return [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU6()]


class _HalvingConv(nn.Module):
    """A convolution of stride 2, padded as TensorFlow pads pictures of even size: one more on the right and below.

    timm's own asks the picture for its size, and the graph would hold that size.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        size = int(conv.kernel_size[0])
        before = (size - 2) // 2
        self.padding = (before, size - 2 - before) * 2
        self.conv = nn.Conv2d(conv.in_channels, conv.out_channels, size, 2, groups=conv.groups, bias=False)
        self.conv.weight = conv.weight

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] to [B, C', h / 2, w / 2]."""
        return self.conv(functional.pad(x, self.padding))


def _pad_by_constants(encoder: nn.Module) -> None:
    """Replace every convolution that computes its padding, in place."""
    for module in list(encoder.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d) and child.stride == (2, 2):
                setattr(module, name, _HalvingConv(child))


for _number in range(3):
    SEGMENTERS.register(f"unet_efficientnet_lite{_number}", LiteUNetSettings(f"efficientnet_lite{_number}"), LiteUNet)
