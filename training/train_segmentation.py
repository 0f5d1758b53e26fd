"""Train the segmenter on rendered scenes and whatever else there is.

python -m training.render scenes --out DATA
python -m training.photos PHOTOS/ellipses.csv --out DATA      outlined photos, if there are any
python -m training.backgrounds.compose BACKGROUNDS --out DATA coins on photographed grounds, and pictures without any
python -m training.train_segmentation --data DATA --name segmentation --minutes 75
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from ensemble.contract import COARSE_SIZE, IMAGE_SIZE, SEGMENTATION
from training import loop
from training.data import KeySampler, SceneDataset
from training.losses import dice_loss, false_find_loss, pixel_loss
from training.networks import SEGMENTERS, Segmenter, Spec
from training.networks.lite import LiteUNet
from training.weights import start_from_checkpoint, start_from_kept

TEST_SPLITS = ("test", "photos_test", "pasted_test")  # those that are there are evaluated on
SPOT = 0.001  # of a picture's pixels: what is smaller is no coin
CALIBRATION_SEED = 1


@dataclass(frozen=True)
class Settings:
    """Everything that is tuned."""

    rate: float = 1.5e-3  # peak learning rate of AdamW
    shipped_rate: float = 5e-4  # the same where training goes on from shipped weights
    renewed: int = 0  # last stages of the encoder that start from ImageNet weights again, with --start
    pretrained_factor: float = 0.3  # on the rate of an encoder that starts from ImageNet weights
    decay: float = 0.01  # weight decay
    warmup: float = 0.04  # share of the time budget
    pixels: int = 16 * 128 * 128  # per batch: smaller pictures come in larger batches
    # (end of phase as a share of the time, px of its batches in turn). Both looks learn to the end, or the first one
    # forgets small coins.
    sizes: tuple[tuple[float, tuple[int, ...]], ...] = ((0.6, (256, 128, 128, 128)), (1.0, (256, 128, 256)))
    pixel_weight: float = 0.5  # of the cross entropy beside the Dice loss
    false_find_weight: float = 0.5  # of coins seen where there are none, beside the Dice loss
    average: float = 0.99  # decay of the averaged weights, per step
    evaluations: int = 8  # over the whole budget
    checkpoint: float = 5.0  # minutes between two states that a stopped training goes on from
    held_out: int = 100  # pictures of each kind per evaluation
    calibration_batch: int = 8  # pictures that the batch normalization is measured on at a time
    calibration_batches: int = 10


@torch.no_grad()
def evaluate(network: Segmenter, data: SceneDataset, count: int) -> dict[str, float]:
    """How good the masks of held-out pictures are; the network is in evaluation mode.

    Returns:
        Mean intersection over union at two thresholds over the pictures with a coin; `cores`: the mean of two shares,
        of cores that are met by one component of what is said to be core, and of such components that meet one core;
        and `false`: the share of those without a coin in which more than SPOT of the pixels are said to be coin.
    """
    scores: dict[str, list[float]] = {"iou_0.3": [], "iou_0.5": [], "cores": [], "false": []}
    for index in range(min(count, len(data))):
        image, mask = data[index]
        coins, own = mask.to(loop.device()) > 0.5
        probability, core = network.masks(image[None].to(loop.device()))[0]
        if not coins.any():
            scores["false"].append(float((probability > 0.5).float().mean() > SPOT))
            continue
        scores["cores"].append(core_score((core > 0.5).cpu().numpy(), own.cpu().numpy()))
        for threshold in (0.3, 0.5):
            found = probability > threshold
            scores[f"iou_{threshold}"].append(float((found & coins).sum() / (found | coins).sum()))
    return {name: sum(values) / len(values) for name, values in scores.items() if values}


def core_score(found: np.ndarray, own: np.ndarray) -> float:
    """How well components [h, w] bool match the cores [h, w] bool: the mean of recall and precision, 0 to 1."""
    (wanted, cores), (count, components) = (
        cv2.connectedComponents(each.astype(np.uint8), connectivity=4) for each in (own, found)
    )
    both = found & own
    pairs = set(zip(cores[both].tolist(), components[both].tolist(), strict=True))
    by_core, by_component = Counter(core for core, _ in pairs), Counter(component for _, component in pairs)
    matched = sum(by_core[core] == 1 == by_component[component] for core, component in pairs)
    return (matched / max(wanted - 1, 1) + matched / max(count - 1, 1)) / 2


def parameters(network: Segmenter, settings: Settings, pretrained: bool) -> list[dict[str, Any]]:
    """Groups of parameters for the optimizer: an encoder that knows something already learns more slowly."""
    encoder = [value for name, value in network.named_parameters() if name.startswith(network.encoder_prefix)]
    known = {id(value) for value in encoder}
    others = [value for value in network.parameters() if id(value) not in known]
    factor = settings.pretrained_factor if pretrained else 1.0
    return [{"params": encoder, "factor": factor}, {"params": others, "factor": 1.0}]


class Training:
    """State of one run."""

    def __init__(self, spec: Spec[Segmenter], settings: Settings, args: argparse.Namespace) -> None:
        self.settings, self.data, self.augment = settings, args.data, not args.plain
        self.run = loop.Run(args.name, spec, args.runs)
        last = self.run.load_last() if args.resume else None
        self.network = loop.place(spec.build(args.pretrained and last is None))
        groups = parameters(self.network, settings, args.pretrained)
        self.optimizer = torch.optim.AdamW(groups, settings.rate, weight_decay=settings.decay)
        self.average = loop.Average(self.network, settings.average)
        self.shadow = loop.place(spec.build())
        splits = [name for name in TEST_SPLITS if (args.data / f"{name}.npy").exists()]
        self.held_out = {
            prefix + split: SceneDataset(args.data, split, size, augment=False)
            for split in splits
            for prefix, size in (("", IMAGE_SIZE), ("coarse_", COARSE_SIZE))
        }
        full = SceneDataset(args.data, "train", IMAGE_SIZE, self.augment)
        some = KeySampler(full, settings.calibration_batch, CALIBRATION_SEED)
        loader = DataLoader(full, batch_sampler=some)
        self.calibration = [batch[0] for batch in islice(loader, settings.calibration_batches)]
        self.best, self.step, self.drawn, spent = 0.0, 0, dict[int, int](), 0.0
        self.rate = settings.shipped_rate if args.shipped or args.start else settings.rate
        if args.start and last is None:
            start_from_checkpoint(self.network, args.start)
            if settings.renewed and isinstance(self.network, LiteUNet):
                self.network.renew(settings.renewed, self.calibration[0])
            self.average = loop.Average(self.network, settings.average)
        if args.shipped and last is None:
            start_from_kept(self.network, spec, SEGMENTATION, self.calibration[0])
            self.average = loop.Average(self.network, settings.average)
        if last:
            self.network.load_state_dict(last["network"])
            self.optimizer.load_state_dict(last["optimizer"])
            self.average.state, self.average.steps = last["average"], last["step"]
            self.step, self.drawn, spent = last["step"], last["drawn"], last["spent"]
            self.best = last["best"] if last.get("splits") == [*self.held_out] else 0.0  # else it was another measure
        self.workers, self.clock = args.workers, loop.Clock(args.minutes, args.steps, spent, self.step)
        self.saved = self.clock.spent

    def _batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        data = SceneDataset(self.data, "train", size, self.augment)
        batch = max(self.settings.pixels // size**2, 2)
        sampler = KeySampler(data, batch, size, self.drawn.get(size, 0))
        for pair in DataLoader(data, batch_sampler=sampler, num_workers=self.workers):
            self.drawn[size] = self.drawn.get(size, 0) + 1
            yield pair

    def _learn(self, image: Tensor, mask: Tensor) -> float:
        loop.set_rate(self.optimizer, self.rate * loop.cosine(self.clock.progress, self.settings.warmup))
        image, mask = image.to(loop.device(), memory_format=torch.channels_last), mask.to(loop.device())
        with loop.autocast():
            logits = self.network.logits(image).float()
        settings = self.settings
        loss = dice_loss(logits, mask) + settings.pixel_weight * pixel_loss(logits, mask)
        loss = loss + settings.false_find_weight * false_find_loss(logits, mask)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.average.update(self.network)
        self.step = self.clock.step = self.step + 1
        return float(loss.detach())

    def epoch(self) -> dict[str, float]:
        """Train until the next evaluation is due; returns what happened.

        What is drawn depends on the number of the batch alone, so that a resumed run goes on as it would have.
        """
        self.network.train()
        sizes, losses = loop.phase(self.settings.sizes, self.clock.progress), []
        batches = {size: self._batches(size) for size in sizes}
        stop = self.clock.next_stop(self.settings.evaluations)
        while self.clock.progress < stop:
            size = sizes[self.step % len(sizes)]
            losses.append(self._learn(*next(batches[size])))
            self.bar.set_postfix(loss=f"{losses[-1]:.3f}", px=size, refresh=False)
            self.bar.update(round(100 * self.clock.progress, 1) - self.bar.n)
            if self.clock.spent - self.saved >= self.settings.checkpoint:
                self.save()
        return {"minutes": self.clock.spent, "step": self.step, "loss": sum(losses) / max(len(losses), 1)}

    def finish_epoch(self, row: dict[str, float]) -> None:
        """Evaluate the averaged weights at the sizes of both looks, log, store."""
        self.shadow.load_state_dict(self.average.state)
        loop.recalibrate(self.shadow, self.calibration, self.shadow)
        scores = []
        for split, data in self.held_out.items():
            measured = evaluate(self.shadow, data, self.settings.held_out)
            row |= {f"{split}_{name}": value for name, value in measured.items()}
            scores += [measured["iou_0.5"], measured["cores"]]
            if "false" in measured:
                scores.append(1 - measured["false"])
        self.run.log(row)
        if sum(scores) / len(scores) >= self.best:
            self.best = sum(scores) / len(scores)
            self.run.save_best(self.shadow.state_dict())
        self.save()

    def save(self) -> None:
        """Store all that a stopped training needs to go on."""
        self.saved = self.clock.spent
        self.run.save_last(
            {
                "network": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": self.average.state,
                "best": self.best,
                "splits": list(self.held_out),
                "step": self.step,
                "drawn": self.drawn,
                "spent": self.clock.spent,
            }
        )

    def fit(self, epochs: int | None = None) -> None:
        """Train until the budget is used up, or for so many epochs."""
        with tqdm(total=100, desc="segmentation", unit="%", mininterval=10) as self.bar:
            while not self.clock.over and epochs != 0:
                self.finish_epoch(self.epoch())
                epochs = None if epochs is None else epochs - 1


def main() -> None:
    """Command line."""
    started = loop.start(__doc__, "segmentation", "scenes", Settings(), SEGMENTERS, network="unet_efficientnet_lite0")
    Training(*started).fit()


if __name__ == "__main__":
    main()
