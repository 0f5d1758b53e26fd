"""The largest coin of a mask, even if coins touch."""

import torch
from torch import Tensor
from torch.nn import functional

from ensemble.contract import MASK_THRESHOLD
from ensemble.geometry.graphs.components import fill_holes, largest_component
from ensemble.geometry.graphs.distance import distance_to_background
from ensemble.geometry.graphs.ellipse import ellipse_area, in_ellipse, moments, semi_axes
from ensemble.geometry.rules import CORE_DEPTH, LABELLED, SLACK, SOLID, WHOLE_FILL


def coin_mask(mask: Tensor) -> Tensor:
    """The largest coin of a [B, 1, N, N] probability mask as a 0/1 mask [B, N, N]; N is a multiple of LABELLED.

    If the largest component, its holes filled, is an ellipse, it is the coin. If not, coins touch each other, and the
    largest core is taken: the part of the mask that is so deep inside that the necks between coins are gone. Its
    ellipse, moved out by the depth at which the core was cut, bounds the coin.

    Components are labelled at LABELLED px. Coins that touch need that many; twice as many take ten times the memory.
    If the mask is finer, the edge is taken from it, within a band of two labelled pixels.
    """
    factor = mask.shape[-1] // LABELLED
    coarse = functional.avg_pool2d(mask, factor)
    inside = (coarse > MASK_THRESHOLD).float()
    largest = largest_component(inside.squeeze(1))
    whole = fill_holes(largest)
    shape = moments(whole)
    solid = largest.sum(dim=(1, 2)) >= SOLID * shape.area
    one_coin = (solid & (shape.area >= WHOLE_FILL * ellipse_area(shape)))[:, None, None]
    component = torch.where(one_coin, whole, inside.squeeze(1) * _around_core(inside))
    if factor == 1:
        return component
    return _refine(component.unsqueeze(1), (mask > MASK_THRESHOLD).float(), factor).squeeze(1)


def _refine(component: Tensor, fine: Tensor, factor: int) -> Tensor:
    """A component [B, 1, N, N] with the edge of a mask that is finer by `factor`: 1 inside, 0 farther outside."""
    background = functional.pad(1.0 - component, (1, 1, 1, 1), value=1.0)
    within = 1.0 - functional.max_pool2d(background, 3, stride=1)
    near = functional.max_pool2d(component, 3, stride=1, padding=1)
    within, near = (functional.interpolate(part, scale_factor=float(factor)) for part in (within, near))
    return torch.maximum(within, near * fine)


def _around_core(inside: Tensor) -> Tensor:
    """[B, 1, N, N] of 0 and 1 to [B, N, N]: the pixels of the ellipse round the largest core; none without a core.

    A majority of 3 x 3 first closes cracks and holes of a pixel, which would make the middle of a coin look shallow.
    """
    solid = (functional.avg_pool2d(inside, 3, stride=1, padding=1) > 0.5).float().squeeze(1)
    depth = distance_to_background(solid)
    cut = CORE_DEPTH * depth.amax(dim=(1, 2))
    core = moments(largest_component((depth > cut[:, None, None]).float()))
    a, b = (axis + cut + SLACK for axis in semi_axes(core))
    return in_ellipse(core, a, b, inside.shape[-1]) * (core.area > 0).float()[:, None, None]
