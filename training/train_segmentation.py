"""Train the segmenter on rendered scenes.

python -m training.render scenes --out DATA
python -m training.photos PHOTOS/ellipses.csv --out DATA      outlined photos, if there are any
python -m training.train_segmentation --data DATA --name segmentation --minutes 75
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from ensemble.contract import IMAGE_SIZE, SEGMENTATION
from training import loop
from training.data import SceneDataset
from training.losses import dice_loss
from training.networks import SEGMENTERS, Segmenter, Spec
from training.weights import start_from_kept


@dataclass(frozen=True)
class Settings:
    """Everything that is tuned."""

    rate: float = 1.5e-3  # peak learning rate of AdamW
    shipped_rate: float = 5e-4  # the same where training goes on from shipped weights
    decay: float = 0.01  # weight decay
    warmup: float = 0.04  # share of the time budget
    pixels: int = 16 * 128 * 128  # per batch: smaller pictures come in larger batches
    sizes: tuple[tuple[float, int], ...] = ((0.6, 128), (1.0, 256))  # (end of phase as a share of the time, px)
    large: int = 4  # while pictures are small, every `large`-th batch has full size: coins of every scale
    average: float = 0.99  # decay of the averaged weights, per step
    evaluations: int = 8  # over the whole budget
    held_out: int = 100  # pictures of each kind per evaluation
    calibration_batch: int = 8  # pictures that the batch normalization is measured on at a time
    calibration_batches: int = 10


@torch.no_grad()
def evaluate(network: nn.Module, data: SceneDataset, count: int) -> dict[str, float]:
    """Mean intersection over union of masks at two thresholds, over held-out pictures with a coin.

    The network is in evaluation mode.
    """
    scores: dict[str, list[float]] = {"iou_0.3": [], "iou_0.5": []}
    for index in range(min(count, len(data))):
        image, mask = data[index]
        truth = mask.to(loop.device()) > 0.5
        if not truth.any():
            continue
        probability = network(image[None].to(loop.device()))[0]
        for threshold in (0.3, 0.5):
            found = probability > threshold
            scores[f"iou_{threshold}"].append(float((found & truth).sum() / (found | truth).sum()))
    return {name: sum(values) / len(values) for name, values in scores.items()}


class Training:
    """State of one run."""

    def __init__(self, spec: Spec[Segmenter], settings: Settings, args: argparse.Namespace) -> None:
        self.settings, self.data, self.augment = settings, args.data, not args.plain
        self.run = loop.Run(args.name, spec)
        self.network = loop.place(spec.build(args.pretrained))
        self.optimizer = torch.optim.AdamW(self.network.parameters(), settings.rate, weight_decay=settings.decay)
        self.average = loop.Average(self.network, settings.average)
        self.shadow = loop.place(spec.build())
        splits = ["test", "photos_test"] if (args.data / "photos_test.npy").exists() else ["test"]
        self.held_out = {split: SceneDataset(args.data, split, IMAGE_SIZE, augment=False) for split in splits}
        full = SceneDataset(args.data, "train", IMAGE_SIZE, self.augment)
        some = DataLoader(full, settings.calibration_batch, shuffle=True)
        self.calibration = [batch[0] for batch in islice(some, settings.calibration_batches)]
        self.best, self.step, spent = 0.0, 0, 0.0
        self.rate = settings.shipped_rate if args.shipped else settings.rate
        if args.shipped:
            start_from_kept(self.network, spec, SEGMENTATION, self.calibration[0])
            self.average = loop.Average(self.network, settings.average)
        last = self.run.load_last() if args.resume else None
        if last:
            self.network.load_state_dict(last["network"])
            self.optimizer.load_state_dict(last["optimizer"])
            self.average.state, self.average.steps = last["average"], last["step"]
            self.best, self.step, spent = last["best"], last["step"], last["spent"]
        self.workers, self.clock = args.workers, loop.Clock(args.minutes, args.steps, spent, self.step)

    def _batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        data = SceneDataset(self.data, "train", size, self.augment, seed=self.step + size)
        batch = max(self.settings.pixels // size**2, 2)
        loader = DataLoader(
            data,
            batch,
            shuffle=True,
            drop_last=True,
            num_workers=self.workers,
            worker_init_fn=loop.reseed,
            generator=torch.Generator().manual_seed(self.step + size),
        )
        while True:
            yield from loader

    def _learn(self, image: Tensor, mask: Tensor) -> float:
        loop.set_rate(self.optimizer, self.rate * loop.cosine(self.clock.progress, self.settings.warmup))
        image = image.to(loop.device(), memory_format=torch.channels_last)
        with loop.autocast():
            logits = self.network.logits(image).float()
        loss = dice_loss(logits, mask.to(loop.device()))
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.average.update(self.network)
        self.step = self.clock.step = self.step + 1
        return float(loss.detach())

    def epoch(self) -> dict[str, float]:
        """Train until the next evaluation is due; returns what happened.

        What is drawn depends on the step alone, so that a resumed run goes on as it would have.
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
        self.run.log(row)
        if sum(scores) / len(scores) >= self.best:
            self.best = sum(scores) / len(scores)
            self.run.save_best(self.shadow.state_dict())
        self.run.save_last(
            {
                "network": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": self.average.state,
                "best": self.best,
                "step": self.step,
                "spent": self.clock.spent,
            }
        )

    def fit(self) -> None:
        """Train until the budget is used up."""
        with tqdm(total=100, desc="segmentation", unit="%", mininterval=10) as self.bar:
            while not self.clock.over:
                self.finish_epoch(self.epoch())


def main() -> None:
    """Command line."""
    started = loop.start(__doc__, "segmentation", "scenes", Settings(), SEGMENTERS, network="unet_efficientnet_b4")
    Training(*started).fit()


if __name__ == "__main__":
    main()
