"""An encoder on the coin as it is cut: the network of the published recipe. `polar` measures better."""

from dataclasses import dataclass

from torch import Tensor

from ensemble.contract import EMBEDDING_SIZE, IMAGE_SIZE
from training import torchvision_shim  # noqa: F401  before the import below
from training.networks.base import EMBEDDERS, Embedder
from training.networks.layers import head

import timm  # isort: skip


@dataclass(frozen=True)
class PlainSettings:
    """What decides a plain embedder."""

    encoder: str  # by its name in timm
    size: int = EMBEDDING_SIZE  # of an embedding, numbers


class Plain(Embedder):
    """An encoder of timm on the coin; a linear head over its pooled last features, unit length.

    Args:
        settings: see there.
        pretrained: start the encoder from ImageNet weights, fetched from the model hub.
    """

    training_size = IMAGE_SIZE

    def __init__(self, settings: PlainSettings, pretrained: bool = False) -> None:
        super().__init__()
        backbone = timm.create_model(settings.encoder, pretrained=pretrained, num_classes=0)
        self.backbone = backbone
        self.head = head(backbone.num_features, settings.size)

    def features(self, coin: Tensor) -> Tensor:
        """[B, 3, h, w] normalized rectified coin to the encoder's pooled features [B, n]."""
        return self.backbone(coin)

    def forward(self, coin: Tensor) -> Tensor:
        """[B, 3, H, W] normalized rectified coin to [B, EMBEDDING_SIZE] unit vectors."""
        return self.embed(coin)


EMBEDDERS.register("efficientnet_b0", PlainSettings("efficientnet_b0"), Plain)
