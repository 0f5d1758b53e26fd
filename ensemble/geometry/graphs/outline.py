"""The ellipse of a coin's mask, even if the mask lacks a part of the rim."""

import torch
from torch import Tensor

from ensemble.geometry.graphs.ellipse import Moments, in_ellipse, moments, semi_axes
from ensemble.geometry.rules import CLOSE, DIRECTIONS, FITS, GIVE


def outline(mask: Tensor) -> Moments:
    """The ellipse that overlaps a [B, N, N] mask of 0 and 1 best.

    It has either the mask's moments or the tangents of the mask's convex hull. Bites out of the rim shift the moments
    and leave the hull as it is; a spur beyond the rim does the opposite. Where both overlap about equally well, it lies
    between them.
    """
    by_moments, by_hull = moments(mask), hull_moments(mask)
    hull = (0.5 + (_iou(mask, by_hull) - _iou(mask, by_moments)) / (2 * CLOSE)).clamp(0.0, 1.0)
    pairs = zip(_fields(by_moments), _fields(by_hull), strict=True)
    return Moments(*(first + hull * (second - first) for first, second in pairs))


def hull_moments(mask: Tensor) -> Moments:
    """Moments of the ellipse whose tangents lie closest to those of the mask's convex hull.

    The support function of an ellipse with centre c and matrix M in direction u is c u + sqrt(u' M u). Its odd part is
    c; the square of its even part is a Fourier series of two terms. It is fitted to the hull's in DIRECTIONS. Tangents
    that lie more than GIVE away are then moved to that distance and the fit is repeated, so that a spur does not pull
    the ellipse along (winsorized least squares: Huber 1981, section 7.8).
    """
    turn = torch.arange(DIRECTIONS, dtype=torch.float32) * (2 * torch.pi / DIRECTIONS)
    one, two = (torch.stack([torch.cos(n * turn), torch.sin(n * turn)]) for n in (1, 2))
    measured = _support(mask, one)
    tangents = measured
    for _ in range(FITS):
        centre, mean, swing = _series(tangents, one, two)
        fitted = centre @ one + torch.sqrt((mean + swing @ two).clamp(min=1.0))
        tangents = torch.minimum(torch.maximum(measured, fitted - GIVE), fitted + GIVE)
    centre, mean, swing = _series(tangents, one, two)
    xx, yy, xy = (mean[:, 0] + swing[:, 0]) / 4, (mean[:, 0] - swing[:, 0]) / 4, swing[:, 1] / 4
    area = 4 * torch.pi * torch.sqrt((xx * yy - xy * xy).clamp(min=0.0))
    return Moments(area, centre[:, 0], centre[:, 1], xx, yy, xy)


def _support(mask: Tensor, directions: Tensor) -> Tensor:
    """[B, N, N] mask to [B, K]: its reach in each of [2, K] directions. Only the ends of its rows decide."""
    size = mask.shape[-1]
    line = torch.arange(size, dtype=torch.float32)
    right = torch.where(mask > 0, line, -1.0).amax(dim=2, keepdim=True)  # [B, N, 1]
    left = torch.where(mask > 0, line, float(size)).amin(dim=2, keepdim=True)
    reach = torch.maximum(right * directions[0], left * directions[0]) + line[:, None] * directions[1]
    return torch.where(right >= 0, reach, -4.0 * size).amax(dim=1)


def _series(tangents: Tensor, one: Tensor, two: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Centre [B, 2]; of the squared half widths [B, K] the mean [B, 1] and the swing [B, 2] with twice the angle."""
    half = DIRECTIONS // 2
    centre = tangents @ one.T * (2 / DIRECTIONS)
    squares = ((tangents[:, :half] + tangents[:, half:]) / 2) ** 2
    return centre, squares.mean(dim=1, keepdim=True), squares @ two[:, :half].T * (2 / half)


def _iou(mask: Tensor, ellipse: Moments) -> Tensor:
    a, b = semi_axes(ellipse)
    drawn = in_ellipse(ellipse, a, b, mask.shape[-1])
    both = (drawn * mask).sum(dim=(1, 2))
    return both / (drawn.sum(dim=(1, 2)) + mask.sum(dim=(1, 2)) - both).clamp(min=1.0)


def _fields(m: Moments) -> tuple[Tensor, ...]:
    return m.area, m.x, m.y, m.xx, m.yy, m.xy
