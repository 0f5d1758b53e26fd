"""Train the embedder on rendered, rectified coins.

python -m training.render crops --out DATA
python -m training.train_embedding --data DATA --name embedding --minutes 75
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader
from tqdm import tqdm

from ensemble.contract import EMBEDDING_SIZE, IMAGE_SIZE
from training import loop
from training.data import CropDataset, PairSampler
from training.losses import ArcFace, pair_loss
from training.networks import REDUCTION, Embedder


@dataclass(frozen=True)
class Settings:
    """Everything that is tuned."""

    backbone_rate: float = 5e-3  # peak learning rate of AdamW
    head_rate: float = 5e-3  # the same for branches, head and class centres
    backbone_decay: float = 0.02  # weight decay
    head_decay: float = 1e-4
    backbone_warmup: float = 0.01  # share of the time budget
    head_warmup: float = 0.01
    margin: float = 0.2  # radians, reached at `ramp`
    scale: float = 25.0  # of the cosines, reached with the margin
    first_scale: float = 10.0
    ramp: float = 0.4  # share of the time budget until margin, scale and weight of ArcFace are full
    pair_weight: float = 1.0  # of the contrastive loss within the batch, which needs no class centres
    batch: int = 64  # pictures, two of each class
    average: float = 0.995  # decay of the averaged weights, per step
    samples: int = 9000  # training pictures between evaluations
    queries: int = 2  # per held-out class
    calibration_batch: int = 64  # pictures that the batch normalization is measured on at a time
    calibration_batches: int = 8


@torch.no_grad()
def evaluate(network: Embedder, data: CropDataset, queries: int) -> dict[str, float]:
    """recall@1 and @5 by cosine: one catalog picture per class never trained on, the other views ask.

    The network is in evaluation mode.
    """

    def embed(view: int) -> Tensor:
        coins = [data.coin(label, view) for label in range(data.classes)]
        return torch.cat([network(torch.stack(coins[i : i + 32]).to(loop.device())) for i in range(0, len(coins), 32)])

    catalog, hits = embed(0), []
    for view in range(1, 1 + queries):
        score = embed(view) @ catalog.T
        true = score.diagonal()[:, None]
        hits.append((score > true).sum(1))  # how many entries come before the right one
    rank = torch.cat(hits)
    return {f"recall@{k}": float((rank < k).float().mean()) for k in (1, 5)}


class Training:
    """State of one run."""

    def __init__(self, settings: Settings, args: argparse.Namespace) -> None:
        self.settings, self.data = settings, args.data
        self.run = loop.Run(args.name)
        classes = CropDataset(args.data / "train.npy", 32, augment=False).classes
        self.network = loop.place(Embedder(args.pretrained))
        self.arcface = ArcFace(classes, EMBEDDING_SIZE, settings.margin, settings.scale).to(loop.device())
        parts = (self.network.branches, self.network.head, self.arcface)
        head = [parameter for part in parts for parameter in part.parameters()]
        self.backbone_optimizer = torch.optim.AdamW(
            self.network.backbone.parameters(), settings.backbone_rate, weight_decay=settings.backbone_decay
        )
        self.head_optimizer = torch.optim.AdamW(head, settings.head_rate, weight_decay=settings.head_decay)
        self.average = loop.Average(self.network, settings.average)
        self.shadow = loop.place(Embedder())
        full = CropDataset(args.data / "train.npy", IMAGE_SIZE // REDUCTION, augment=True)
        some = iter(DataLoader(full, settings.calibration_batch, shuffle=True))
        self.calibration = [next(some)[0] for _ in range(settings.calibration_batches)]
        self.best, self.step, spent = 0.0, 0, 0.0
        last = self.run.load_last() if args.resume else None
        if last:
            for name in ("network", "arcface", "backbone_optimizer", "head_optimizer"):
                getattr(self, name).load_state_dict(last[name])
            self.average.state, self.average.steps = last["average"], last["step"]
            self.best, self.step, spent = last["best"], last["step"], last["spent"]
        self.clock, self.ramp = loop.Clock(args.minutes, spent), 0.0

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        data = CropDataset(self.data / "train.npy", IMAGE_SIZE // REDUCTION, augment=True, seed=self.step)
        yield from DataLoader(data, batch_sampler=PairSampler(data, self.settings.batch, seed=self.step))

    def _schedule(self) -> None:
        s, progress = self.settings, self.clock.progress
        loop.set_rate(self.backbone_optimizer, s.backbone_rate * loop.cosine(progress, s.backbone_warmup))
        loop.set_rate(self.head_optimizer, s.head_rate * loop.cosine(progress, s.head_warmup))
        # From scratch, ArcFace at once asks for confidence before anything is learned; the pairs come first.
        self.ramp = min(progress / s.ramp, 1.0)
        self.arcface.margin = s.margin * self.ramp
        self.arcface.scale = s.first_scale + (s.scale - s.first_scale) * self.ramp

    def _learn(self, coin: Tensor, label: Tensor) -> float:
        self._schedule()
        coin = coin.to(loop.device(), memory_format=torch.channels_last)
        label = label.to(loop.device())
        embedding = self.network.embed(coin)
        loss = self.settings.pair_weight * pair_loss(embedding, label)
        loss = loss + self.ramp * functional.cross_entropy(self.arcface(embedding, label), label)
        self.backbone_optimizer.zero_grad()
        self.head_optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.backbone_optimizer.step()
        self.head_optimizer.step()
        self.average.update(self.network)
        self.step += 1
        return float(loss.detach())

    def epoch(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, float]:
        """Train on about `samples` pictures or until the time is over; returns what happened."""
        self.network.train()
        seen, losses = 0, []
        with tqdm(total=self.settings.samples, desc="coins", mininterval=10) as bar:
            while seen < self.settings.samples and not self.clock.over:
                coin, label = next(batches)
                losses.append(self._learn(coin, label))
                seen += len(coin)
                bar.update(len(coin))
                bar.set_postfix(loss=f"{losses[-1]:.3f}", minutes_left=f"{self.clock.minutes - self.clock.spent:.0f}")
        return {"minutes": self.clock.spent, "step": self.step, "loss": sum(losses) / max(len(losses), 1)}

    def finish_epoch(self, row: dict[str, float]) -> None:
        """Evaluate the averaged weights as they are served, log, store."""
        self.shadow.load_state_dict(self.average.state)
        loop.recalibrate(self.shadow, self.calibration, self.shadow.embed)
        held_out = CropDataset(self.data / "test.npy", IMAGE_SIZE, augment=False, seed=1)
        row |= evaluate(self.shadow, held_out, self.settings.queries)
        self.run.log(row)
        if row["recall@1"] >= self.best:
            self.best = row["recall@1"]
            self.run.save_best(self.shadow.state_dict())
        state = {
            name: getattr(self, name).state_dict()
            for name in ("network", "arcface", "backbone_optimizer", "head_optimizer")
        }
        rest = {"average": self.average.state, "best": self.best, "step": self.step, "spent": self.clock.spent}
        self.run.save_last(state | rest)

    def fit(self) -> None:
        """Train until the time is over."""
        batches = self._batches()
        while not self.clock.over:
            self.finish_epoch(self.epoch(batches))


def main() -> None:
    """Command line."""
    Training(Settings(), loop.start(__doc__, "embedding", data="crops")).fit()


if __name__ == "__main__":
    main()
