"""One coin of the masks, even if coins touch."""

import torch
from torch import Tensor
from torch.nn import functional

from ensemble.contract import MASK_THRESHOLD
from ensemble.geometry.graphs.components import central_component, largest_component
from ensemble.geometry.graphs.ellipse import in_ellipse, moments, semi_axes
from ensemble.geometry.rules import CORE_SIZE, LABELLED, PIXEL, REACH, SIMILAR


def coin_mask(masks: Tensor) -> Tensor:
    """One coin as a 0/1 mask [B, N, N], of [B, 2, N, N] probabilities: coin, and core of one.

    Cores do not touch where coins do. Of those that are about as large as the largest, the one nearest to the middle is
    taken. Its ellipse, made as large as a coin with this core, bounds the coin: of the mask within it, the largest
    component is taken.

    Components are labelled at LABELLED px, of which N is a multiple; twice as many take ten times the memory. If the
    mask is finer, the edge is taken from it, within a band of two labelled pixels.
    """
    factor = masks.shape[-1] // LABELLED
    coins, cores = (functional.avg_pool2d(masks, factor) > MASK_THRESHOLD).float().unbind(1)
    core = moments(central_component(cores, SIMILAR))
    a, b = (REACH / CORE_SIZE * (axis + PIXEL) for axis in semi_axes(core))
    around = in_ellipse(core, a, b, LABELLED) * (core.area > 0).float()[:, None, None]
    coin = largest_component(coins * around)
    if factor == 1:
        return coin
    return _refine(coin.unsqueeze(1), (masks[:, :1] > MASK_THRESHOLD).float(), factor).squeeze(1)


def _refine(component: Tensor, fine: Tensor, factor: int) -> Tensor:
    """A component [B, 1, N, N] with the edge of a mask that is finer by `factor`: 1 inside, 0 farther outside."""
    background = functional.pad(1.0 - component, (1, 1, 1, 1), value=1.0)
    within = 1.0 - functional.max_pool2d(background, 3, stride=1)
    near = functional.max_pool2d(component, 3, stride=1, padding=1)
    within, near = (functional.interpolate(part, scale_factor=float(factor)) for part in (within, near))
    return torch.maximum(within, near * fine)
