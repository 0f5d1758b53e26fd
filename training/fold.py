"""Folds batch normalization into the layer before it, and takes it out again.

The export folds, so that a graph's parameters are those of its layers. Training on from exported weights, which have no
batch normalization left, takes it out.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import fuse_conv_bn_eval, fuse_linear_bn_eval

_LINEAR = (nn.Conv2d, nn.Linear)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def fold_batch_norm(network: nn.Module, example: Tensor) -> nn.Module:
    """Replace every linear layer or convolution followed by batch normalization by one layer, in place.

    Running the network shows which normalization follows which layer. So any module works whose normalizations each
    take the output of one such layer unchanged.

    Args:
        network: in evaluation mode.
        example: input that the network can run on, [B, 3, H, W].

    Returns:
        The network: same output up to rounding, no batch normalization left.

    Raises:
        ValueError: the network is in training mode, or a batch normalization does not take the output of a layer of
            its own.
    """
    if network.training:
        raise ValueError("batch normalization can only be folded in evaluation mode: call eval() first")
    for layer, norm in _pairs(network, example):
        before, after = network.get_submodule(layer), cast(_BatchNorm, network.get_submodule(norm))
        if isinstance(before, nn.Conv2d):
            fused: nn.Module = fuse_conv_bn_eval(before, after)
        else:
            fused = fuse_linear_bn_eval(cast(nn.Linear, before), after)
        _replace(network, layer, fused)
        # timm's normalization brings its activation along.
        _replace(network, norm, getattr(after, "act", nn.Identity()))
    return network


@torch.no_grad()
def unfold_batch_norm(network: nn.Module, folded: Mapping[str, Tensor], example: Tensor) -> nn.Module:
    """Load folded parameters into a network that has its batch normalization, so that training can go on.

    The normalization takes the mean and spread of each layer's output on `example` as its statistics and undoes them
    with its own scale and shift: in evaluation mode the network answers as the folded one did.

    Args:
        network: as it is trained.
        folded: state dict of the same network after `fold_batch_norm`.
        example: training pictures, enough of them for statistics, [B, 3, H, W].

    Returns:
        The network, in evaluation mode.

    Raises:
        KeyError: the parameters belong to another network.
    """
    network.eval()
    norm_after = dict(_pairs(network, example))
    _check_fit(network, folded, norm_after)
    for name, module in network.named_modules():
        for key, own in module.named_parameters(name, recurse=False):
            if name not in norm_after.values():
                own.copy_(torch.zeros_like(own) if key.endswith("bias") and name in norm_after else folded[key])

    def measure(norm: _BatchNorm, inputs: tuple[Tensor, ...], bias: Tensor) -> Tensor:
        x = inputs[0]
        axes, shape = [d for d in range(x.ndim) if d != 1], [-1] + [1] * (x.ndim - 2)
        mean, variance = x.mean(axes), x.var(axes, correction=0)
        norm.running_mean, norm.running_var = mean, variance
        norm.weight.copy_(torch.sqrt(variance + norm.eps))
        norm.bias.copy_(mean + bias)
        return getattr(norm, "act", nn.Identity())(x + bias.view(shape))

    handles = [
        network.get_submodule(norm).register_forward_hook(
            lambda module, inputs, _, layer=layer: measure(module, inputs, folded[f"{layer}.bias"])
        )
        for layer, norm in norm_after.items()
    ]
    try:
        network(example)
    finally:
        for handle in handles:
            handle.remove()
    return network


def _check_fit(network: nn.Module, folded: Mapping[str, Tensor], norm_after: Mapping[str, str]) -> None:
    """KeyError where names or shapes are not those of the folded network."""
    norms = tuple(f"{norm}." for norm in norm_after.values())
    shapes = {name: own.shape for name, own in network.named_parameters() if not name.startswith(norms)}
    # A layer takes over the shift of its normalization.
    for layer, norm in norm_after.items():
        shapes[f"{layer}.bias"] = cast(_BatchNorm, network.get_submodule(norm)).bias.shape
    wrong = sorted(shapes.keys() ^ folded.keys())
    wrong += sorted(name for name in shapes.keys() & folded.keys() if shapes[name] != folded[name].shape)
    if wrong:
        raise KeyError(f"parameters of another network: {', '.join(wrong[:5])}" + (" …" if len(wrong) > 5 else ""))


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    path, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(path), leaf, module)


def _pairs(network: nn.Module, example: Tensor) -> list[tuple[str, str]]:
    """Names of each layer and the normalization that takes its output."""
    maker: dict[int, str] = {}
    kept: list[Tensor] = []  # holds the tensors, so that no id is used twice
    pairs: list[tuple[str, str]] = []

    def see(name: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, _LINEAR):
            maker[id(output)] = name
            kept.append(output)
            return
        layer = maker.get(id(inputs[0]))
        if layer is None or layer in dict(pairs):
            raise ValueError(f"{name} does not take the output of a layer of its own")
        pairs.append((layer, name))

    with _watched(network, see), torch.inference_mode():
        network(example)
    return pairs


@contextmanager
def _watched(network: nn.Module, see: Callable[[str, nn.Module, tuple[Tensor, ...], Tensor], None]) -> Iterator[None]:
    """Call `see` with name, module, inputs and output of every layer and normalization that runs."""
    handles = [
        module.register_forward_hook(lambda m, inputs, output, name=name: see(name, m, inputs, output))
        for name, module in network.named_modules()
        if isinstance(module, (*_LINEAR, *_NORMS))
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
