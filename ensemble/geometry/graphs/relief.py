"""From a rectified coin to its relief map: what tells it from other coins, whatever the light and whichever way up.

Light from the other side turns the sign of every edge round, and leaves its place and its line as they are. So the map
holds how strong the edges are and which way they run, without sign, relative to the radius. Its rings are unrolled and
written as harmonics along the angle: a turn of the coin only changes their phases, and one product for each harmonic
compares two coins at all turns.

Orientation without sign is that of the double angle (Granlund 1978; Bigün and Granlund 1987), the local contrast
normalization that of Jarrett et al. 2009, section 2.1.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ensemble.contract import (
    IMAGE_SIZE,
    IMAGE_STD,
    RELIEF_HARMONICS,
    RELIEF_ORIENTATIONS,
    RELIEF_RADII,
    RELIEF_TRIALS,
)

REDUCTION = 2  # of the coin's 256 px: finer detail than this does not survive the rings. Lengths below are after it.
LUMA = (0.299, 0.587, 0.114)  # of RGB: ITU-R BT.601
NOISE = 0.75  # px, standard deviation of the blur before the gradient
MEAN_WIDTH, SPREAD_WIDTH = 13, 17  # px, odd: squares of local mean and contrast
LEAST_SPREAD = 3.0  # grey levels: a flatter area stays faint
STRENGTH = 0.35  # power of the gradient's magnitude: a bright edge counts little more than a faint one
SOFTNESS = 0.8  # px, standard deviation of the blur after the gradient
INNERMOST, OUTERMOST = 5.5, 59.0  # px: where the rings begin and end; the rim is at 60
FOURFOLD = 0.5  # weight of the orientation of 4 times the angle beside that of twice the angle
ANGLES = 64  # samples of a ring
FINER = 2  # samples in each direction that become one
GROWTH = 0.375  # a ring of radius r weighs r ** GROWTH: rings further out are longer
BALANCE, FADING = 0.35, 14.0  # harmonic f weighs f ** BALANCE * exp(-(f / FADING) ** 2 / 2)

LEAST_LENGTH = 0.01  # of a map before it has unit length: rounding alone stays next to nothing; coins have 30 and more

_SIZE = IMAGE_SIZE // REDUCTION
_CENTRE = (_SIZE - 1) / 2


class Relief(nn.Module):
    """Coin to relief maps, one for each of RELIEF_TRIALS."""

    grey: Tensor
    sobel: Tensor
    rings: Tensor
    size: Tensor
    place: Tensor
    ring: Tensor
    turned: Tensor
    harmonics: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("grey", grey_weights(REDUCTION))
        self.register_buffer("sobel", sobel())
        self.register_buffer("rings", _rings()[None, None])
        self.register_buffer("size", torch.tensor([size for size, _, _ in RELIEF_TRIALS]).view(-1, 1, 1, 1))
        self.register_buffer(
            "place", torch.tensor([place for _, *place in RELIEF_TRIALS]).view(-1, 1, 1, 2) * (2 / IMAGE_SIZE)
        )
        self.register_buffer("ring", _ring_weights().view(1, 1, 1, 1, -1))
        self.register_buffer("turned", turned(_angles(ANGLES)[:, None]))
        self.register_buffer("harmonics", _harmonics())

    def forward(self, coin: Tensor) -> Tensor:
        """Map a coin.

        Args:
            coin: [B, 3, 256, 256] normalized, zero outside the circle.

        Returns:
            [B, trials, harmonics, 2 * radii * orientations]: real and imaginary parts of the harmonics of every ring.
            Each map has unit length; that of a coin without any edge is zero.
        """
        seen = edges(coin, self.grey, self.sobel)
        # For each coin of the batch: the exporter would store the grid of all trials as numbers.
        rings = self.rings.expand(coin.shape[0], *self.rings.shape[1:])
        grid = ((rings - self.place) / self.size).flatten(1, 2)
        fine = functional.grid_sample(seen, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        rings = functional.avg_pool2d(fine, FINER)
        rings = rings.view(-1, RELIEF_ORIENTATIONS, len(RELIEF_TRIALS), ANGLES, RELIEF_RADII) * self.ring
        # [B, trials, radii, orientations, angles]: each ring's harmonics are one product.
        rings = relative_to_radius(rings, self.turned).permute(0, 2, 4, 1, 3)
        waves = torch.matmul(rings, self.harmonics)
        waves = waves.view(-1, len(RELIEF_TRIALS), RELIEF_RADII * RELIEF_ORIENTATIONS, 2, RELIEF_HARMONICS)
        relief = waves.permute(0, 1, 4, 3, 2).flatten(3)
        length = torch.sqrt((relief * relief).sum((2, 3), keepdim=True))
        return relief / (length + LEAST_LENGTH)


def edges(coin: Tensor, grey: Tensor, gradient: Tensor) -> Tensor:
    """How strong the edges of a coin are and which way they run, without sign.

    Args:
        coin: [B, 3, h, w] normalized.
        grey: of `grey_weights`, for as much as the coin is to be reduced.
        gradient: of `sobel`.

    Returns:
        [B, 5, …], reduced: strength of the edges; the same times cosine and sine of 2 and of 4 times their angle.
    """
    smooth = _swept(functional.conv2d(coin, grey, stride=grey.shape[-1]), _bell(NOISE))
    centred = smooth - _mean(smooth, MEAN_WIDTH)
    flat = centred / (torch.sqrt(_mean(centred * centred, SPREAD_WIDTH)) + LEAST_SPREAD)
    slope = functional.conv2d(flat, gradient, padding=1)
    dx, dy = slope[:, :1], slope[:, 1:]
    square = dx * dx + dy * dy + 1e-6
    strength = torch.pow(square, STRENGTH / 2)
    cos2, sin2 = (dx * dx - dy * dy) / square, 2 * dx * dy / square
    cos4, sin4 = cos2 * cos2 - sin2 * sin2, 2 * cos2 * sin2
    fourfold = FOURFOLD * strength
    parts = [strength, strength * cos2, strength * sin2, fourfold * cos4, fourfold * sin4]
    return _blurred(torch.cat(parts, 1), SOFTNESS)


def grey_weights(reduction: int) -> Tensor:
    """[1, 3, reduction, reduction]: from a normalized coin to grey levels, the mean of each square."""
    luma = 255 * torch.tensor(LUMA) * torch.tensor(IMAGE_STD)  # the mean colour becomes 0, as outside the coin
    return (luma / reduction**2).view(1, 3, 1, 1).repeat(1, 1, reduction, reduction)


def relative_to_radius(unrolled: Tensor, turned: Tensor) -> Tensor:
    """Turn the orientations of unrolled edges so that they are relative to the radius.

    Args:
        unrolled: [B, 5, …] of `edges`.
        turned: [4, …]: cosine and sine of 2 and of 4 times the angle at which each stands on the coin.
    """
    cos2, sin2, cos4, sin4 = turned
    strength, x2, y2, x4, y4 = unrolled.unbind(1)
    return torch.stack(
        [strength, x2 * cos2 + y2 * sin2, y2 * cos2 - x2 * sin2, x4 * cos4 + y4 * sin4, y4 * cos4 - x4 * sin4], 1
    )


def _blurred(picture: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of each channel of [B, C, h, w], zero beyond the edges."""
    channels, bell = picture.shape[1], _bell(sigma)
    reach, bells = len(bell) // 2, bell.expand(channels, 1, -1)
    rows = functional.conv2d(picture, bells[:, :, :, None], padding=(reach, 0), groups=channels)
    return functional.conv2d(rows, bells[:, :, None, :], padding=(0, reach), groups=channels)


