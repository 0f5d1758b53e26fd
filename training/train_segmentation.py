"""Train the segmenter on rendered scenes and whatever else there is.

python -m training.render scenes --out DATA
python -m training.photos PHOTOS/ellipses.csv --out DATA      outlined photos, if there are any
python -m training.backgrounds.compose BACKGROUNDS --out DATA coins on photographed grounds, and pictures without any
python -m training.train_segmentation --data DATA --name segmentation --minutes 75
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from ensemble.contract import IMAGE_SIZE, SEGMENTATION
from training import loop
from training.data import KeySampler, SceneDataset
from training.losses import dice_loss, false_find_loss, pixel_loss
from training.networks import SEGMENTERS, Segmenter, Spec
from training.weights import start_from_kept

TEST_SPLITS = ("test", "photos_test", "pasted_test")  # those that are there are evaluated on
SPOT = 0.001  # of a picture's pixels: what is smaller is no coin
CALIBRATION_SEED = 1


@dataclass(frozen=True)
class Settings:
    """Everything that is tuned."""

    rate: float = 1.5e-3  # peak learning rate of AdamW
    shipped_rate: float = 5e-4  # the same where training goes on from shipped weights
    pretrained_factor: float = 0.3  # on the rate of an encoder that starts from ImageNet weights
    decay: float = 0.01  # weight decay
    warmup: float = 0.04  # share of the time budget
    pixels: int = 16 * 128 * 128  # per batch: smaller pictures come in larger batches
    sizes: tuple[tuple[float, int], ...] = ((0.6, 128), (1.0, 256))  # (end of phase as a share of the time, px)
    large: int = 4  # while pictures are small, every `large`-th batch has full size: coins of every scale
    pixel_weight: float = 0.5  # of the cross entropy beside the Dice loss
    false_find_weight: float = 0.5  # of coins seen where there are none, beside the Dice loss
    average: float = 0.99  # decay of the averaged weights, per step
    evaluations: int = 8  # over the whole budget
    checkpoint: float = 5.0  # minutes between two states that a stopped training goes on from
    held_out: int = 100  # pictures of each kind per evaluation
    calibration_batch: int = 8  # pictures that the batch normalization is measured on at a time
    calibration_batches: int = 10


@torch.no_grad()
def evaluate(network: nn.Module, data: SceneDataset, count: int) -> dict[str, float]:
    """How good the masks of held-out pictures are; the network is in evaluation mode.

    Returns:
        Mean intersection over union at two thresholds over the pictures with a coin, and `false`: the share of those
        without one in which more than SPOT of the pixels are said to be coin.
    """
    scores: dict[str, list[float]] = {"iou_0.3": [], "iou_0.5": [], "false": []}
    for index in range(min(count, len(data))):
        image, mask = data[index]
        truth = mask.to(loop.device()) > 0.5
        probability = network(image[None].to(loop.device()))[0]
        if not truth.any():
            scores["false"].append(float((probability > 0.5).float().mean() > SPOT))
            continue
        for threshold in (0.3, 0.5):
            found = probability > threshold
            scores[f"iou_{threshold}"].append(float((found & truth).sum() / (found | truth).sum()))
    return {name: sum(values) / len(values) for name, values in scores.items() if values}


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
        self.held_out = {split: SceneDataset(args.data, split, IMAGE_SIZE, augment=False) for split in splits}
        full = SceneDataset(args.data, "train", IMAGE_SIZE, self.augment)
        some = KeySampler(full, settings.calibration_batch, CALIBRATION_SEED)
        loader = DataLoader(full, batch_sampler=some)
        self.calibration = [batch[0] for batch in islice(loader, settings.calibration_batches)]
        self.best, self.step, self.drawn, spent = 0.0, 0, dict[int, int](), 0.0
        self.rate = settings.shipped_rate if args.shipped else settings.rate
        if args.shipped and last is None:
            start_from_kept(self.network, spec, SEGMENTATION, self.calibration[0])
            self.average = loop.Average(self.network, settings.average)
        if last:
            self.network.load_state_dict(last["network"])
            self.optimizer.load_state_dict(last["optimizer"])
            self.average.state, self.average.steps = last["average"], last["step"]
            self.step, self.drawn, spent = last["step"], last["drawn"], last["spent"]
            self.best = last["best"] if last.get("splits") == splits else 0.0  # else it was another measure
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
        batches = {size: self._batches(size) for size in {IMAGE_SIZE, *(size for _, size in self.settings.sizes)}}
        size, losses = loop.phase(self.settings.sizes, self.clock.progress), []
        stop = self.clock.next_stop(self.settings.evaluations)
        while self.clock.progress < stop:
            now = IMAGE_SIZE if self.step % self.settings.large == 0 else size
            losses.append(self._learn(*next(batches[now])))
            self.bar.set_postfix(loss=f"{losses[-1]:.3f}", px=now, refresh=False)
            self.bar.update(round(100 * self.clock.progress, 1) - self.bar.n)
            if self.clock.spent - self.saved >= self.settings.checkpoint:
                self.save()
        return {"minutes": self.clock.spent, "step": self.step, "size": size, "loss": sum(losses) / max(len(losses), 1)}

    def finish_epoch(self, row: dict[str, float]) -> None:
        """Evaluate the averaged weights at full size, log, store."""
        self.shadow.load_state_dict(self.average.state)
        loop.recalibrate(self.shadow, self.calibration, self.shadow)
        scores = []
        for split, data in self.held_out.items():
            measured = evaluate(self.shadow, data, self.settings.held_out)
            row |= {f"{split}_{name}": value for name, value in measured.items()}
            scores.append(measured["iou_0.5"])
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
    started = loop.start(__doc__, "segmentation", "scenes", Settings(), SEGMENTERS, network="unet_efficientnet_b4")
    Training(*started).fit()


if __name__ == "__main__":
    main()
