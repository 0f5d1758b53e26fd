"""Folds batch normalization into the convolution before it, so that the served graph and its parameters are one."""

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval


def fold_batch_norm(network: nn.Module, example: Tensor) -> nn.Module:
    """Replace every convolution followed by batch normalization by one convolution, in place.

    Which follows which is seen by running the network, so it works for any module whose normalizations each take the
    output of one convolution unchanged.

    Args:
        network: in evaluation mode.
        example: input that the network can run on, [B, 3, H, W].

    Returns:
        The network: same output up to rounding, no batch normalization left.

    Raises:
        ValueError: a batch normalization takes something other than a convolution's output, or the network trains.
    """
    if network.training:
        raise ValueError("batch normalization can only be folded in evaluation mode: call eval() first")
    for convolution, norm in _pairs(network, example):
        parent, leaf = _parent(network, convolution)
        setattr(parent, leaf, fuse_conv_bn_eval(network.get_submodule(convolution), network.get_submodule(norm)))
        parent, leaf = _parent(network, norm)
        # timm's normalization brings its activation along.
        setattr(parent, leaf, getattr(network.get_submodule(norm), "act", nn.Identity()))
    return network


def _parent(network: nn.Module, name: str) -> tuple[nn.Module, str]:
    path, _, leaf = name.rpartition(".")
    return network.get_submodule(path), leaf


def _pairs(network: nn.Module, example: Tensor) -> list[tuple[str, str]]:
    """Names of each convolution and the normalization that takes its output."""
    maker: dict[int, str] = {}
    kept: list[Tensor] = []  # holds the tensors, so that no id is used twice
    pairs: list[tuple[str, str]] = []

    def watch(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if isinstance(module, nn.Conv2d):
                maker[id(output)] = name
                kept.append(output)
            elif id(inputs[0]) in maker:
                pairs.append((maker[id(inputs[0])], name))
            else:
                raise ValueError(f"{name} does not take the output of a convolution")

        return module.register_forward_hook(hook)

    watched = (nn.Conv2d, nn.BatchNorm2d)
    handles = [watch(name, module) for name, module in network.named_modules() if isinstance(module, watched)]
    with torch.inference_mode():
        network(example)
    for handle in handles:
        handle.remove()
    return pairs
