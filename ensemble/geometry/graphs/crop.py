"""From a mask to the coin: zoom on one, then rectify it."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ensemble.contract import COARSE_SIZE, COIN_RADIUS, IMAGE_SIZE, LEAST_DIAMETER, LEAST_PROBABILITY
from ensemble.geometry.graphs.ellipse import Moments, angle, circle_to_ellipse, ellipse_area, moments, semi_axes
from ensemble.geometry.graphs.outline import outline
from ensemble.geometry.graphs.resize import resize_window
from ensemble.geometry.graphs.single import coin_mask
from ensemble.geometry.rules import EDGE, MIN_AREA, MIN_FILL, SOURCE_SIZE, ZOOM_MARGIN


def _to_canvas(m: Moments, window: Tensor, size: int) -> Moments:
    """Moments in canvas pixels, of a mask of `size` px that covers the window; m is in its own pixels."""
    step = (window[:, 2] - window[:, 0]) / size
    x = window[:, 0] + (m.x + 0.5) * step
    y = window[:, 1] + (m.y + 0.5) * step
    square = step * step
    return Moments(m.area * square, x, y, m.xx * square, m.yy * square, m.xy * square)


def _square(x: Tensor, y: Tensor, half: Tensor) -> Tensor:
    """Windows [B, 4] around centres, all [B]."""
    return torch.stack([x - half, y - half, x + half, y + half], dim=1)


class Zoom(nn.Module):
    """A closer look at one coin, for the second pass of the segmentation."""

    def forward(self, canvas: Tensor, extent: Tensor, window: Tensor, coarse_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Frame the coin.

        Args:
            canvas: [B, 1024, 1024, 3] uint8 RGB.
            extent: [B, 2] int32 height and width of the photo, px.
            window: [B, 4] what the mask covers, canvas px.
            coarse_mask: [B, 2, 128, 128] probabilities: coin, and core of one.

        Returns:
            zoom_window [B, 4] in canvas px, image [B, 3, 256, 256] normalized. Without a coin, the window does not
            change.
        """
        m = _to_canvas(moments(coin_mask(coarse_mask)), window, COARSE_SIZE)
        major, _ = semi_axes(m)
        zoomed = _square(m.x, m.y, major * ZOOM_MARGIN)
        zoomed = torch.where((m.area > 0)[:, None], zoomed, window)
        return zoomed, resize_window(canvas, extent, zoomed, IMAGE_SIZE)


class Crop(nn.Module):
    """The coin alone: its ellipse is drawn to a circle, its surroundings are removed."""

    def forward(
        self,
        canvas: Tensor,
        extent: Tensor,
        scale: Tensor,
        zoom_window: Tensor,
        mask: Tensor,
        coin_probability: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Rectify the coin of the zoomed view.

        Args:
            canvas: [B, 1024, 1024, 3] uint8 RGB.
            extent: [B, 2] int32 height and width of the photo, px.
            scale: [B, 1] photo px per canvas px.
            zoom_window: [B, 4] what the mask covers, canvas px.
            mask: [B, 2, 256, 256] probabilities: coin, and core of one.
            coin_probability: [B, 1] that the middle of the view shows a coin.

        Returns:
            coin [B, 3, 256, 256] normalized, zero outside the circle; ellipse [B, 5] cx, cy, a, b in photo px and
            angle in degrees; found [B, 1]; cut_off [B, 1]. All are zero where nothing has a coin's shape. What has it,
            but is not likely a coin or too small to tell, is not found.
        """
        alone = coin_mask(mask)
        in_mask = moments(alone)
        large = in_mask.area >= MIN_AREA * IMAGE_SIZE * IMAGE_SIZE
        shaped = in_mask.area >= MIN_FILL * ellipse_area(in_mask)
        there = (large & shaped).float()[:, None]
        m = _to_canvas(outline(mask[:, 0], in_mask), zoom_window, IMAGE_SIZE)
        coin = self._rectify(canvas, extent, m) * there[:, :, None, None]
        ellipse = self._in_photo(m, scale) * there
        diameter = 2 * ellipse[:, 2:3]
        found = (coin_probability >= LEAST_PROBABILITY) & (diameter >= LEAST_DIAMETER)
        cut = self._at_edge(alone, extent, zoom_window) / (2 * semi_axes(in_mask)[0][:, None]).clamp(min=1.0)
        return coin, ellipse, found.float() * there, cut * there

    @staticmethod
    def _at_edge(alone: Tensor, extent: Tensor, window: Tensor) -> Tensor:
        """[B, 1]: the greatest length, px of the mask [B, 256, 256], along which it lies at an edge of the photo."""
        step = (window[:, 2:3] - window[:, 0:1]) / IMAGE_SIZE
        middles = torch.arange(IMAGE_SIZE, dtype=torch.float32) + 0.5
        lengths = []
        for counts, start, length in (
            (alone.sum(dim=1), window[:, 0:1], extent[:, 1:2]),
            (alone.sum(dim=2), window[:, 1:2], extent[:, 0:1]),
        ):
            low, high = (-0.5 - start) / step, (length - 0.5 - start) / step
            near = ((middles - low).abs() <= EDGE) | ((middles - high).abs() <= EDGE)
            lengths.append((counts * near).amax(dim=1, keepdim=True))
        return torch.maximum(*lengths)

    @staticmethod
    def _rectify(canvas: Tensor, extent: Tensor, m: Moments) -> Tensor:
        """[B, 3, 256, 256]: the ellipse as a circle of COIN_RADIUS."""
        margin = IMAGE_SIZE / (2 * COIN_RADIUS)
        half = (semi_axes(m)[0] * margin).clamp(min=1.0)
        source = resize_window(canvas, extent, _square(m.x, m.y, half), SOURCE_SIZE)
        line = (torch.arange(IMAGE_SIZE, dtype=torch.float32) - (IMAGE_SIZE - 1) / 2) / COIN_RADIUS
        u, v = line.view(1, 1, -1), line.view(1, -1, 1)
        xx, xy, yy = (term[:, None, None] for term in circle_to_ellipse(m))
        reach = half[:, None, None]
        grid = torch.stack([(xx * u + xy * v) / reach, (xy * u + yy * v) / reach], dim=3)
        coin = functional.grid_sample(source, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        return torch.where(u * u <= 1.0 - v * v, coin, 0.0)

    @staticmethod
    def _in_photo(m: Moments, scale: Tensor) -> Tensor:
        """The ellipse [B, 5] in photo pixels, whose first pixel spans -0.5 … 0.5 as the canvas' does."""
        a, b = semi_axes(m)
        s = scale[:, 0]
        return torch.stack([(m.x + 0.5) * s - 0.5, (m.y + 0.5) * s - 0.5, a * s, b * s, angle(m)], dim=1)
