"""What both trainings share: command line, a clock that drives the schedules, averaged weights, files of a run."""

import argparse
import csv
import math
import os
import time
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from training.networks import NetworkError, Registry, Spec
from training.networks.registry import Module
from training.weights import kept_spec, save_checkpoint

_Value = TypeVar("_Value")
_Settings = TypeVar("_Settings")
RUNS = Path(__file__).parent / "runs"


def start(
    description: str | None, name: str, data: str, settings: _Settings, registry: Registry[Module], network: str
) -> tuple[Spec[Module], _Settings, argparse.Namespace]:
    """Read the command line that every training has, and set threads and seed.

    Args:
        description: of the script.
        name: default name of the run.
        data: what `training.render` makes for it.
        settings: dataclass of the defaults.
        registry: the networks to choose from.
        network: default name of the network.

    Returns:
        The network and the settings as the command line changes them, and the other options. A network that starts from
        the weights in weights/ has their settings.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help=f"folder of `training.render {data}`")
    parser.add_argument("--name", default=name, help="of the run (%(default)s)")
    parser.add_argument("--runs", type=Path, default=RUNS, help="folder of all runs (%(default)s)")
    parser.add_argument("--network", choices=registry.names, default=network, help="(%(default)s)")
    parser.add_argument(
        "--network-set", nargs="+", default=[], metavar="NAME=VALUE", help="change settings of the network"
    )
    parser.add_argument("--minutes", type=float, default=75.0, help="time budget; the schedules end with it (75)")
    parser.add_argument("--steps", type=int, help="budget in optimizer steps instead: the same weights every time")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    workers = min(os.cpu_count() or 1, 16) if torch.cuda.is_available() else 0
    parser.add_argument("--workers", type=int, default=workers, help="processes that load data (%(default)s)")
    parser.add_argument("--pretrained", action="store_true", help="start from ImageNet weights")
    parser.add_argument("--shipped", action="store_true", help="start from the weights in weights/")
    parser.add_argument("--start", type=Path, metavar="BEST.pt", help="start from the weights of another run")
    parser.add_argument("--plain", action="store_true", help="train on the pictures as stored, without augmentation")
    parser.add_argument("--resume", action="store_true", help="continue from last.pt")
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="NAME=NUMBER", help=f"change settings: {', '.join(_simple(settings))}"
    )
    options = parser.parse_args()
    if not list(options.data.glob("train*")):
        parser.error(
            f"{options.data} holds no training data: python -m training.render {data} --out {options.data} makes it"
        )
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    try:
        spec = registry.named(options.network)
        if options.shipped and (kept := kept_spec(registry.model)).name == spec.name:
            spec = kept  # with its own settings, or the weights would not fit
        spec = replace(spec, settings=change(spec.settings, options.network_set))
        return spec, change(settings, options.set), options
    except ValueError as error:
        parser.error(str(error))


def _simple(settings: Any) -> dict[str, type]:
    """Names and types of the settings that are one number or one word."""
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return {name: type(value) for name, value in values.items() if isinstance(value, int | float | str)}


def change(settings: _Settings, assignments: list[str]) -> _Settings:
    """A copy of a dataclass of settings with some of them changed, each given as NAME=VALUE.

    A setting within a setting is named by both, with a dot between.

    Raises:
        ValueError: no such setting, or a value that is not of its type.
    """
    for assignment in assignments:
        settings = _changed(settings, *assignment.partition("=")[::2])
    return settings


def _changed(settings: _Settings, name: str, value: str) -> _Settings:
    group, _, member = name.partition(".")
    if member and is_dataclass(within := getattr(settings, group, None)):
        return replace(settings, **{group: _changed(within, member, value)})  # type: ignore[type-var]
    types = _simple(settings)
    if name not in types:
        raise ValueError(f"there is no setting {name!r}; there are {', '.join(types)}")
    try:
        return replace(settings, **{name: types[name](value)})  # type: ignore[type-var]
    except ValueError:
        raise ValueError(f"{name}={value}: {name} is of type {types[name].__name__}") from None


class Clock:
    """Progress of a training, from 0 to 1 over its budget of minutes or of steps; earlier runs of a resumed one count.

    Minutes suit a machine of unknown speed; only a budget of steps gives the same weights twice.
    """

    def __init__(self, minutes: float, steps: int | None = None, spent: float = 0.0, step: int = 0) -> None:
        self.minutes, self.steps, self.step = minutes, steps, step
        self._start = time.monotonic() - 60 * spent

    @property
    def spent(self) -> float:
        """Minutes so far."""
        return (time.monotonic() - self._start) / 60

    @property
    def progress(self) -> float:
        """Share of the budget used, 0 … 1."""
        return min(self.step / self.steps if self.steps else self.spent / self.minutes, 1.0)

    @property
    def over(self) -> bool:
        """Whether the budget is used up."""
        return self.progress >= 1.0

    def next_stop(self, stops: int) -> float:
        """The progress at the end of the current one of `stops` equal parts of the budget."""
        return min((math.floor(self.progress * stops + 1e-9) + 1) / stops, 1.0)


def cosine(progress: float, warmup: float) -> float:
    """Factor on the learning rate: linear over `warmup`, then half a cosine to zero (Loshchilov and Hutter 2017)."""
    if progress < warmup:
        return max(progress / warmup, 0.01)
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """One learning rate for all of an optimizer's parameters, times the `factor` of a group that has one."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("factor", 1.0)


