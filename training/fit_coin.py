"""Fits what says whether the middle of a picture shows a coin, on what a trained segmentation makes of pictures.

    python -m training.fit_coin best.pt BACKGROUNDS --out with_coin.pt [--outlines ELLIPSES.csv --under FOLDER]
    python -m training.fit_coin kept BACKGROUNDS [--outlines ELLIPSES.csv --under FOLDER]       in weights/, in place

BACKGROUNDS is a folder of `training.backgrounds.fetch`. Rendered coins lie on its pictures, single ones on rendered
grounds, as catalogs and phones show them, and there are coins of outlined photos, where these are given. The same
pictures without coins, and round things on them, show none. Each picture is
looked at as the server does: what the first pass of the segmentation takes for a coin, or would take for one if it had
to name something, is looked at closely. Of that view the encoder's features are kept, and a logistic regression (Cox
1958) tells coins from all else. The rest of the network stays as it is.

Reports the shares of held-out pictures that are said to show a coin, by their kind.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from ensemble.contract import LEAST_PROBABILITY, MASK_THRESHOLD, SEGMENTATION
from ensemble.geometry.graphs import Preprocess, Zoom
from ensemble.photo import decode
from training import mint
from training.backgrounds.compose import FIRST_DESIGN, Backgrounds, lay, make_pool, with_coins, without_coins
from training.backgrounds.fetch import TEST, TRAIN
from training.backgrounds.round_things import SIDE, round_thing
from training.networks import SEGMENTERS, Segmenter, Spec
from training.outlines import fill, read_outlines, read_photo
from training.photos import split_photos
from training.render import CATALOG_SHOT, DIES, QUERY_SHOT
from training.weights import keep_parameters, load_checkpoint, load_module, save_checkpoint

SIZE = 640  # px, longer side of the composed photos: the closer look is as sharp as in real ones
SPECIMENS = 300
HELD_OUT = 0.25  # as many pictures as this share of those that are fitted on
COIN_WEIGHT = 4.0  # to lose a coin is worse than to find one where there is none
DECAY = 3e-2  # of the regression's weights, on standardized features
SINGLES = 5  # pictures of single coins for each of another kind: hardly any is refused, and those that are teach
LEAST_VARIATION = 0.05  # of a feature, over its mean
RENDERED, SINGLE, PHOTOGRAPHED = COINS = ("coins", "single coins", "photos of coins")  # the kinds that show some
KEPT = "kept"  # in place of a checkpoint: the weights in weights/
_AS_IF = MASK_THRESHOLD + 0.1  # to which the first pass's likeliest pixel is raised, so that it names something
DESIGNS = 1_000_000  # of single coins
_STEPS = 200

Picture = np.ndarray  # [h, w, 3] uint8 RGB


@dataclass(frozen=True)
class Sample:
    """A photo and where its coins are: a mask [h, w], not zero on coins; None where it has none."""

    picture: Picture
    coins: np.ndarray | None = None


Draw = Callable[[np.random.Generator], Sample]


def kinds(backgrounds: Backgrounds, pool: list[mint.Specimen], first: int) -> dict[str, Draw]:
    """What is drawn without outlined photos, by name; designs of single coins are those from `first` on."""

    def coins(rng: np.random.Generator) -> Sample:
        photo = with_coins(backgrounds, pool, rng, SIZE)
        return Sample(photo.picture, photo.all_coins)

    def single(rng: np.random.Generator) -> Sample:
        design = mint.make_design(first + int(rng.integers(DESIGNS)), int(rng.integers(DIES)))
        fresh = rng.random() < 0.5
        shot = CATALOG_SHOT if fresh else QUERY_SHOT
        photo = mint.photograph([mint.strike(design, rng, mint_state=fresh)], shot, rng)
        return Sample(photo.picture, photo.all_coins)

    def things(rng: np.random.Generator) -> Sample:
        ground = np.ascontiguousarray(backgrounds.ground(SIZE, rng))
        thing = round_thing(backgrounds.part(SIDE, rng), rng)
        lay(ground, thing, SIZE * np.exp(rng.uniform(np.log(0.1), np.log(0.5))), rng)
        return Sample(_exposed(ground))

    def pictures(rng: np.random.Generator) -> Sample:
        return Sample(_exposed(backgrounds.part(SIZE, rng, whole=0.5)))

    def empty(rng: np.random.Generator) -> Sample:
        return Sample(without_coins(backgrounds, rng, SIZE).picture)

    return {RENDERED: coins, SINGLE: single, "round things": things, "pictures": pictures, "empty tables": empty}


def _exposed(light: np.ndarray) -> Picture:
    return (255 * np.sqrt(np.clip(light, 0, 1))).astype(np.uint8)


def outlined(table: Path, under: str, held_out: bool) -> Draw:
    """Windows of outlined photos, round one coin each; a third of the photos is held out, as `training.photos` does."""
    outlines = read_outlines(table, under)
    names = split_photos(list(outlines))[held_out]

    def draw(rng: np.random.Generator) -> Sample:
        name = names[int(rng.integers(len(names)))]
        photo, coins = read_photo(table.parent / name)[..., ::-1], outlines[name]
        mask = np.zeros(photo.shape[:2], np.uint8)
        for coin in coins:
            fill(mask, coin)
        coin = coins[int(rng.integers(len(coins)))]
        side = 2 * coin.a * np.exp(rng.uniform(np.log(1.1), np.log(8)))
        x, y = np.array([coin.cx, coin.cy]) + rng.uniform(-0.5, 0.5, 2) * max(side - 2 * coin.a, 0)
        top, left = (max(int(middle - side / 2), 0) for middle in (y, x))
        part = np.s_[top : int(y + side / 2) + 1, left : int(x + side / 2) + 1]
        turn = int(rng.integers(4))
        return Sample(*(np.ascontiguousarray(np.rot90(array[part], turn)) for array in (photo, mask)))

    return draw


@torch.no_grad()
def features(network: Segmenter, sample: Sample) -> Tensor | None:
    """[n] the regression's input for the closer look at a photo; None where there are coins, and it is at none."""
    parts = decode(cv2.imencode(".bmp", sample.picture[..., ::-1])[1].tobytes())
    canvas, extent = torch.from_numpy(parts.canvas)[None], torch.from_numpy(parts.extent)[None]
    window, coarse = Preprocess()(canvas, extent)
    masks = network.masks(coarse)
    core = float(masks[:, 1].max())
    window, image = Zoom()(canvas, extent, window, masks * max(_AS_IF / max(core, 1e-6), 1.0))
    if sample.coins is not None:
        x, y = ((window[0, :2] + window[0, 2:]) / 2 * float(parts.scale[0])).round().int().tolist()
        height, width = sample.coins.shape
        if not (0 <= x < width and 0 <= y < height and sample.coins[y, x]):
            return None
    return network.coin.pool(network.encode(image))[0]


