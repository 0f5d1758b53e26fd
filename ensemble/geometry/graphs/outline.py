"""The ellipse of a coin's rim, even if the mask lacks a part of it or runs on into another coin."""

import torch
from torch import Tensor
from torch.nn import functional

from ensemble.contract import MASK_THRESHOLD
from ensemble.geometry.graphs.ellipse import Moments, circle_to_ellipse
from ensemble.geometry.rules import BEYOND, FITS, FRAMES, GIVE, RADII, RAYS, SHARP, SPAN

_STEP = (SPAN[1] - SPAN[0]) / RADII


def outline(coins: Tensor, start: Moments) -> Moments:
    """The ellipse of a coin's rim.

    Rays from the middle are followed until they leave the mask. How far that is, over where they leave the ellipse that
    is known so far, is fitted by a mean and waves of one and two turns round the coin, which are another size, place
    and shape of the ellipse. A ray that leaves the mask farther out than BEYOND has met another coin and counts for
    nothing; one that lies more than GIVE off the curve counts as if it lay this far (winsorized least squares: Huber
    1981, section 7.8), so bites, spurs and the notches between coins pull little. All of it is done FRAMES times, since
    the first ellipse may be far off.

    Args:
        coins: [B, N, N] probabilities; other coins may touch this one.
        start: moments [B] of about this coin.
    """
    turn = torch.arange(RAYS, dtype=torch.float32) * (2 * torch.pi / RAYS)
    unit = torch.stack([torch.cos(turn), torch.sin(turn)])
    waves = torch.stack([torch.ones(RAYS), *unit, torch.cos(2 * turn), torch.sin(2 * turn)])  # [5, RAYS]
    for _ in range(FRAMES):
        start = _deformed(start, _fitted(_rim(coins, start, unit), waves))
    return start


def _rim(mask: Tensor, m: Moments, unit: Tensor) -> Tensor:
    """[B, RAYS]: where each ray from the centre first leaves the mask [B, N, N], over where it leaves the ellipse."""
    xx, xy, yy = (term[:, None, None] for term in circle_to_ellipse(m))
    places = (SPAN[0] + _STEP * (torch.arange(RADII, dtype=torch.float32) + 0.5))[:, None]
    x = m.x[:, None, None] + places * (xx * unit[0] + xy * unit[1])
    y = m.y[:, None, None] + places * (xy * unit[0] + yy * unit[1])
    grid = torch.stack([x, y], dim=3) * (2 / mask.shape[-1]) + (1 / mask.shape[-1] - 1)  # [B, RADII, RAYS, 2]
    inside = functional.grid_sample(mask[:, None], grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    inside = ((inside[:, 0] - MASK_THRESHOLD) * SHARP + 0.5).clamp(0.0, 1.0)
    return SPAN[0] + _STEP * _least_so_far(inside).sum(dim=1)


def _least_so_far(values: Tensor) -> Tensor:
    """The running minimum along the first axis of each [B, K, …]."""
    reach, length = 1, values.shape[1]
    while reach < length:
        least = torch.minimum(values[:, reach:], values[:, :-reach])
        values, reach = torch.cat([values[:, :reach], least], dim=1), 2 * reach
    return values


def _fitted(rim: Tensor, waves: Tensor) -> Tensor:
    """[B, 5]: mean, and cosine and sine of one and two turns, of the smooth curve along most of the rays [B, RAYS]."""
    to_waves = waves.T * (torch.tensor([1.0, 2.0, 2.0, 2.0, 2.0]) / RAYS)
    smooth = to_waves @ waves
    weights = ((BEYOND[1] - rim) / (BEYOND[1] - BEYOND[0])).clamp(0.0, 1.0)
    curve = torch.ones_like(rim)
    for _ in range(FITS):
        curve = (curve + weights * (rim - curve).clamp(-GIVE, GIVE)) @ smooth
    return curve @ to_waves


def _deformed(m: Moments, waves: Tensor) -> Moments:
    """The ellipse whose rays are `waves` [B, 5] times as long."""
    mean, right, down, cos, sin = waves.unbind(dim=1)
    a, b, d = circle_to_ellipse(m)  # the symmetric frame [[a, b], [b, d]]
    p, q, r = mean + 2 * cos, 2 * sin, mean - 2 * cos  # [[p, q], [q, r]], between the frame on both sides
    xx = (a * a * p + 2 * a * b * q + b * b * r) * mean / 4
    yy = (b * b * p + 2 * b * d * q + d * d * r) * mean / 4
    xy = (a * b * p + (a * d + b * b) * q + b * d * r) * mean / 4
    area = 4 * torch.pi * torch.sqrt((xx * yy - xy * xy).clamp(min=0.0))
    return Moments(area, m.x + a * right + b * down, m.y + b * right + d * down, xx, yy, xy)