class Average:
    """Exponential moving average of weights and buffers, over fewer steps at the start (Polyak averaging)."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.state = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move towards the network's current weights."""
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - keep)
            else:
                self.state[name].copy_(value)


@torch.no_grad()
def recalibrate(network: nn.Module, batches: list[Any], forward: Callable[[Any], Any]) -> None:
    """Measure the statistics of batch normalization again: averaged weights and another picture size need it.

    Izmailov et al. 2018 (stochastic weight averaging), section 3.2. Layers that do not train keep theirs. Leaves the
    network in evaluation mode.
    """
    network.train()
    layers = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) and m.training]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over the batches
    for batch in batches:
        forward(batch.to(device(), memory_format=torch.channels_last))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    network.eval()


class Run:
    """The folder of one training: best.pt (a checkpoint, see `training.weights`), last.pt (to resume), log.csv.

    Args:
        name: of the run's folder.
        spec: the network that is trained.
        runs: folder of all runs.
    """

    def __init__(self, name: str, spec: Spec[Any], runs: Path | None = None) -> None:
        self.spec, self.folder = spec, (runs or RUNS) / name
        self.folder.mkdir(parents=True, exist_ok=True)

    def save_best(self, state: dict[str, torch.Tensor]) -> None:
        """Replace best.pt."""
        save_checkpoint(self.folder / "best.pt", self.spec, state)

    def save_last(self, everything: dict[str, Any]) -> None:
        """Replace last.pt in one step."""
        part = self.folder / "last.pt.part"
        torch.save({"spec": self.spec.record(), **everything}, part)
        part.replace(self.folder / "last.pt")

    def load_last(self) -> dict[str, Any] | None:
        """What save_last stored, or None.

        Raises:
            NetworkError: it is of another network.
        """
        path = self.folder / "last.pt"
        if not path.exists():
            return None
        last: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if last.get("spec") != self.spec.record():
            raise NetworkError(f"{path} is of {last.get('spec')}, this training of {self.spec.record()}: change --name")
        return last

    def log(self, row: dict[str, float | int]) -> None:
        """Add a row to log.csv and print it; a column that is new is empty in the rows before."""
        path = self.folder / "log.csv"
        rounded = {key: round(value, 4) for key, value in row.items()}
        rows: list[dict[str, Any]] = []
        if path.exists():
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file))
        rows.append(rounded)
        part = self.folder / "log.csv.part"
        with part.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
            writer.writeheader()
            writer.writerows(rows)
        part.replace(path)
        print(" ".join(f"{key} {value}" for key, value in rounded.items()), flush=True)


def phase(phases: tuple[tuple[float, _Value], ...], progress: float) -> _Value:
    """The value of the phase that `progress` falls into; phases are (end as a share of the budget, value)."""
    return next((value for end, value in phases if progress < end), phases[-1][1])


def place(network: Module) -> Module:
    """The network on the device, channels last: a quarter faster on a CPU."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(device())


def autocast() -> torch.autocast:
    """bfloat16 where the hardware computes in it: CUDA GPUs, and CPUs with AMX or AVX-512 BF16.

    A CPU without either only emulates it, slower than float32.
    """
    kind = device().type
    native = kind == "cuda" or torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(kind, torch.bfloat16, enabled=native)


def reseed(worker: int) -> None:
    """Give each loading process a random stream of its own in every pass; for DataLoader's worker_init_fn."""
    info = torch.utils.data.get_worker_info()
    if info is not None:
        info.dataset.rng = np.random.default_rng([info.seed, worker])  # type: ignore[attr-defined]


def device() -> torch.device:
    """CUDA where there is a GPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
