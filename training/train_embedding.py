"""Train the embedder on rectified coins, rendered and photographed.

python -m training.render crops --out DATA
python -m training.crops FOLDER --out DATA      photos of your own coins, if there are any
python -m training.train_embedding --data DATA --name embedding --minutes 75

`make train RECIPE=published` trains as was published, without the later improvements.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from tqdm import tqdm

from ensemble.contract import EMBEDDER, EMBEDDING_SIZE, IMAGE_SIZE
from training import loop
from training.data import CropDataset, PairSampler
from training.losses import ArcFace, pair_loss
from training.networks import EMBEDDERS, Embedder, NetworkError, PolarEmbedder, Spec
from training.weights import start_from_checkpoint, start_from_kept

RECALL_AT = (1, 2, 5, 10, 20)


@dataclass(frozen=True)
class Settings:
    """Everything that is tuned."""

    backbone_rate: float = 5e-3  # peak learning rate of AdamW
    head_rate: float = 5e-3  # the same for the rest of the network and the class centres
    backbone_decay: float = 0.02  # weight decay
    head_decay: float = 1e-4
    backbone_warmup: float = 0.01  # share of the time budget
    head_warmup: float = 0.01
    margin: float = 0.2  # radians, reached at `ramp`
    scale: float = 25.0  # of the cosines, reached with the margin
    first_scale: float = 10.0
    ramp: float = 0.4  # share of the time budget until margin, scale and weight of ArcFace are full
    pair_weight: float = 1.0  # of the contrastive loss within the batch, which needs no class centres
    # (end of phase as a share of the time, radii and angles) of a coin that is unrolled; after them the network's own
    grids: tuple[tuple[float, tuple[int, int]], ...] = ((0.45, (24, 96)), (0.75, (32, 128)))
    batch: int = 64  # pictures: families of classes, two of each class
    mirrored: float = 0.0  # share of the training pictures: it does harm (LOG, 2026-11-23)
    average: float = 0.995  # decay of the averaged weights, per step
    evaluations: int = 10  # over the whole budget
    queries: int = 2  # per held-out class
    calibration_batch: int = 64  # pictures that the batch normalization is measured on at a time
    calibration_batches: int = 8


@torch.no_grad()
def evaluate(network: nn.Module, data: CropDataset, queries: int) -> dict[str, float]:
    """recall@k by cosine: one catalog picture per class never trained on, the other views ask.

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
    return {f"recall@{k}": float((rank < k).float().mean()) for k in RECALL_AT}


class Training:
    """State of one run."""

    def __init__(self, spec: Spec[Embedder], settings: Settings, args: argparse.Namespace) -> None:
        self.settings, self.data, self.augment = settings, args.data, not args.plain
        self.run = loop.Run(args.name, spec, args.runs)
        self.network = loop.place(spec.build(args.pretrained))
        if not any(True for _ in self.network.backbone.parameters()):
            raise NetworkError(f"nothing in {spec.name} learns but its head: python -m training.fisher fits that")
        full = self._crops(seed=0)
        self.arcface = ArcFace(full.labels, EMBEDDING_SIZE, settings.margin, settings.scale).to(loop.device())
        head = [*self.network.other_parameters(), *self.arcface.parameters()]
        self.backbone_optimizer = torch.optim.AdamW(
            self.network.backbone.parameters(), settings.backbone_rate, weight_decay=settings.backbone_decay
        )
        self.head_optimizer = torch.optim.AdamW(head, settings.head_rate, weight_decay=settings.head_decay)
        self.shadow = loop.place(spec.build())
        some = DataLoader(full, settings.calibration_batch, shuffle=True)
        self.calibration = [batch[0] for batch in islice(some, settings.calibration_batches)]
        if args.shipped:
            large = CropDataset(args.data / "train.npy", IMAGE_SIZE, self.augment)
            example = large.spread(settings.calibration_batch).to(loop.device())
            start_from_kept(self.network, spec, EMBEDDER, example)
        if args.start:
            start_from_checkpoint(self.network, args.start)
        self.average = loop.Average(self.network, settings.average)
        self.best, self.step, spent = 0.0, 0, 0.0
        last = self.run.load_last() if args.resume else None
        if last:
            for name in ("network", "arcface", "backbone_optimizer", "head_optimizer"):
                getattr(self, name).load_state_dict(last[name])
            self.average.state, self.average.steps = last["average"], last["step"]
            self.best, self.step, spent = last["best"], last["step"], last["spent"]
        self.workers, self.ramp = args.workers, 0.0
        self.clock = loop.Clock(args.minutes, args.steps, spent, self.step)

    def _crops(self, seed: int) -> CropDataset:
        size, photos = self.network.training_size, self.data / "photos.npy"
        return CropDataset(self.data / "train.npy", size, self.augment, seed, photos, self.settings.mirrored)

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        data = self._crops(seed=self.step)
        sampler = PairSampler(data, self.settings.batch, seed=self.step)
        yield from DataLoader(
            data,
            batch_sampler=sampler,
            num_workers=self.workers,
            worker_init_fn=loop.reseed,
            generator=torch.Generator().manual_seed(self.step),
        )

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
        with loop.autocast():
            embedding = self._embed(coin).float()
        loss = self.settings.pair_weight * pair_loss(embedding, label)
        loss = loss + self.ramp * functional.cross_entropy(self.arcface(embedding, label), label)
        self.backbone_optimizer.zero_grad()
        self.head_optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.backbone_optimizer.step()
        self.head_optimizer.step()
        self.average.update(self.network)
        self.step = self.clock.step = self.step + 1
        return float(loss.detach())

    def _embed(self, coin: Tensor) -> Tensor:
        """[B, EMBEDDING_SIZE]; a coin that the network unrolls, coarsely at first, as that is faster."""
        grids = (grid for end, grid in self.settings.grids if self.clock.progress < end)
        if isinstance(self.network, PolarEmbedder) and (grid := next(grids, None)):
            return self.network.embed_unrolled(coin, grid)
        return self.network.embed(coin)

    def epoch(self) -> dict[str, float]:
        """Train until the next evaluation is due; returns what happened.

        What is drawn depends on the step alone, so that a resumed run goes on as it would have.
        """
        self.network.train()
        batches, losses = self._batches(), []
        stop = self.clock.next_stop(self.settings.evaluations)
        while self.clock.progress < stop:
            losses.append(self._learn(*next(batches)))
            self.bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
            self.bar.update(round(100 * self.clock.progress, 1) - self.bar.n)
        return {"minutes": self.clock.spent, "step": self.step, "loss": sum(losses) / max(len(losses), 1)}

    def finish_epoch(self, row: dict[str, float]) -> None:
        """Evaluate the averaged weights on whole coins, log, store."""
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

    def fit(self, epochs: int | None = None) -> None:
        """Train until the budget is used up, or for some epochs of it."""
        with tqdm(total=100, desc="embedding", unit="%", mininterval=10) as self.bar:
            while not self.clock.over and epochs != 0:
                self.finish_epoch(self.epoch())
                epochs = None if epochs is None else epochs - 1


def main() -> None:
    """Command line."""
    started = loop.start(__doc__, "embedding", "crops", Settings(), EMBEDDERS, network="polar_edges_efficientnet_b0")
    try:
        training = Training(*started)
    except NetworkError as error:
        sys.exit(str(error))
    training.fit()


if __name__ == "__main__":
    main()
