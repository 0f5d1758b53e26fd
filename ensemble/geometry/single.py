"""One coin of a mask, also where coins touch."""

import torch
from torch import Tensor
from torch.nn import functional

from ensemble.contract import MASK_THRESHOLD
from ensemble.geometry.components import fill_holes, largest_component
from ensemble.geometry.distance import distance_to_background
from ensemble.geometry.ellipse import ellipse_area, in_ellipse, moments, semi_axes

SOLID = 0.8  # of a coin's mask, at least; the rest are holes
WHOLE_FILL = 0.94  # area over that of the ellipse with the same moments: one coin has 0.99, two that touch 0.9
CORE_DEPTH = 0.6  # of the greatest depth: what is deeper is the core of a coin
SLACK = 0.5  # px of the labels, by which the core's outline is drawn too wide
LABELLED = 128  # px, side of the mask in which components are told apart


def coin_mask(mask: Tensor) -> Tensor:
    """The largest coin of a [B, 1, N, N] probability mask as a 0/1 mask [B, N, N]; N is a multiple of LABELLED.

    That is the largest component, its holes filled, where it is an ellipse. Where it is none, coins touch each other,
    and the largest core is taken: the part of the mask that is deep inside, where the necks between coins are gone.
    Its ellipse, moved out by the depth at which it was cut, bounds the coin.

    Components are told apart at LABELLED px: coins that touch need as many, twice as many take ten times the memory.
    Where the mask is finer, the edge is the mask's, two of those pixels deep.
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
    """A component [B, 1, N, N] with the edge of the mask that is finer by a factor: 1 inside and 0 farther outside."""
    background = functional.pad(1.0 - component, (1, 1, 1, 1), value=1.0)
    within = 1.0 - functional.max_pool2d(background, 3, stride=1)
    near = functional.max_pool2d(component, 3, stride=1, padding=1)
    within, near = (functional.interpolate(part, scale_factor=float(factor)) for part in (within, near))
    return torch.maximum(within, near * fine)


def _around_core(inside: Tensor) -> Tensor:
    """[B, 1, N, N] of 0 and 1 to [B, N, N]: the pixels of the ellipse round the largest core; none where there is none.

    Cracks and holes of a pixel would make the middle of a coin look shallow, so a majority of 3 x 3 closes them first.
    """
    solid = (functional.avg_pool2d(inside, 3, stride=1, padding=1) > 0.5).float().squeeze(1)
    depth = distance_to_background(solid)
    cut = CORE_DEPTH * depth.amax(dim=(1, 2))
    core = moments(largest_component((depth > cut[:, None, None]).float()))
    a, b = (axis + cut + SLACK for axis in semi_axes(core))
    return in_ellipse(core, a, b, inside.shape[-1]) * (core.area > 0).float()[:, None, None]
