"""Distance to the background of a mask, without loops that depend on the data."""

import torch
from torch import Tensor
from torch.nn import functional


def distance_to_background(mask: Tensor) -> Tensor:
    """Exact Euclidean distance transform: the distance of each pixel to the nearest one outside the mask, px.

    A minimum along each row and then one along each column give the squared distance (Felzenszwalb and Huttenlocher,
    Distance transforms of sampled functions, 2012, section 2.1). Each is taken over all pairs of the line: N values for
    each pixel. Pixels beyond the picture are background.

    Args:
        mask: [B, N, N] float, 1 inside and 0 outside.

    Returns:
        [B, N, N] float, 0 outside the mask.
    """
    padded = functional.pad(mask, (1, 1, 1, 1))
    size = padded.shape[-1]
    line = torch.arange(size, dtype=torch.float32)
    square = (line[:, None] - line) ** 2  # [x, x']
    rows = (padded[:, :, None, :] * size**2 + square).amin(
        3
    )  # over x'; a pixel inside counts as farther than any background
    both = (rows[:, None, :, :] + square[None, :, :, None]).amin(2)  # over y'
    return torch.sqrt(both[:, 1:-1, 1:-1])
