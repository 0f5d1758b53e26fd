"""Makes weights/segmentation.int8.onnx: the segmentation as CPUs compute it, weights and activations in int8.

    python build/quantize.py DATA/scenes

Post-training quantization by NNCF: the ranges of activations are measured on pictures of DATA, a folder that the
segmentation was trained on. Held-out pictures then go through both graphs in OpenVINO, as a server runs them. Where
they do not agree nothing is written, the file of the weights before is removed, and a server computes in float.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import _project  # noqa: F401  before the project's packages
import nncf
import numpy as np
import onnx
import openvino
from tqdm import tqdm

from backends.openvino.compiled import CPU, INT8, settings
from ensemble import artifacts
from ensemble.contract import (
    COARSE_SEGMENTATION,
    COARSE_SIZE,
    IMAGE,
    IMAGE_SIZE,
    LEAST_PROBABILITY,
    MASK_THRESHOLD,
    SEGMENTATION,
    Model,
)
from training.data import SceneDataset
from training.train_segmentation import core_score

FIRST, LAST = 12, 4  # convolutions that stay as they are: they see and draw where edges lie, and cost little
RANGES = 160  # pictures for the ranges: rare outliers of more would widen them
LEAST_IOU = 0.98  # between the coins of both graphs, mean over pictures with a coin
LEAST_CORES = 0.98  # how many cores of either graph have one of the other's, mean over pictures with a core
MOST_CHANGED = 0.01  # of the pictures: what has a coin in one graph and none in the other
LEAST_PIXELS = 200  # of a mask that is compared
SPLITS = ("train", "photos", "pasted")  # those that are there
LOOKS = (COARSE_SEGMENTATION, SEGMENTATION)  # one network
SEED = 0


@dataclass(frozen=True)
class Cost:
    """What int8 changes on held-out pictures of one look's size, and what it saves."""

    model: str
    pictures: int
    mean_iou: float  # between the coins of both graphs
    smallest_iou: float
    cores: float  # see LEAST_CORES
    changed: float  # share of the pictures whose probability crosses LEAST_PROBABILITY; 0 where there is none
    time: float  # of one inference on one thread, over that in float32; the medians

    @property
    def small(self) -> bool:
        """Whether a server may compute in int8."""
        return self.mean_iou >= LEAST_IOU and self.cores >= LEAST_CORES and self.changed <= MOST_CHANGED

    def __str__(self) -> str:
        return (
            f"{self.model}, {self.pictures} held-out pictures: IoU of coins in int8 with those in float32 "
            f"mean {self.mean_iou:.4f}, smallest {self.smallest_iou:.4f}; cores that agree: {self.cores:.4f}; "
            f"a coin in one and none in the other: {self.changed:.4f}; {self.time:.2f} of the time"
        )


