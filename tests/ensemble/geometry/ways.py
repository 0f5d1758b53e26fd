"""The two ways in which the geometry is computed, behind one interface: arrays of one photo in, arrays out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ensemble.contract import (
    CANVAS,
    COARSE_MASK,
    COIN_PROBABILITY,
    CROP,
    EXTENT,
    MASK,
    PREPROCESS,
    SCALE,
    WINDOW,
    ZOOM,
    ZOOM_WINDOW,
)
from ensemble.geometry import graphs, opencv
from ensemble.geometry.graphs import components, ellipse, outline, resize, single
from ensemble.geometry.opencv import ellipse as cv_ellipse
from ensemble.geometry.opencv import outline as cv_outline
from ensemble.geometry.opencv import resample as cv_resample
from ensemble.geometry.opencv import single as cv_single
from ensemble.photo import Photo
from training.data import cores

Mask = np.ndarray  # [N, N]
Masks = np.ndarray  # [2, N, N]: coins, and their cores
Step = Callable[..., tuple[np.ndarray, ...]]


@dataclass(frozen=True)
class Shape:
    """Moments of a mask, and the ellipse that has them."""

    area: float
    x: float
    y: float
    xx: float
    yy: float
    xy: float
    a: float
    b: float
    angle: float
    circle_to_ellipse: np.ndarray  # [2, 2]

    @property
    def axes(self) -> tuple[float, float, float, float]:
        """Centre and semi-axes."""
        return self.x, self.y, self.a, self.b

    @property
    def numbers(self) -> list[float]:
        """All of them."""
        moments = [self.area, self.x, self.y, self.xx, self.yy, self.xy]
        return [*moments, self.a, self.b, self.angle, *self.circle_to_ellipse.ravel().tolist()]


@dataclass(frozen=True)
class Way:
    """One way.

    Attributes:
        largest_component: [N, N] mask of 0 and 1 to another.
        coin_mask: [2, N, N] probabilities to a mask [N, N].
        moments: [N, N] mask to a shape.
        outline: [N, N] mask of all coins, and one of about one coin, to that one's shape.
        shape: of moments area, x, y, xx, yy, xy.
        resize: canvas, extent, window [4], size to [3, size, size].
        whole_window: extent to [4].
        preprocess: of a photo.
        zoom: of a photo, a window [4] and coarse masks [2, N, N].
        crop: of a photo, a window [4], masks [2, N, N] and the probability [1] that it is a coin.
    """

    name: str
    largest_component: Callable[[Mask], Mask]
    coin_mask: Callable[[Masks], Mask]
    moments: Callable[[Mask], Shape]
    outline: Callable[[Mask, Mask], Shape]
    shape: Callable[[Sequence[float]], Shape]
    resize: Callable[[np.ndarray, np.ndarray, Sequence[float], int], np.ndarray]
    whole_window: Callable[[np.ndarray], np.ndarray]
    preprocess: Step
    zoom: Step
    crop: Step


def with_cores(mask: Mask) -> Masks:
    """A mask of coins that do not touch, as the network answers: with the core of each; in steps of 1/255."""
    grey = np.rint(255 * np.clip(mask, 0, 1)).astype(np.uint8)
    return np.stack([grey, cores(grey)]).astype(np.float32) / 255


def _tensor(mask: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(mask, np.float32))[None]


def _of_graph(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda mask: function(_tensor(mask))[0].numpy()


def _graph_shape(m: ellipse.Moments) -> Shape:
    a, b = ellipse.semi_axes(m)
    xx, xy, yy = (term.item() for term in ellipse.circle_to_ellipse(m))
    area, x, y, xx2, yy2, xy2 = (value.item() for value in (m.area, m.x, m.y, m.xx, m.yy, m.xy))
    matrix = np.array([[xx, xy], [xy, yy]])
    return Shape(area, x, y, xx2, yy2, xy2, a.item(), b.item(), ellipse.angle(m).item(), matrix)


def _graph_step(module: torch.nn.Module) -> Step:
    def run(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(tensor[0].numpy() for tensor in module(*(torch.from_numpy(array)[None] for array in arrays)))

    return run


def _graph_resize(canvas: np.ndarray, extent: np.ndarray, window: Sequence[float], size: int) -> np.ndarray:
    tensors = (torch.from_numpy(canvas)[None], torch.from_numpy(extent)[None], torch.tensor([window]))
    return resize.resize_window(*tensors, size)[0].numpy()


_zoom, _crop, _preprocess = (_graph_step(module) for module in (graphs.Zoom(), graphs.Crop(), graphs.Preprocess()))

GRAPHS = Way(
    "graphs",
    _of_graph(components.largest_component),
    lambda masks: single.coin_mask(_tensor(masks))[0].numpy(),
    lambda mask: _graph_shape(ellipse.moments(_tensor(mask))),
    lambda coins, alone: _graph_shape(outline.outline(_tensor(coins), ellipse.moments(_tensor(alone)))),
    lambda values: _graph_shape(ellipse.Moments(*torch.tensor(values, dtype=torch.float32)[:, None])),
    _graph_resize,
    lambda extent: resize.whole_window(torch.from_numpy(extent)[None])[0].numpy(),
    lambda photo: _preprocess(photo.canvas, photo.extent),
    lambda photo, window, masks: _zoom(photo.canvas, photo.extent, window, masks),
    lambda photo, window, masks, likely: _crop(photo.canvas, photo.extent, photo.scale, window, masks, likely),
)


def _cv_shape(m: cv_ellipse.Moments) -> Shape:
    return Shape(m.area, m.x, m.y, m.xx, m.yy, m.xy, *m.semi_axes, m.angle, m.circle_to_ellipse)


def _cv_step(model: Any, photo: Photo, **inputs: np.ndarray) -> tuple[np.ndarray, ...]:
    given = {CANVAS.name: photo.canvas, EXTENT.name: photo.extent, SCALE.name: photo.scale, **inputs}
    answer = opencv.STEPS[model]({tensor.name: given[tensor.name][None] for tensor in model.inputs})
    for tensor in model.outputs:
        assert answer[tensor.name].shape == (1, *tensor.dims) and answer[tensor.name].dtype == np.float32
    return tuple(answer[tensor.name][0] for tensor in model.outputs)


def _bytes(mask: np.ndarray) -> np.ndarray:
    return mask.astype(np.uint8)


OPENCV = Way(
    "opencv",
    lambda mask: cv_single.largest_component(_bytes(mask)),
    lambda masks: cv_single.coin_mask(masks.astype(np.float32)),
    lambda mask: _cv_shape(cv_ellipse.moments(mask.astype(np.float32))),
    lambda coins, alone: _cv_shape(cv_outline.outline(coins.astype(np.float32), cv_ellipse.moments(_bytes(alone)))),
    lambda values: _cv_shape(cv_ellipse.Moments(*values)),
    lambda canvas, extent, window, size: cv_resample.resize_window(canvas, extent, np.array(window), size, exact=True),
    cv_resample.whole_window,
    lambda photo: _cv_step(PREPROCESS, photo),
    lambda photo, window, masks: _cv_step(ZOOM, photo, **{WINDOW.name: window, COARSE_MASK.name: masks}),
    lambda photo, window, masks, likely: _cv_step(
        CROP, photo, **{ZOOM_WINDOW.name: window, MASK.name: masks, COIN_PROBABILITY.name: likely}
    ),
)