def _bell(sigma: float) -> Tensor:
    """[width]: a Gaussian, in sum 1."""
    reach = round(4 * sigma)
    at = torch.arange(-reach, reach + 1, dtype=torch.float32)
    bell = torch.exp(-at * at / (2 * sigma * sigma))
    return bell / bell.sum()


def _mean(picture: Tensor, width: int) -> Tensor:
    """Mean over a square around each pixel of [B, 1, h, w], zero beyond the edges."""
    return _swept(picture, torch.full((width,), 1 / width))


def _swept(picture: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of [B, 1, h, w] down the columns, then along the rows, zero beyond the edges.

    Turned in between: with one channel, OpenVINO's convolution is fast down the columns only (41 and 691 microseconds).
    """
    column, reach = weights.view(1, 1, -1, 1), len(weights) // 2
    for _ in range(2):
        picture = functional.conv2d(picture, column, padding=(reach, 0)).transpose(2, 3)
    return picture


def sobel() -> Tensor:
    """[2, 1, 3, 3]: the gradient to the right and down."""
    right = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    return torch.stack([right, right.T])[:, None]


def _rings() -> Tensor:
    """[angles, radii, 2]: where the rings are sampled, -1 to 1 over the picture."""
    angle = _angles(FINER * ANGLES)[:, None]
    steps = FINER * RELIEF_RADII
    radius = INNERMOST + (torch.arange(steps) + 0.5) / steps * (OUTERMOST - INNERMOST)
    return torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], 2) * (2 / _SIZE)


def _angles(count: int) -> Tensor:
    """The middles of equal parts of a turn."""
    return (torch.arange(count) + 0.5) * (2 * math.pi / count)


def _ring_weights() -> Tensor:
    """[radii]: the weight of each ring."""
    radius = INNERMOST + (torch.arange(RELIEF_RADII) + 0.5) / RELIEF_RADII * (OUTERMOST - INNERMOST)
    return (radius / OUTERMOST) ** GROWTH


def turned(angle: Tensor) -> Tensor:
    """[4, …]: cosine and sine of 2 and of 4 times the angle."""
    return torch.stack([torch.cos(2 * angle), torch.sin(2 * angle), torch.cos(4 * angle), torch.sin(4 * angle)])


def _harmonics() -> Tensor:
    """[angles, 2 * harmonics]: from a ring to the real and the imaginary parts of its weighted harmonics."""
    order = torch.arange(1, RELIEF_HARMONICS + 1, dtype=torch.float32)
    weight = order**BALANCE * torch.exp(-((order / FADING) ** 2) / 2)
    phase = torch.arange(ANGLES)[:, None] * order * (2 * math.pi / ANGLES)
    return torch.cat([torch.cos(phase) * weight, -torch.sin(phase) * weight], 1)