def pictures(data: Path, suffix: str, size: int, count: int) -> Iterator[np.ndarray]:
    """Pictures [1, 3, size, size] of a training's folder, as many of each kind.

    Args:
        data: the folder.
        suffix: '' for those that were trained on, '_test' for those kept apart.
        size: px.
        count: in all.

    Raises:
        FileNotFoundError: there are none.
    """
    names = [name for name in (f"{split}{suffix}".replace("train_", "") for split in SPLITS) if _is_there(data, name)]
    if not names:
        raise FileNotFoundError(f"{data} holds no pictures: give the folder `scenes` of a training")
    rng = np.random.default_rng(SEED)
    for name in names:
        scenes = SceneDataset(data, name, size, augment=False)
        for index in rng.choice(len(scenes), min(count // len(names), len(scenes)), replace=False):
            yield scenes[int(index)][0][None].numpy()


def _is_there(data: Path, name: str) -> bool:
    return (data / f"{name}.npy").is_file()


def quantized(graph: onnx.ModelProto, data: Path, count: int) -> onnx.ModelProto:
    """A graph with weights and activations in int8, but for its first and its last convolutions."""
    convolutions = [node.name for node in graph.graph.node if node.op_type == "Conv"]
    kept = nncf.IgnoredScope(names=[*convolutions[:FIRST], *convolutions[len(convolutions) - LAST :]], validate=False)
    shown = tqdm(calibration(data, min(count, RANGES)), desc="pictures of both looks", unit="picture")
    given = nncf.Dataset(list(shown), lambda picture: {IMAGE.name: picture})
    return nncf.quantize(graph, given, preset=nncf.QuantizationPreset.MIXED, subset_size=count, ignored_scope=kept)


def calibration(data: Path, count: int) -> Iterator[np.ndarray]:
    """Pictures [1, 3, IMAGE_SIZE, IMAGE_SIZE] as the second look sees them, and as many of what the first look sees.

    Its pictures are smaller: four of them make one. The arguments are those of `pictures`.
    """
    yield from pictures(data, "", IMAGE_SIZE, count // 2)
    small = list(pictures(data, "", COARSE_SIZE, 2 * count))
    np.random.default_rng(SEED).shuffle(small)
    for a, b, c, d in zip(*(small[start::4] for start in range(4)), strict=False):
        yield np.concatenate([np.concatenate([a, b], axis=3), np.concatenate([c, d], axis=3)], axis=2)


def compare(exact: onnx.ModelProto, reduced: onnx.ModelProto, model: Model, data: Path, count: int) -> Cost:
    """Both graphs on held-out pictures, on one thread.

    Args:
        exact, reduced: of the segmentation.
        model: the look, whose size and outputs count.
        data: as for `pictures`.
        count: as for `pictures`.
    """
    (image,), (mask, *rest) = model.inputs, model.outputs
    compiled = [_compiled(artifacts.fit(graph, model), name) for graph, name in ((exact, "f32"), (reduced, INT8))]
    ious, cores, changed, times = [], [], [], []
    for picture in tqdm(pictures(data, "_test", image.dims[-1], count), desc=model.name, unit="picture"):
        answers, spent = [], []
        for one in compiled:
            start = time.perf_counter()
            answers.append(one(picture))
            spent.append(time.perf_counter() - start)
        times.append(spent)
        a, b = (answer[mask.name][0] > MASK_THRESHOLD for answer in answers)
        if a[0].sum() >= LEAST_PIXELS:
            ious.append((a[0] & b[0]).sum() / (a[0] | b[0]).sum())
        if a[1].any():
            cores.append(core_score(b[1], a[1]))
        for likely in rest:
            probable = [answer[likely.name].item() > LEAST_PROBABILITY for answer in answers]
            changed.append(a[0].sum() >= LEAST_PIXELS and probable[0] != probable[1])
    medians = np.median(times, axis=0)
    ious, cores = ious or [0.0], cores or [0.0]  # of a network that sees no coin at all
    mean_iou, agreeing, share = (float(np.mean(values)) for values in (ious, cores, changed or [0.0]))
    return Cost(model.name, len(times), mean_iou, min(ious), agreeing, share, float(medians[1] / medians[0]))


def _compiled(graph: onnx.ModelProto, precision: str) -> openvino.CompiledModel:
    core = openvino.Core()
    model = core.read_model(graph.SerializeToString())
    model.reshape([1, *model.input(0).partial_shape[1:]])
    return core.compile_model(model, CPU, settings(precision, threads=1))


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where there are no pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of pictures that the segmentation was trained on")
    parser.add_argument("--count", type=int, default=300, help="held-out pictures for the comparison")
    options = parser.parse_args(argv)
    file = artifacts.quantized_file(SEGMENTATION.name)
    exact = artifacts.plain_graph(SEGMENTATION)
    try:
        reduced = quantized(exact, options.data, options.count)
        costs = [compare(exact, reduced, model, options.data, options.count) for model in LOOKS]
    except FileNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(*costs, sep="\n")
    if not all(cost.small for cost in costs):
        file.unlink(missing_ok=True)
        print(
            f"no int8: IoU must be {LEAST_IOU}, cores that agree {LEAST_CORES}, and at most {MOST_CHANGED} may change"
        )
        return 0
    source = artifacts.digest(artifacts.weights_file(SEGMENTATION.name))
    del reduced.metadata_props[:]
    reduced.metadata_props.add(key=artifacts.MADE_FROM, value=source)
    file.write_bytes(reduced.SerializeToString(deterministic=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
