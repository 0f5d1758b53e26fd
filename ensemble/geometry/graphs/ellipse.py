"""The ellipse that has the moments of a mask."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """Area [B], centre x, y [B] and central second moments xx, yy, xy [B] of a mask, in its own pixels."""

    area: Tensor
    x: Tensor
    y: Tensor
    xx: Tensor
    yy: Tensor
    xy: Tensor


def moments(mask: Tensor) -> Moments:
    """Moments up to the second of a [B, N, N] mask; an empty one gives zeros (Hu, 1962)."""
    line = torch.arange(mask.shape[-1], dtype=torch.float32)
    rows, columns = mask.sum(dim=2), mask.sum(dim=1)  # [B, N]
    area = rows.sum(dim=1)
    per_pixel = 1.0 / area.clamp(min=1.0)
    x = (columns * line).sum(dim=1) * per_pixel
    y = (rows * line).sum(dim=1) * per_pixel
    dx, dy = line - x[:, None], line - y[:, None]
    xx = (columns * dx * dx).sum(dim=1) * per_pixel
    yy = (rows * dy * dy).sum(dim=1) * per_pixel
    xy = ((mask * dx[:, None, :]).sum(dim=2) * dy).sum(dim=1) * per_pixel
    return Moments(area, x, y, xx, yy, xy)


def semi_axes(m: Moments) -> tuple[Tensor, Tensor]:
    """Semi-axes a >= b, each [B], of the uniform ellipse with these moments: twice the deviation along each axis."""
    mean = (m.xx + m.yy) / 2
    spread = torch.sqrt(((m.xx - m.yy) / 2) ** 2 + m.xy**2)
    return 2 * torch.sqrt(mean + spread), 2 * torch.sqrt((mean - spread).clamp(min=0.0))


def ellipse_area(m: Moments) -> Tensor:
    """Area [B] of the ellipse with these second moments, px²; equal to the mask's where the mask is an ellipse."""
    a, b = semi_axes(m)
    return torch.pi * a * b


def angle(m: Moments) -> Tensor:
    """Direction [B] of the major axis in degrees, 0 <= angle < 180, from x towards y (down), as in `cv2.ellipse`."""
    half = (m.xx - m.yy) / 2
    spread = torch.sqrt(half**2 + m.xy**2)
    # atan2(xy, half) / 2 by the half-angle formula; each form keeps its denominator away from zero.
    flat = torch.atan(m.xy / (spread + half).clamp(min=1e-9))
    sign = torch.where(m.xy < 0, -torch.ones_like(m.xy), torch.ones_like(m.xy))
    steep = sign * torch.pi / 2 - torch.atan(m.xy / (spread - half).clamp(min=1e-9))
    radians = torch.where(half >= 0, flat, steep)
    radians = torch.where(spread < 1e-9, torch.zeros_like(radians), radians)
    degrees = radians * (180.0 / torch.pi)
    return torch.where(degrees < 0, degrees + 180.0, degrees)


def circle_to_ellipse(m: Moments) -> tuple[Tensor, Tensor, Tensor]:
    """Symmetric matrix (xx, xy, yy), each [B], that takes the unit circle to the ellipse without turning it.

    It is twice the square root of the covariance C: (C + sqrt(det C) I) / sqrt(tr C + 2 sqrt(det C)) in 2 x 2.
    """
    root = torch.sqrt((m.xx * m.yy - m.xy**2).clamp(min=0.0))
    factor = 2 / torch.sqrt((m.xx + m.yy + 2 * root).clamp(min=1e-9))
    return (m.xx + root) * factor, m.xy * factor, (m.yy + root) * factor


def in_ellipse(m: Moments, a: Tensor, b: Tensor, size: int) -> Tensor:
    """[B, size, size]: 1 on the ellipse with the centre and direction of m and semi-axes a, b [B] px, else 0."""
    line = torch.arange(size, dtype=torch.float32)
    dx, dy = line.view(1, 1, -1) - m.x[:, None, None], line.view(1, -1, 1) - m.y[:, None, None]
    turn = (angle(m) * (torch.pi / 180.0))[:, None, None]
    along, across = dx * torch.cos(turn) + dy * torch.sin(turn), dy * torch.cos(turn) - dx * torch.sin(turn)
    a, b = (axis.clamp(min=1e-3)[:, None, None] for axis in (a, b))
    return ((along / a) ** 2 + (across / b) ** 2 <= 1.0).float()
