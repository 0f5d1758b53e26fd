"""Folds batch normalization into the layer before it, so that the served graph and its parameters are one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval, fuse_linear_bn_eval

_LINEAR = (nn.Conv2d, nn.Linear)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def fold_batch_norm(network: nn.Module, example: Tensor) -> nn.Module:
    """Replace every linear layer or convolution followed by batch normalization by one layer, in place.

    Which follows which is seen by running the network, so it works for any module whose normalizations each take the
    output of one such layer unchanged.

    Args:
        network: in evaluation mode.
        example: input that the network can run on, [B, 3, H, W].

    Returns:
        The network: same output up to rounding, no batch normalization left.

    Raises:
        ValueError: the network trains, or a batch normalization takes something other than the output of a layer of
            its own.
    """
    if network.training:
        raise ValueError("batch normalization can only be folded in evaluation mode: call eval() first")
    for layer, norm in _pairs(network, example):
        before, after = network.get_submodule(layer), network.get_submodule(norm)
        fuse = fuse_conv_bn_eval if isinstance(before, nn.Conv2d) else fuse_linear_bn_eval
        _replace(network, layer, fuse(before, after))
        # timm's normalization brings its activation along.
        _replace(network, norm, getattr(after, "act", nn.Identity()))
    return network


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
