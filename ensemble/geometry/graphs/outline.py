"""The ellipse of a coin's rim, even if the mask lacks a part of it or runs on into another coin."""

import torch
from torch import Tensor
from torch.nn import functional

from ensemble.contract import MASK_THRESHOLD
from ensemble.geometry.graphs.ellipse import Moments, circle_to_ellipse
from ensemble.geometry.rules import BEGIN, BEYOND, FITS, FRAMES, GIVE, PLACES, RAYS, SEARCH, SHARP

_STEP = SEARCH / PLACES


def outline(coins: Tensor, start: Moments) -> Moments:
    """The ellipse of a coin's rim.

    Rays from the middle are followed from about the ellipse that is known so far: outwards while they are in the mask,
    or else inwards until they are, so cracks in the mask farther in do not count. Where that ends is fitted by a mean
    and waves of one and two turns round the coin, which are another size, place and shape of the ellipse. A ray that
    stays in the mask farther out than BEYOND has met another coin and counts for nothing; one that ends more than GIVE
    off the curve counts as if it ended so far off (winsorized least squares: Huber 1981, section 7.8), so bites, spurs
    and the notches between coins pull little. All of it is done FRAMES times: the first ellipse may be far off.

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
    """[B, RAYS]: where each ray from the centre leaves the mask [B, N, N], over where it leaves the ellipse."""
    xx, xy, yy = (term[:, None, None] for term in circle_to_ellipse(m))
    away = _STEP * (torch.arange(PLACES, dtype=torch.float32) + 0.5)
    radii = torch.cat([BEGIN + away, BEGIN - away])[:, None]
    x = m.x[:, None, None] + radii * (xx * unit[0] + xy * unit[1])
    y = m.y[:, None, None] + radii * (xy * unit[0] + yy * unit[1])
    grid = torch.stack([x, y], dim=3) * (2 / mask.shape[-1]) + (1 / mask.shape[-1] - 1)  # [B, 2 * PLACES, RAYS, 2]
    seen = functional.grid_sample(mask[:, None], grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    inside = ((seen[:, 0] - MASK_THRESHOLD) * SHARP + 0.5).clamp(0.0, 1.0)
    out, back = (_least_so_far(way).sum(dim=1) for way in (inside[:, :PLACES], 1 - inside[:, PLACES:]))
    return BEGIN + _STEP * (out - back)


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
