"""U-Net: which pixels are coin."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ensemble.contract import MASK
from training import torchvision_shim  # noqa: F401  before the imports below
from training.networks.base import SEGMENTERS, Segmenter
from training.networks.coin import STAGE, CoinHead

import segmentation_models_pytorch as smp  # isort: skip
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoderBlock  # isort: skip


@dataclass(frozen=True)
class UNetSettings:
    """What decides a U-Net."""

    encoder: str  # by its name in segmentation_models_pytorch, an EfficientNet


class UNet(Segmenter):
    """U-Net (Ronneberger et al. 2015) on an EfficientNet (Tan and Le 2019).

    Args:
        settings: see there.
        pretrained: start the encoder from ImageNet weights, fetched from the model hub.
    """

    encoder_prefix = "unet.encoder."

    def __init__(self, settings: UNetSettings, pretrained: bool = False) -> None:
        super().__init__()
        self.unet = smp.Unet(settings.encoder, encoder_weights="imagenet" if pretrained else None, classes=MASK.dims[0])
        # No output depends on the encoder's classification head.
        for name in ("_conv_head", "_bn1"):
            setattr(self.unet.encoder, name, nn.Identity())
        for block in self.unet.decoder.blocks:
            block.__class__ = _DoublingBlock
        self.coin = CoinHead(self.unet.encoder.out_channels[STAGE])

    def encode(self, image: Tensor) -> list[Tensor]:
        """See `Segmenter`."""
        return list(self.unet.encoder(image))

    def decode(self, features: list[Tensor]) -> Tensor:
        """See `Segmenter`."""
        return self.unet.segmentation_head(self.unet.decoder(features))


class _DoublingBlock(UnetDecoderBlock):
    """A block of the decoder that doubles its input; smp's own asks the encoder's features for the size.

    The result is the same, but the graph says nothing about the picture's size: one export serves pictures of any size.
    """

    def forward(
        self, feature_map: Tensor, target_height: int, target_width: int, skip_connection: Tensor | None = None
    ) -> Tensor:
        """[B, C, h, w] and the encoder's [B, C', 2h, 2w] to [B, C'', 2h, 2w]."""
        doubled = functional.interpolate(feature_map, scale_factor=2.0, mode="nearest")
        parts = [doubled] if skip_connection is None else [doubled, skip_connection]
        return self.conv2(self.conv1(torch.cat(parts, 1)))


SEGMENTERS.register("unet_efficientnet_b4", UNetSettings("efficientnet-b4"), UNet)
