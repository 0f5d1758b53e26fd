"""Antialiased resampling of a square window of the canvas, as two matrix products."""

import torch
from torch import Tensor

from ensemble.contract import IMAGE_MEAN, IMAGE_STD


def axis_weights(start: Tensor, stop: Tensor, valid: Tensor, length: int, size: int) -> Tensor:
    """Triangle-filter weights along one axis, as PIL's BILINEAR and torch's `antialias=True` use them.

    Args:
        start, stop: [B] outer edges of the window, px (the first pixel spans -0.5 … 0.5).
        valid: [B] number of leading pixels that belong to the photo.
        length: pixels of the source axis.
        size: pixels of the target axis.

    Returns:
        [B, size, length], rows summing to 1, or to 0 where the window leaves the photo.
    """
    step = (stop - start)[:, None] / size
    centre = start[:, None] + (torch.arange(size, dtype=torch.float32) + 0.5) * step
    pixel = torch.arange(length, dtype=torch.float32)
    distance = (pixel - centre[:, :, None]).abs() / step.clamp(min=1.0)[:, :, None]
    weights = (1.0 - distance).clamp(min=0.0) * (pixel < valid[:, None, None]).float()
    total = weights.sum(dim=2, keepdim=True)
    return weights / total.clamp(min=1e-6)


def resize_window(canvas: Tensor, extent: Tensor, window: Tensor, size: int) -> Tensor:
    """A window of the photo at a new size, normalized; zero (the mean colour) outside the photo.

    Args:
        canvas: [B, H, W, 3] uint8 RGB.
        extent: [B, 2] int32, height and width of the photo on the canvas.
        window: [B, 4] x0, y0, x1, y1, outer edges in canvas px; may reach beyond the photo.
        size: side of the result, px.

    Returns:
        [B, 3, size, size] float32.
    """
    height, width = canvas.shape[1], canvas.shape[2]
    x0, y0, x1, y1 = window.unbind(dim=1)
    rows = axis_weights(y0, y1, extent[:, 0].float(), height, size)
    columns = axis_weights(x0, x1, extent[:, 1].float(), width, size)
    flat = canvas.float().flatten(start_dim=2)  # [B, H, W*3]: rows first, so the bytes are never transposed
    squeezed = torch.matmul(rows, flat).unflatten(2, (width, 3)).permute(0, 3, 1, 2)  # [B, 3, size, W]
    picture = torch.matmul(squeezed, columns.transpose(1, 2).unsqueeze(1))
    inside = rows.sum(dim=2)[:, None, :, None] * columns.sum(dim=2)[:, None, None, :]
    mean = torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1)
    std = torch.tensor(IMAGE_STD).view(1, 3, 1, 1)
    return (picture / 255.0 - mean * inside) / std


def whole_window(extent: Tensor) -> Tensor:
    """The smallest square around the whole photo, centred on it: [B, 2] int32 to [B, 4] canvas px."""
    size = extent.float()
    half = size.amax(dim=1) / 2
    y, x = (size[:, 0] - 1) / 2, (size[:, 1] - 1) / 2
    return torch.stack([x - half, y - half, x + half, y + half], dim=1)
