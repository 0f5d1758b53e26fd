"""IoU of the largest coin's mask by threshold and pass, for any number of trainings, as one table.

    python -m training.segmentation_table ELLIPSES.csv [--under FOLDER] augmented=a.pt plain=b.pt [--out table.md]

Each photo goes through the steps of the server. The truth is the largest outline of the photo; of a mask, only the
largest coin counts. Both are compared in a square window of 256 px round the true coin, 1.35 diameters wide. So the
first pass over the whole photo and the second one over the zoomed view are measured alike.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from ensemble.contract import IMAGE_SIZE, MASK_THRESHOLD
from ensemble.geometry.graphs import Preprocess, Zoom
from ensemble.geometry.graphs.single import coin_mask
from ensemble.geometry.rules import ZOOM_MARGIN
from ensemble.photo import decode
from training import loop
from training.mint import Ellipse
from training.networks import SEGMENTERS, Segmenter
from training.outlines import read_outlines, scale_ellipse
from training.weights import load_checkpoint

THRESHOLDS = (0.3, 0.5)
PASSES = ("one pass", "two passes")

Scores = dict[tuple[str, float], list[float]]  # IoU of every photo by pass and threshold


@dataclass(frozen=True)
class Truth:
    """The true coin in canvas px."""

    window: Tensor  # [1, 4]
    mask: Tensor  # [256, 256] bool, in the window


def locate(ellipse: Ellipse, scale: float) -> Truth:
    """Window and mask of an outline in photo px; scale: photo px per canvas px."""
    coin = scale_ellipse(ellipse, 1 / scale)
    half = coin.a * ZOOM_MARGIN
    line = (torch.arange(IMAGE_SIZE) + 0.5) / IMAGE_SIZE * 2 - 1
    u, v = line[None, :] * half, line[:, None] * half
    turn = torch.deg2rad(torch.tensor(coin.angle))
    along, across = u * torch.cos(turn) + v * torch.sin(turn), v * torch.cos(turn) - u * torch.sin(turn)
    mask = (along / coin.a) ** 2 + (across / coin.b) ** 2 <= 1
    x, y = coin.cx + 0.5, coin.cy + 0.5  # windows count from the outer edge of the first pixel
    return Truth(torch.tensor([[x - half, y - half, x + half, y + half]]), mask)


def in_window(mask: Tensor, window: Tensor, target: Tensor) -> Tensor:
    """A mask [1, N, N] that covers `window`, sampled over the window `target`: [256, 256] bool."""
    line = (torch.arange(IMAGE_SIZE) + 0.5) / IMAGE_SIZE
    (x0, y0, x1, y1), (left, top, right, bottom) = target[0], window[0]
    x = (x0 + line * (x1 - x0) - left) / (right - left) * 2 - 1
    y = (y0 + line * (y1 - y0) - top) / (bottom - top) * 2 - 1
    grid = torch.stack(torch.broadcast_tensors(x[None, :], y[:, None]), dim=2)[None]
    return functional.grid_sample(mask[None], grid, padding_mode="zeros", align_corners=False)[0, 0] > 0.5


@torch.no_grad()
def measure(network: Segmenter, photo: bytes, ellipse: Ellipse) -> dict[tuple[str, float], float]:
    """IoU by pass and threshold."""
    parts = decode(photo)
    canvas, extent = torch.from_numpy(parts.canvas)[None], torch.from_numpy(parts.extent)[None]
    truth = locate(ellipse, float(parts.scale[0]))
    window, coarse_image = Preprocess()(canvas, extent)
    first = network.masks(coarse_image.to(loop.device())).cpu()
    zoom_window, image = Zoom()(canvas, extent, window, first)
    second = network.masks(image.to(loop.device())).cpu()
    scores = {}
    for name, seen, mask in zip(PASSES, (window, zoom_window), (first, second), strict=True):
        for threshold in THRESHOLDS:
            # coin_mask cuts at MASK_THRESHOLD: shift the probabilities to cut at the wanted one.
            found = in_window(coin_mask(mask + (MASK_THRESHOLD - threshold)), seen, truth.window)
            union = (found | truth.mask).sum()
            scores[name, threshold] = float((found & truth.mask).sum() / union)
    return scores


def table(results: dict[str, Scores]) -> str:
    """Markdown: a row for every training."""
    columns = [(name, threshold) for name in PASSES for threshold in THRESHOLDS]
    lines = [
        "| weights | " + " | ".join(f"{name}, IoU at {threshold}" for name, threshold in columns) + " | photos |",
        "| --- " * (len(columns) + 2) + "|",
    ]
    for title, scores in results.items():
        means = [sum(scores[column]) / len(scores[column]) for column in columns]
        lines.append(f"| {title} | " + " | ".join(f"{mean:.3f}" for mean in means) + f" | {len(scores[columns[0]])} |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ellipses", type=Path, help="ellipses.csv; the photos lie beside it")
    parser.add_argument("weights", nargs="+", metavar="NAME=PT", help="checkpoint of a trained segmentation network")
    parser.add_argument("--under", default="", help="take only photos whose path begins with this")
    parser.add_argument("--out", type=Path, help="write the table here, too")
    args = parser.parse_args()
    outlines = read_outlines(args.ellipses, args.under, doubtful=False)
    if not outlines:
        parser.error(f"{args.ellipses} names no photo under {args.under!r}")
    results: dict[str, Scores] = {}
    for item in args.weights:
        title, _, path = item.partition("=")
        network = load_checkpoint(Path(path), SEGMENTERS)[1].to(loop.device())
        scores: Scores = {(name, threshold): [] for name in PASSES for threshold in THRESHOLDS}
        for photo, ellipses in tqdm(outlines.items(), desc=title):
            largest = max(ellipses, key=lambda e: e.a * e.b)
            for key, value in measure(network, (args.ellipses.parent / photo).read_bytes(), largest).items():
                scores[key].append(value)
        results[title] = scores
    text = table(results)
    print(text)
    if args.out:
        args.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