def drawn(network: Segmenter, draw: Draw, count: int, seed: int, name: str) -> Tensor:
    """[m, n] features of up to `count` photos."""
    found = (features(network, draw(np.random.default_rng([seed, row]))) for row in tqdm(range(count), desc=name))
    return torch.stack([feature for feature in found if feature is not None])


def fit(coins: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Weights [n] and bias of the logistic regression that tells features [m, n] of coins from those of others.

    Both sides count alike, whatever their numbers, but for COIN_WEIGHT.
    """
    both = torch.cat([coins, others]).double()
    mean, spread = both.mean(0), both.std(0)
    # What hardly varies has no say: rounding would decide.
    spread = torch.maximum(spread, mean.abs() * LEAST_VARIATION).clamp(min=float(spread.median()) / 10)
    x, y = (both - mean) / spread, torch.cat([torch.ones(len(coins)), torch.zeros(len(others))]).double()
    share = torch.where(y > 0, COIN_WEIGHT / len(coins), 1.0 / len(others))
    weights, bias = nn.Parameter(torch.zeros(x.shape[1]).double()), nn.Parameter(torch.zeros(()).double())
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        odds = x @ weights + bias
        value = nn.functional.binary_cross_entropy_with_logits(odds, y, share, reduction="sum")
        value = value + DECAY * weights.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    scaled = (weights / spread).detach()
    return scaled.float(), (bias - mean @ scaled).detach().float()


def report(network: Segmenter, held_out: dict[str, Tensor]) -> Iterator[str]:
    """A line for each kind: the share that is said to show a coin, and the middle of the probabilities."""
    for name, values in held_out.items():
        with torch.no_grad():
            likely = torch.sigmoid(network.coin.linear(values))[:, 0]
        share = float((likely >= LEAST_PROBABILITY).float().mean())
        yield f"{name:16} {share:.3f} of {len(values)} said to be a coin, median {float(likely.median()):.3f}"


def _taken_up(weights: str) -> tuple[Spec[Segmenter] | None, Segmenter]:
    """The network whose weights are in a checkpoint, with how it is built; or None and the one in weights/."""
    if weights != KEPT:
        return load_checkpoint(Path(weights), SEGMENTERS)
    kept = load_module(SEGMENTATION)
    assert isinstance(kept, Segmenter)
    return None, kept


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help=f"checkpoint of training.train_segmentation, or {KEPT!r}: those in weights/")
    parser.add_argument("backgrounds", type=Path, help="folder of training.backgrounds.fetch")
    parser.add_argument("--out", type=Path, help="checkpoint; it may be the same file")
    parser.add_argument("--outlines", type=Path, help="ellipses.csv; the photos lie beside it")
    parser.add_argument("--under", default="", help="take only outlined photos whose path begins with this")
    parser.add_argument("--count", type=int, default=800, help="photos of each kind (%(default)s)")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    if (args.weights == KEPT) == bool(args.out):
        parser.error(f"--out belongs to a checkpoint, and {KEPT!r} has none")
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    spec, network = _taken_up(args.weights)
    sets = {}
    for which, count in ((TRAIN, args.count), (TEST, max(round(HELD_OUT * args.count), 2))):
        backgrounds, first = Backgrounds.of(args.backgrounds, which), FIRST_DESIGN[which]
        pool = make_pool(backgrounds, min(SPECIMENS, max(count // 2, 1)), first, np.random.default_rng(first))
        draws = kinds(backgrounds, pool, first)
        if args.outlines:
            draws[PHOTOGRAPHED] = outlined(args.outlines, args.under, which == TEST)
        sets[which] = {
            name: drawn(network, draw, count * (SINGLES if name == SINGLE else 1), first, f"{which}: {name}")
            for name, draw in draws.items()
        }
    coins = [values for name, values in sets[TRAIN].items() if name in COINS]
    others = [values for name, values in sets[TRAIN].items() if name not in COINS]
    weights, bias = fit(torch.cat(coins), torch.cat(others))
    with torch.no_grad():
        network.coin.linear.weight.copy_(weights[None])
        network.coin.linear.bias.copy_(bias[None])
    if spec is None:
        keep_parameters(SEGMENTATION, {"coin.linear.weight": weights[None], "coin.linear.bias": bias[None]})
    else:
        save_checkpoint(args.out, spec, network.state_dict())
    print(*report(network, sets[TEST]), sep="\n")


if __name__ == "__main__":
    main()
