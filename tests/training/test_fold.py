"""Folding batch normalization changes the graph and not its answer."""

from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from training import torchvision_shim

Fold = Callable[[nn.Module, Tensor], nn.Module]


@pytest.fixture(scope="module")
def fold(script: Callable[[str], ModuleType]) -> Fold:
    return script("fold").fold_batch_norm  # type: ignore[no-any-return]


class NormAct(nn.BatchNorm2d):
    """Batch normalization that brings its activation along, as timm's BatchNormAct2d does."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.act = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        """Normalize, then activate."""
        return self.act(super().forward(x))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Convolutions with and without bias, in groups, one of them across a residual connection."""

    def __init__(self, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), norm(8), nn.ReLU())
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.norm = norm(8)
        self.last = nn.Conv2d(8, 5, 1)  # none after it

    def forward(self, x: Tensor) -> Tensor:
        """[B, 3, H, W] to [B, 5, H - 2, W - 2]."""
        x = self.stem(x)
        return self.last(x + torch.tanh(self.norm(self.depthwise(x))))  # type: ignore[no-any-return]


def trained(network: nn.Module) -> nn.Module:
    """In evaluation mode, with statistics and parameters of its own in every normalization."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()  # type: ignore[union-attr]
            module.running_var.uniform_(0.3, 3.0)  # type: ignore[union-attr]
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return network.eval()


def picture(batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, 16, 20, generator=torch.Generator().manual_seed(1))


def norms(network: nn.Module) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, NormAct])
def test_the_answer_stays_and_no_normalization_is_left(fold: Fold, norm: Callable[[int], nn.Module]) -> None:
    network = trained(Block(norm))
    with torch.inference_mode():
        before = network(picture())
        folded = fold(network, picture(1))
        assert folded is network
        torch.testing.assert_close(folded(picture()), before, rtol=1e-4, atol=1e-5)
    assert not norms(folded)


def test_a_linear_layer_folds_too(fold: Fold) -> None:
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 7, bias=False), nn.BatchNorm1d(7)).eval()
    nn.init.normal_(head[3].weight)
    head[3].running_mean.normal_()  # type: ignore[union-attr,operator]
    with torch.inference_mode():
        before = head(picture())
        torch.testing.assert_close(fold(head, picture(1))(picture()), before, rtol=1e-4, atol=1e-5)
    assert isinstance(head[3], nn.Identity)


class Shared(nn.Module):
    """One convolution whose output two normalizations take."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.one, self.two = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        """[B, 3, H, W] to [B, 4, H, W]."""
        x = self.layer(x)
        return self.one(x) + self.two(x)  # type: ignore[no-any-return]


def test_a_layer_with_two_normalizations_is_refused(fold: Fold) -> None:
    with pytest.raises(ValueError, match="two does not take the output of a layer of its own"):
        fold(Shared().eval(), picture())


def test_the_activation_of_a_normalization_stays(fold: Fold) -> None:
    network = fold(trained(Block(NormAct)), picture())
    assert sum(isinstance(module, nn.SiLU) for module in network.modules()) == 2


def test_folded_weights_are_parameters_by_their_names(fold: Fold) -> None:
    network = fold(trained(Block(nn.BatchNorm2d)), picture())
    names = {name for name, _ in network.named_parameters()}
    assert names == {f"{layer}.{kind}" for layer in ("stem.0", "depthwise", "last") for kind in ("weight", "bias")}


def test_a_network_without_normalization_is_left_alone(fold: Fold) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()).eval()
    before = network(picture())
    torch.testing.assert_close(fold(network, picture())(picture()), before, rtol=0, atol=0)


def test_no_hook_is_left(fold: Fold) -> None:
    network = fold(trained(Block(nn.BatchNorm2d)), picture())
    assert not any(module._forward_hooks for module in network.modules())


def test_a_network_in_training_is_refused(fold: Fold) -> None:
    with pytest.raises(ValueError, match="only be folded in evaluation mode"):
        fold(Block(nn.BatchNorm2d).train(), picture())


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1)),
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)),
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.BatchNorm2d(4)),
    ],
    ids=["first", "after an activation", "after another"],
)
def test_a_normalization_that_follows_no_convolution_is_refused(fold: Fold, network: nn.Module) -> None:
    with pytest.raises(ValueError, match=r"^\d does not take the output of a layer of its own"):
        fold(trained(network), picture())


def test_timms_normalization(fold: Fold) -> None:
    assert torchvision_shim  # makes timm importable beside a torch without torchvision's operators
    layers = pytest.importorskip("timm.layers")
    network = trained(
        nn.Sequential(nn.Conv2d(3, 6, 3), layers.BatchNormAct2d(6, act_layer=nn.SiLU), nn.Conv2d(6, 2, 1))
    )
    with torch.inference_mode():
        before = network(picture())
        torch.testing.assert_close(fold(network, picture())(picture()), before, rtol=1e-4, atol=1e-5)
    assert not norms(network)
