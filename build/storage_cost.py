"""What the compact storage costs: accuracy of the trained networks and of those in weights/ on held-out renders.

    python build/storage_cost.py --segmentation best.pt --embedding best.pt --data DATA

DATA holds the folders `scenes` and `crops` of `training.render`.
"""

import argparse
from pathlib import Path

import _project  # noqa: F401  before the project's packages
from export_onnx import STORED_AS
from torch import nn

from ensemble.contract import EMBEDDER, IMAGE_SIZE, SEGMENTATION
from training import train_embedding, train_segmentation
from training.data import CropDataset, SceneDataset
from training.networks import Segmenter
from training.weights import load_module

PICTURES = 160  # held-out scenes
QUERIES = 2  # per held-out class


def accuracy(network: nn.Module, data: Path) -> dict[str, float]:
    """IoU of the segmentation, or recall of the embedding, on renders of designs never trained on."""
    if isinstance(network, Segmenter):
        scenes = SceneDataset(data / "scenes", "test", IMAGE_SIZE, augment=False)
        return train_segmentation.evaluate(network, scenes, PICTURES)
    crops = CropDataset(data / "crops" / "test.npy", IMAGE_SIZE, augment=False, seed=1)
    return train_embedding.evaluate(network, crops, QUERIES)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segmentation", type=Path, metavar="PT", help="checkpoint that was exported")
    parser.add_argument("--embedding", type=Path, metavar="PT", help="checkpoint that was exported")
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    for model, checkpoint in ((SEGMENTATION, options.segmentation), (EMBEDDER, options.embedding)):
        if checkpoint is None:
            continue
        trained = accuracy(load_module(model, checkpoint), options.data)
        stored = accuracy(load_module(model, None), options.data)
        for name, value in trained.items():
            print(f"{model.name:13} {name:9} float32 {value:.4f}   {STORED_AS[model]} {stored[name]:.4f}")


if __name__ == "__main__":
    main()
