"""A small U-Net on an EfficientNet-Lite: which pixels are coin, at a sixth of the published network's cost."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from training import torchvision_shim  # noqa: F401  before the import below
from training.networks.base import SEGMENTERS, Segmenter
from training.networks.imagenet import imagenet_weights

import timm  # isort: skip


@dataclass(frozen=True)
class LiteUNetSettings:
    """What decides a U-Net on an EfficientNet-Lite."""

    encoder: str  # efficientnet_lite0, 1 or 2
    widths: tuple[int, ...] = (96, 64, 32, 16)  # channels of the decoder at 1/16, 1/8, 1/4 and 1/2 of the picture


class LiteUNet(Segmenter):
    """U-Net (Ronneberger et al. 2015) on an EfficientNet-Lite, an EfficientNet without what int8 does badly.

    Convolutions of 1 x 1 bring what comes from below and from the side to the level's width, and the two are added:
    that costs half of a convolution over both side by side. The decoder ends at half the picture's size; its last
    convolution gives the log odds of four pixels a place (sub-pixel convolution: Shi et al. 2016, section 3.2).

    The encoder's batch normalization keeps its statistics: batches of a few large pictures have poor ones.

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
        self.encoder = encoder
        self.decoder = nn.ModuleList(
            _Up(*widths) for widths in zip(below[:-1], channels[1:], settings.widths, strict=True)
        )
        self.head = nn.Conv2d(settings.widths[-1], 4, 3, padding=1)

    def train(self, mode: bool = True) -> "LiteUNet":
        """As for every module, but the encoder's normalization stays as in evaluation."""
        super().train(mode)
        for module in self.encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def logits(self, image: Tensor) -> Tensor:
        """[B, 3, H, W] normalized picture to [B, 1, H, W] log odds; H and W are multiples of 32."""
        *skips, x = self.encoder(image)
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
