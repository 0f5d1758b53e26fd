"""Connected components of masks, without loops that depend on the data."""

import torch
from torch import Tensor
from torch.nn import functional

ROUNDS = 8  # 6 suffice for spirals, mazes and noise at 128 px, the hardest masks that the tests hold to OpenCV


def largest_component(mask: Tensor) -> Tensor:
    """The largest 4-connected component of each mask; ties go to one of them.

    Args:
        mask: [B, N, N] float, 1 inside and 0 outside; N is even.

    Returns:
        [B, N, N] float, 1 on the component; all 0 where the mask is empty.
    """
    pairs = _pairs(mask)
    largest = _count(pairs).flatten(1).argmax(dim=1).float()
    return ((pairs == largest[:, None, None]) & (mask > 0.5)).float()


def central_component(mask: Tensor, share: float) -> Tensor:
    """The component nearest to the middle, of those that have at least `share` of the pixels of the largest one.

    Which of several equal ones is the largest depends on single pixels, so on which way the picture is turned. Which is
    nearest to the middle does not.

    Args:
        mask: [B, N, N] as for `largest_component`.
        share: of the pixels.

    Returns:
        [B, N, N] float as of `largest_component`.
    """
    size = mask.shape[-1]
    pairs, inside = _pairs(mask), mask > 0.5
    counts = _count(pairs).flatten(1)
    own = counts.gather(1, pairs.clamp(min=0.0).flatten(1).long()).view_as(pairs)
    large = inside & (own >= share * counts.amax(dim=1)[:, None, None])
    line = (torch.arange(size, dtype=torch.float32) - (size - 1) / 2) ** 2
    near = torch.where(large, -(line[:, None] + line), -float(size * size))
    nearest = near.flatten(1).argmax(dim=1, keepdim=True)
    chosen = pairs.flatten(1).gather(1, nearest)
    return ((pairs == chosen[:, :, None]) & inside).float()


def _pairs(mask: Tensor) -> Tensor:
    """Halved labels [B, N, N] of the components of a mask [B, N, N].

    Halving is safe: a half names two horizontally adjacent pixels, which cannot belong to different components.
    """
    return torch.floor(_label(mask) / 2)


def _label(mask: Tensor) -> Tensor:
    """Labels [B, N, N] of the 4-connected components.

    A component's label is the number of one of its pixels; the background's is -1. Every pixel points at a pixel of its
    component. A round hooks the roots of neighbours onto each other, always towards the larger index, and then shortens
    the pointers (Shiloach and Vishkin, An O(log n) parallel connectivity algorithm, 1982). A root may be offered
    several larger labels at once. Whichever is written, the root moves up. So no scatter reduction is needed; TensorRT
    would refuse one.
    """
    size = mask.shape[-1]
    own = torch.arange(size * size, dtype=torch.float32).view(1, size, size)
    inside = mask > 0.5
    labels = torch.where(inside, own, -1.0)
    for _ in range(ROUNDS):
        labels = _round(labels, own, inside)
    return labels


def _round(labels: Tensor, own: Tensor, inside: Tensor) -> Tensor:
    """One hook and three jumps on [B, N, N] labels, -1 outside the mask."""
    tall = functional.max_pool2d(labels.unsqueeze(1), (3, 1), stride=1, padding=(1, 0))
    wide = functional.max_pool2d(labels.unsqueeze(1), (1, 3), stride=1, padding=(0, 1))
    offered = torch.where(inside, torch.maximum(tall, wide).squeeze(1), own).flatten(1)
    # Background pixels point at themselves, so no pointer leads from a component to the background or back.
    pointers = torch.where(inside, labels, own).flatten(1)
    # Pixels with nothing larger to offer write to a spare place at the end, where they overwrite nothing.
    spare = torch.full_like(pointers, float(pointers.shape[1]))
    target = torch.where(offered > pointers, pointers, spare)
    hooked = functional.pad(pointers, (0, 1)).scatter(1, target.long(), offered)[:, :-1]
    pointers = torch.maximum(pointers, hooked)
    for _ in range(3):
        pointers = pointers.gather(1, pointers.long())
    return torch.where(inside, pointers.view_as(labels), -1.0)


def _count(labels: Tensor) -> Tensor:
    """Pixels per label: [B, N, N] halved labels to [B, N, N/2] counts, each at the place of its pair of pixels.

    A product of one-hot rows and columns. Two horizontal neighbours are counted together: they are of one component, or
    one of them is background.
    """
    size, half = labels.shape[-1], labels.shape[-1] // 2
    both = labels.unflatten(2, (half, 2))
    pixels = (both >= 0).float().sum(dim=3).flatten(1)
    label = both.amax(dim=3).flatten(1)
    row = torch.floor(label / half)  # -1 for the background, which matches no line
    column = label - row * half
    line = torch.arange(size, dtype=torch.float32)
    rows = torch.where(row[:, None, :] == line[:, None], pixels[:, None, :], 0.0)  # [B, N, N*N/2]
    columns = (column[:, :, None] == line[:half]).float()  # [B, N*N/2, N/2]
    return torch.matmul(rows, columns)
