"""What a trained segmentation does on real photos, without a server: both passes, the crop, the answer.

    python -m training.segmentation_check best.pt --outlines ELLIPSES.csv [--under FOLDER]
        [--turned FOLDER …] [--nothing BACKGROUNDS] [--most 100]

- outlines: intersection over union with the outline of each photo that shows one coin.
- turned: photos turned by 90, 180 and 270 degrees; the share whose outline, turned back, agrees with that of the photo
  as it is (IoU at least AGREES). No labels are needed.
- nothing: the share of the held-out pictures of `training.backgrounds.fetch` in which a coin is found.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from ensemble.contract import PHOTO_ENDINGS
from ensemble.geometry.graphs import Crop, Preprocess, Zoom
from ensemble.photo import decode
from training.backgrounds.fetch import TEST, read_pictures
from training.backgrounds.sources import OBJECT
from training.mint import Ellipse
from training.networks import SEGMENTERS, Segmenter
from training.outlines import overlap, read_outlines, read_photo, turned_back
from training.weights import load_checkpoint

AGREES = 0.9  # IoU


class Finder:
    """Finds the coin of a photo as the server does, with a network in torch.

    Args:
        network: in evaluation mode, on the CPU.
    """

    def __init__(self, network: Segmenter) -> None:
        self.network = network
        self.preprocess, self.zoom, self.crop = Preprocess(), Zoom(), Crop()

    @torch.no_grad()
    def find(self, picture: np.ndarray) -> Ellipse | None:
        """The rim in px of the picture [h, w, 3] BGR, or None where no coin is found."""
        parts = decode(cv2.imencode(".bmp", picture)[1].tobytes())
        canvas, extent = torch.from_numpy(parts.canvas)[None], torch.from_numpy(parts.extent)[None]
        window, coarse = self.preprocess(canvas, extent)
        window, image = self.zoom(canvas, extent, window, self.network.masks(coarse))
        scale = torch.from_numpy(parts.scale)[None]
        _, ellipse, found, _ = self.crop(canvas, extent, scale, window, *self.network(image))
        return Ellipse(*ellipse[0].tolist()) if found[0, 0] > 0.5 else None


def outline_scores(finder: Finder, table: Path, under: str, most: int) -> list[float]:
    """IoU of each photo with one good outline; 0 where no coin is found."""
    scores = []
    outlines = read_outlines(table, under, doubtful=False)
    for path, ellipses in tqdm(list(outlines.items())[:most], desc="outlines"):
        if len(ellipses) == 1:
            found = finder.find(read_photo(table.parent / path))
            scores.append(overlap(found, ellipses[0]) if found else 0.0)
    return scores


def turned_scores(finder: Finder, folder: Path, most: int) -> Iterator[tuple[Path, list[float]]]:
    """Each photo with the IoU of its outline and those of its three turns; 0 where either has none."""
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_ENDINGS)
    for path in tqdm(photos[:: max(len(photos) // most, 1)][:most], desc=folder.name):
        photo = read_photo(path)
        first, scores = finder.find(photo), []
        for quarters in (1, 2, 3):
            found = finder.find(np.ascontiguousarray(np.rot90(photo, quarters)))
            back = turned_back(found, quarters, photo.shape[1], photo.shape[0]) if found else None
            scores.append(overlap(first, back) if first and back else 0.0)
        yield path, scores


def false_finds(finder: Finder, backgrounds: Path, most: int) -> tuple[list[str], int]:
    """Held-out pictures in which a coin is found, and how many were looked at."""
    pictures = [p for p in read_pictures(backgrounds) if p.set == TEST and p.kind != OBJECT]
    chosen = pictures[:: max(len(pictures) // most, 1)][:most]
    wrong = [p.path for p in tqdm(chosen, desc="nothing") if finder.find(read_photo(backgrounds / p.path))]
    return wrong, len(chosen)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="checkpoint of a training")
    parser.add_argument("--outlines", type=Path, help="ellipses.csv; the photos lie beside it")
    parser.add_argument("--under", default="", help="take only outlines whose path begins with this")
    parser.add_argument("--turned", type=Path, nargs="+", default=[], help="folders of photos")
    parser.add_argument("--nothing", type=Path, help="folder of training.backgrounds.fetch")
    parser.add_argument("--most", type=int, default=100, help="photos of each kind (%(default)s)")
    parser.add_argument("--list", action="store_true", help="name the photos that go wrong")
    args = parser.parse_args()
    torch.set_num_threads(1)
    finder = Finder(load_checkpoint(args.weights, SEGMENTERS)[1])
    if args.outlines:
        scores = np.array(outline_scores(finder, args.outlines, args.under, args.most))
        good = f">= {AGREES} {(scores >= AGREES).mean():.3f} of {len(scores)}"
        print(f"outlines: IoU mean {scores.mean():.4f}, median {np.median(scores):.4f}, {good}")
    for folder in args.turned:
        rows = list(turned_scores(finder, folder, args.most))
        turned = np.array([score for _, row in rows for score in row])
        print(f"turned {folder.name}: agree {(turned >= AGREES).mean():.3f} of {len(turned)}")
        for path, row in rows if args.list else ():
            if min(row) < AGREES:
                print(f"  {path} {' '.join(f'{score:.2f}' for score in row)}")
    if args.nothing:
        wrong, count = false_finds(finder, args.nothing, args.most)
        print(f"nothing: found in {len(wrong)} of {count}")
        for name in wrong if args.list else ():
            print(f"  {name}")


if __name__ == "__main__":
    main()
