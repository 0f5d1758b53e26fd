"""The whole photo, letterboxed, for the first pass of the segmentation."""

from torch import Tensor, nn

from ensemble.contract import COARSE_SIZE
from ensemble.geometry.graphs.resize import resize_window, whole_window


class Preprocess(nn.Module):
    """Canvas to network input."""

    def forward(self, canvas: Tensor, extent: Tensor) -> tuple[Tensor, Tensor]:
        """Letterbox the photo into the network's square.

        Args:
            canvas: [B, 1024, 1024, 3] uint8 RGB.
            extent: [B, 2] int32 height and width of the photo, px.

        Returns:
            window [B, 4] in canvas px, coarse_image [B, 3, 128, 128] normalized.
        """
        window = whole_window(extent)
        return window, resize_window(canvas, extent, window, COARSE_SIZE)
