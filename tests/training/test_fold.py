"""Folding batch normalization changes the graph and not its answer."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor, nn

from ensemble import artifacts
from ensemble.contract import EMBEDDER, SEGMENTATION, Model
from training import torchvision_shim
from training.fold import fold_batch_norm, unfold_batch_norm
from training.weights import kept_parameters, kept_spec, start_from_kept

pytestmark = pytest.mark.slow


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
def test_the_answer_stays_and_no_normalization_is_left(norm: Callable[[int], nn.Module]) -> None:
    network = trained(Block(norm))
    with torch.inference_mode():
        before = network(picture())
        folded = fold_batch_norm(network, picture(1))
        assert folded is network
        torch.testing.assert_close(folded(picture()), before, rtol=1e-4, atol=1e-5)
    assert not norms(folded)


def test_a_linear_layer_folds_too() -> None:
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 7, bias=False), nn.BatchNorm1d(7)).eval()
    norm = head[3]
    assert isinstance(norm, nn.BatchNorm1d) and norm.running_mean is not None
    nn.init.normal_(norm.weight)
    norm.running_mean.normal_()
    with torch.inference_mode():
        before = head(picture())
        torch.testing.assert_close(fold_batch_norm(head, picture(1))(picture()), before, rtol=1e-4, atol=1e-5)
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


def test_a_layer_with_two_normalizations_is_refused() -> None:
    with pytest.raises(ValueError, match="two does not take the output of a layer of its own"):
        fold_batch_norm(Shared().eval(), picture())


def test_the_activation_of_a_normalization_stays() -> None:
    network = fold_batch_norm(trained(Block(NormAct)), picture())
    assert sum(isinstance(module, nn.SiLU) for module in network.modules()) == 2


def test_folded_weights_are_parameters_by_their_names() -> None:
    network = fold_batch_norm(trained(Block(nn.BatchNorm2d)), picture())
    names = {name for name, _ in network.named_parameters()}
    assert names == {f"{layer}.{kind}" for layer in ("stem.0", "depthwise", "last") for kind in ("weight", "bias")}


def test_a_network_without_normalization_is_left_alone() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()).eval()
    before = network(picture())
    torch.testing.assert_close(fold_batch_norm(network, picture())(picture()), before, rtol=0, atol=0)


def test_no_hook_is_left() -> None:
    network = fold_batch_norm(trained(Block(nn.BatchNorm2d)), picture())
    assert not any(module._forward_hooks for module in network.modules())


def test_a_network_in_training_is_refused() -> None:
    with pytest.raises(ValueError, match="only be folded in evaluation mode"):
        fold_batch_norm(Block(nn.BatchNorm2d).train(), picture())


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1)),
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)),
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.BatchNorm2d(4)),
    ],
    ids=["first", "after an activation", "after another"],
)
def test_a_normalization_that_follows_no_convolution_is_refused(network: nn.Module) -> None:
    with pytest.raises(ValueError, match=r"^\d does not take the output of a layer of its own"):
        fold_batch_norm(trained(network), picture())


def test_timms_normalization() -> None:
    assert torchvision_shim  # makes timm importable beside a torch without torchvision's operators
    layers = pytest.importorskip("timm.layers")
    network = trained(
        nn.Sequential(nn.Conv2d(3, 6, 3), layers.BatchNormAct2d(6, act_layer=nn.SiLU), nn.Conv2d(6, 2, 1))
    )
    with torch.inference_mode():
        before = network(picture())
        torch.testing.assert_close(fold_batch_norm(network, picture())(picture()), before, rtol=1e-4, atol=1e-5)
    assert not norms(network)


# --- the way back ---------------------------------------------------------------------------------------------------


def head() -> nn.Module:
    """Linear layers with and without normalization; one of those before it has a bias."""
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(12, 9),
        nn.BatchNorm1d(9),
        nn.ReLU(),
        nn.Linear(9, 7, bias=False),
        nn.BatchNorm1d(7),
        nn.Linear(7, 4),
    )


BUILDS: dict[str, Callable[[], nn.Module]] = {
    "convolutions": lambda: Block(nn.BatchNorm2d),
    "with activations": lambda: Block(NormAct),
    "linear": head,
}


def pictures(seed: int, batch: int = 12) -> Tensor:
    """Other pictures for each seed."""
    return torch.randn(batch, 3, 16, 20, generator=torch.Generator().manual_seed(seed))


def folded_and_fresh(build: Callable[[], nn.Module]) -> tuple[nn.Module, nn.Module]:
    """A folded network, and one like it that was never trained."""
    network = trained(build())
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
            module.running_mean.normal_()  # type: ignore[union-attr,operator]
    torch.manual_seed(5)
    return fold_batch_norm(network, picture()), build()


@pytest.mark.parametrize("kind", BUILDS)
def test_unfolded_the_answer_stays(kind: str) -> None:
    folded, fresh = folded_and_fresh(BUILDS[kind])
    names = [name for name, _ in fresh.named_parameters()]
    network = unfold_batch_norm(fresh, folded.state_dict(), pictures(1))
    assert network is fresh and not network.training
    assert [name for name, _ in network.named_parameters()] == names  # the normalization is there
    with torch.inference_mode():
        for example in (pictures(1), pictures(2), 3 * pictures(3, batch=1) + 1):
            torch.testing.assert_close(network(example), folded(example), rtol=1e-4, atol=1e-4)
            assert folded(example).std() > 0.01


@pytest.mark.parametrize("kind", BUILDS)
def test_unfolded_statistics_are_those_of_the_example(kind: str) -> None:
    folded, fresh = folded_and_fresh(BUILDS[kind])
    network = unfold_batch_norm(fresh, folded.state_dict(), pictures(1)).train()
    with torch.no_grad():
        torch.testing.assert_close(network(pictures(1)), folded(pictures(1)), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", BUILDS)
def test_unfolded_and_folded_again_the_parameters_are_the_same(kind: str) -> None:
    folded, fresh = folded_and_fresh(BUILDS[kind])
    again = fold_batch_norm(unfold_batch_norm(fresh, folded.state_dict(), pictures(1)), picture())
    torch.testing.assert_close(again.state_dict(), folded.state_dict(), rtol=1e-4, atol=1e-5)


def test_an_unfolded_network_trains_on() -> None:
    folded, fresh = folded_and_fresh(BUILDS["convolutions"])
    kept = deepcopy(folded.state_dict())
    network = unfold_batch_norm(fresh, folded.state_dict(), pictures(1)).train()
    network(pictures(2)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    torch.testing.assert_close(folded.state_dict(), kept, rtol=0, atol=0)  # nothing is shared


def test_unfolding_leaves_no_hook() -> None:
    folded, fresh = folded_and_fresh(BUILDS["convolutions"])
    unfold_batch_norm(fresh, folded.state_dict(), pictures(1))
    assert not any(module._forward_hooks for module in fresh.modules())


def _without(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if key != name}


WRONG: dict[str, Callable[[dict[str, Tensor]], dict[str, Tensor]]] = {
    "nothing": lambda state: {},
    "no weight of a layer": lambda state: _without(state, "depthwise.weight"),
    "no bias of a normalized layer": lambda state: _without(state, "stem.0.bias"),
    "other names": lambda state: {f"network.{key}": value for key, value in state.items()},
    "more layers": lambda state: state | {"more.weight": torch.zeros(5, 5, 1, 1)},
    "other shape": lambda state: state | {"last.weight": torch.zeros(6, 8, 1, 1)},
}


@pytest.mark.parametrize("case", WRONG)
def test_parameters_of_another_network_are_refused(case: str) -> None:
    folded, fresh = folded_and_fresh(BUILDS["convolutions"])
    with pytest.raises(KeyError):
        unfold_batch_norm(fresh, WRONG[case](folded.state_dict()), pictures(1))
    assert not any(module._forward_hooks for module in fresh.modules())


def test_training_starts_from_the_weights_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folded, fresh = folded_and_fresh(BUILDS["convolutions"])
    values = [onnx.numpy_helper.from_array(value.numpy(), name) for name, value in folded.state_dict().items()]
    graph = onnx.helper.make_graph([], "block", [], [], values)
    monkeypatch.setattr(artifacts, "WEIGHTS", tmp_path)
    onnx.save(artifacts.pack(onnx.helper.make_model(graph), "float16"), tmp_path / "block.onnx")
    network = unfold_batch_norm(fresh, kept_parameters("block"), pictures(1))
    with torch.inference_mode():
        torch.testing.assert_close(network(pictures(2)), folded(pictures(2)), rtol=1e-2, atol=1e-2)
    with pytest.raises(FileNotFoundError):
        kept_parameters("stub")


@pytest.mark.parametrize("model", [SEGMENTATION, EMBEDDER], ids=lambda model: model.name)
def test_training_starts_from_the_weights_that_ship(model: Model) -> None:
    stored = artifacts.parameters(onnx.load(artifacts.weights_file(model.name)))
    example = torch.randn(8, 3, 64, 64)
    spec = kept_spec(model)
    network = spec.build()
    start_from_kept(network, spec, model, example)
    folded = fold_batch_norm(deepcopy(network), example)
    for name, values in folded.state_dict().items():
        expected = torch.from_numpy(stored[name].copy())
        torch.testing.assert_close(values, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))
