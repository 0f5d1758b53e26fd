"""Coins on photographed grounds, and pictures without a coin, in the form that `training.render scenes` writes.

    python -m training.backgrounds.compose BACKGROUNDS --out DATA/scenes

BACKGROUNDS is a folder of `training.backgrounds.fetch`. Writes `pasted.npy`, uint8 [count, 256, 256, 3], and
`pasted_masks.npy`, and the same as `pasted_test` from the pictures that are held out. Half of the pictures show
rendered coins of every shape in the light of real tables, a sixth coins cut out of photos, a third none: grounds alone,
with objects, and with round things that are no coins. Photos that `training.photos` keeps apart give nothing.
"""

import argparse
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.lib.format import open_memmap
from tqdm import tqdm

from ensemble.contract import IMAGE_SIZE
from training import mint
from training.augment import Cutout, compose
from training.backgrounds.fetch import TEST, TRAIN, read_pictures
from training.backgrounds.round_things import RADIUS, SIDE, round_thing
from training.backgrounds.sources import OBJECT
from training.mint.background import SURFACES
from training.mint.blanks import SHAPES
from training.mint.relief import smooth_noise
from training.mint.specimen import REFLECTANCE
from training.mint.staging import CAPSULE, FLIP, Staging
from training.render import letterbox

Picture = np.ndarray
FIRST_DESIGN = {TRAIN: 20_000_000, TEST: 30_000_000}
POOL = 400  # specimens that the pictures share
CUTOUT_SHARE, EMPTY_SHARE = 0.15, 0.33  # of the pictures: coins of photos, and no coin
RENDERED_GROUND_SHARE = 0.2  # of the grounds
STUDIO_SHARE = 0.2  # of the pictures with rendered coins: one coin fills a plain ground, as catalogs show it
DISTRACTED_SHARE = 0.35  # of the pictures with coins: other things lie beside them
NOT_ROUND, HOLED = 0.4, 0.12  # share of the specimens
HAMMERED, PAINTED = 0.2, 0.1  # the same: struck by hand in high relief; printed in colours
GOLD = 0.4  # of the hammered ones
PALE, DARK = 0.6, 0.25  # share of the grounds of catalogs; the others are coloured


def linear(picture: Picture) -> Picture:
    """A picture 0 … 255 in linear light, with the gamma of 2 that `mint` exposes by; float32."""
    return np.square(picture.astype(np.float32) / np.float32(255))


@dataclass(frozen=True)
class Backgrounds:
    """The pictures of one set.

    Attributes:
        folder: of `training.backgrounds.fetch`.
        scenes: paths of opaque pictures.
        objects: paths of single things on a transparent ground.
    """

    folder: Path
    scenes: tuple[str, ...]
    objects: tuple[str, ...]

    @staticmethod
    def of(folder: Path, which: str) -> "Backgrounds":
        """Those of the set TRAIN or TEST."""
        chosen = [picture for picture in read_pictures(folder) if picture.set == which]
        scenes = tuple(picture.path for picture in chosen if picture.kind != OBJECT)
        return Backgrounds(folder, scenes, tuple(picture.path for picture in chosen if picture.kind == OBJECT))

    def part(self, size: int, rng: np.random.Generator, whole: float = 0.0) -> Picture:
        """A square of a picture, turned by any angle, linear RGB [size, size, 3]; `whole`: share that is not a part."""
        path = self.folder / self.scenes[int(rng.integers(len(self.scenes)))]
        picture = _read(path)
        short = min(picture.shape[:2])
        side = short * (1.0 if rng.random() < whole else np.exp(rng.uniform(np.log(0.25), 0)))
        turn = rng.integers(4) * np.pi / 2 + (rng.uniform(-0.8, 0.8) if rng.random() < 0.6 else 0.0)
        scale = side / size
        step = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        room = (np.array(picture.shape[1::-1]) - side) / 2
        centre = np.array(picture.shape[1::-1]) / 2 - 0.5 + rng.uniform(-1, 1, 2) * room
        matrix = np.column_stack([step, centre - step @ np.full(2, (size - 1) / 2)])
        if scale > 1.4:
            picture = cv2.GaussianBlur(picture, (0, 0), 0.4 * scale)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        part = cv2.warpAffine(picture, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT)
        return linear(part[:, ::-1] if rng.random() < 0.5 else part)

    def ground(self, size: int, rng: np.random.Generator) -> Picture:
        """What coins lie on."""
        if rng.random() < RENDERED_GROUND_SHARE:
            return np.ascontiguousarray(SURFACES[int(rng.integers(len(SURFACES)))](rng, size), np.float32)
        return self.part(size, rng)

    def thing(self, rng: np.random.Generator) -> Picture:
        """A thing that is no coin, float32 [SIDE, SIDE, 4]: linear RGB and cover."""
        if not self.objects or rng.random() < 0.7:
            return round_thing(self.part(SIDE, rng), rng)
        stored = cv2.imread(str(self.folder / self.objects[int(rng.integers(len(self.objects)))]), cv2.IMREAD_UNCHANGED)
        scale = 0.95 * SIDE / max(stored.shape[:2])
        small = cv2.resize(stored, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        canvas = np.zeros((SIDE, SIDE, 4), np.float32)
        y, x = ((SIDE - length) // 2 for length in small.shape[:2])
        canvas[y : y + small.shape[0], x : x + small.shape[1]] = np.dstack(
            [np.square(small[..., 2::-1]), small[..., 3]]
        )
        return canvas


@lru_cache(maxsize=400)
def _read(path: Path) -> Picture:
    return cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def lay(picture: Picture, thing: Picture, radius: float, rng: np.random.Generator) -> None:
    """Lay a thing of about `radius` px anywhere into a picture of linear light, tilted, with a shadow, in place."""
    h, w = picture.shape[:2]
    turn, lean = rng.uniform(0, 2 * np.pi, 2)
    turns = [np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) for t in (turn, lean)]
    squeeze = turns[1] @ np.diag([1.0, rng.uniform(0.75, 1.0)]) @ turns[1].T
    step = radius / RADIUS * squeeze @ turns[0]
    centre = rng.uniform(-0.1, 1.1, 2) * (w, h)
    matrix = np.column_stack([step, centre - step @ np.full(2, (SIDE - 1) / 2)])
    if radius < 0.7 * RADIUS:
        thing = cv2.GaussianBlur(thing, (0, 0), 0.4 * RADIUS / radius)
    laid = cv2.warpAffine(thing, matrix, (w, h), flags=cv2.INTER_LINEAR)
    cover = laid[..., 3:]
    reach = rng.uniform(0.02, 0.2) * radius
    moved: Picture = matrix + np.column_stack([np.zeros((2, 2)), reach * rng.normal(0, 0.7, 2)])
    own: Picture = np.ascontiguousarray(thing[..., 3])
    fallen = cv2.warpAffine(own, moved, (w, h), flags=cv2.INTER_LINEAR)
    shade = cv2.GaussianBlur(fallen, (0, 0), 0.5 + reach)[..., None]
    picture *= 1 - np.float32(rng.uniform(0.2, 0.8)) * shade
    light = np.float32(np.exp(rng.normal(-0.2, 0.5)))
    picture += cover * (laid[..., :3] * light - picture)


def make_pool(backgrounds: Backgrounds, count: int, first: int, rng: np.random.Generator) -> list[mint.Specimen]:
    """Specimens of as many designs, some of them no discs, some holed, fresh, hammered or painted."""
    pool = []
    for seed in range(first, first + count):
        outline, shift, hole = None, (0.0, 0.0), 0.0
        if rng.random() < NOT_ROUND:
            outline = SHAPES[int(rng.integers(len(SHAPES)))](rng)
            x, y = rng.normal(0, 0.06, 2)
            shift = (float(x), float(y)) if rng.random() < 0.5 else shift
        if rng.random() < HOLED:
            hole = float(rng.uniform(0.08, 0.3))
        fresh = rng.random() < 0.3
        specimen = mint.strike(mint.make_design(seed), rng, fresh, outline, hole, shift)
        kind = rng.random()
        if kind < HAMMERED:
            specimen = hammered(specimen, rng)
        elif kind < HAMMERED + PAINTED:
            specimen = painted(specimen, backgrounds.part(specimen.colour.shape[0], rng), rng)
        pool.append(specimen)
    return pool


def hammered(specimen: mint.Specimen, rng: np.random.Generator) -> mint.Specimen:
    """The coin in high relief on an uneven blank, as by hand; often of gold."""
    size = specimen.height.shape[0]
    lumps = smooth_noise(rng, size, int(rng.integers(3, 12)), 3) * np.float32(rng.uniform(0.002, 0.015))
    gold = np.array(REFLECTANCE["gold"], np.float32) / specimen.colour.mean((0, 1)) if rng.random() < GOLD else 1.0
    return replace(
        specimen,
        height=specimen.height + lumps,
        colour=np.clip(specimen.colour * gold, 0, 1).astype(np.float32),
        relief=rng.uniform(2.0, 5.0),
        matte=rng.uniform(0.05, 0.4),
        frost=0.0,
    )


def painted(specimen: mint.Specimen, print_: Picture, rng: np.random.Generator) -> mint.Specimen:
    """The coin with a picture printed on its middle, or on all of it."""
    size = specimen.colour.shape[0]
    line = (np.arange(size, dtype=np.float32) - (size - 1) / 2) / (size / 2)
    inner = float(rng.uniform(0.5, 1.0))
    share = np.clip((inner - np.hypot(line[:, None], line[None, :])) * 60 + 0.5, 0, 1)[..., None]
    share = share * np.float32(rng.uniform(0.6, 1.0))
    colour = specimen.colour * (1 - share) + np.clip(print_, 0, 1) * share
    return replace(specimen, colour=colour.astype(np.float32), matte=rng.uniform(0.4, 0.9), frost=0.0)


def _shot(size: int, rng: np.random.Generator) -> tuple[mint.Shot, int]:
    """How a photo is taken, and of how many coins: whole photos of any aspect, and zoomed views."""
    kind = rng.random()
    if kind < 0.4:  # as the second pass sees a coin
        return mint.Shot(size, size, (0.28, 0.48), 40.0, spread=1.0), int(rng.choice((1, 1, 2, 4)))
    height, width = _sides(size, rng)
    if kind < 0.8:
        return mint.Shot(height, width, (0.08, 0.475), 40.0, spread=1.0), int(rng.choice((1, 1, 1, 2, 5)))
    return mint.Shot(height, width, (0.02, 0.1), 30.0, spread=1.0), int(rng.choice((1, 1, 4, 20)))


def _sides(size: int, rng: np.random.Generator) -> tuple[int, int]:
    """Height and width of a photo whose longer side has `size` px."""
    short = int(rng.integers(round(0.5625 * size), size + 1))
    return (short, size) if rng.random() < 0.5 else (size, short)


def _staging(backgrounds: Backgrounds, shot: mint.Shot, rng: np.random.Generator) -> Staging:
    size = max(shot.height, shot.width)
    ground = backgrounds.ground(size, rng)[: shot.height, : shot.width]
    if rng.random() < DISTRACTED_SHARE:
        for _ in range(int(rng.integers(1, 4))):
            lay(
                ground,
                backgrounds.thing(rng),
                min(ground.shape[:2]) * np.exp(rng.uniform(np.log(0.06), np.log(0.4))),
                rng,
            )
    polished = rng.random() < 0.35
    return Staging(
        ground=np.ascontiguousarray(ground),
        reflection=backgrounds.part(96, rng) if polished else None,
        polish=rng.uniform(0.3, 0.95),
        nearest=rng.uniform(0.5, 0.95) if rng.random() < 0.35 else 1.0,
        cut=rng.uniform(0.1, 0.7) if rng.random() < 0.12 else 0.0,
        holder=str(rng.choice((FLIP, CAPSULE))) if rng.random() < 0.12 else "",
        shadows=int(rng.choice((0, 1, 2), p=(0.6, 0.3, 0.1))),
        tint=rng.uniform(0.05, 0.35) if rng.random() < 0.3 else 0.0,
    )


def _studio(backgrounds: Backgrounds, pool: list[mint.Specimen], rng: np.random.Generator, size: int) -> mint.Photo:
    """A catalog's picture; polished fields mirror a dark room, or a bright one."""
    side = int(rng.integers(round(0.4375 * size), size + 1))
    shot = mint.Shot(side, side, (0.4, 0.505), 6.0, studio=True, spread=1.0, quality=mint.STUDIO)
    kind = rng.random()
    if kind < PALE:
        shade = rng.uniform(0.75, 1.0) + rng.normal(0, 0.01, 3)
    else:
        shade = rng.uniform(0, 0.03, 3) if kind < PALE + DARK else rng.uniform(0, 1, 3) ** 2
    ground = np.full((side, side, 3), np.clip(shade, 0, 1), np.float32)
    room = backgrounds.part(96, rng) * np.float32(rng.choice((0.05, 0.4, 1.0)))
    polish = rng.uniform(0.5, 1.0) if rng.random() < 0.6 else 0.0
    staging = Staging(ground=ground, reflection=room, polish=polish)
    return mint.photograph([pool[int(rng.integers(len(pool)))]], shot, rng, staging=staging)


def with_coins(
    backgrounds: Backgrounds, pool: list[mint.Specimen], rng: np.random.Generator, size: int = IMAGE_SIZE
) -> mint.Photo:
    """A photo of rendered coins, its longer side of `size` px; those of catalogs are smaller now and then."""
    if rng.random() < STUDIO_SHARE:
        return _studio(backgrounds, pool, rng, size)
    shot, count = _shot(size, rng)
    chosen = [pool[i] for i in rng.integers(0, len(pool), count)]
    return mint.photograph(chosen, shot, rng, staging=_staging(backgrounds, shot, rng))


def without_coins(backgrounds: Backgrounds, rng: np.random.Generator, size: int = IMAGE_SIZE) -> mint.Photo:
    """A ground alone, or with one large thing, or with a few; the longer side has `size` px."""
    height, width = _sides(size, rng)
    short, kind = min(height, width), rng.random()
    whole = backgrounds.part(size, rng, 0.6) if kind < 0.4 else backgrounds.ground(size, rng)
    ground = np.ascontiguousarray(whole[:height, :width])
    sizes = (0.1, 0.35) if kind > 0.75 else (0.28, 0.5)
    for _ in range(0 if kind < 0.4 else 1 if kind < 0.75 else int(rng.integers(2, 7))):
        lay(ground, backgrounds.thing(rng), short * np.exp(rng.uniform(*np.log(sizes))), rng)
    staging = Staging(ground=ground, shadows=int(rng.random() < 0.2), tint=0.2 * (rng.random() < 0.2))
    shot = mint.Shot(height, width, (0.2, 0.4), 30.0)
    return mint.photograph([], shot, rng, staging=staging)


def _pasted(backgrounds: Backgrounds, cutouts: Picture, rng: np.random.Generator) -> tuple[Picture, Picture]:
    ground = 255 * np.sqrt(np.clip(backgrounds.ground(IMAGE_SIZE, rng), 0, 1))
    count = 1 if rng.random() < 0.6 else int(rng.integers(2, 6))
    chosen = (np.asarray(cutouts[i]) for i in rng.integers(0, len(cutouts), count))
    picture, mask = compose([Cutout(c[..., :3], c[..., 3]) for c in chosen], ground, IMAGE_SIZE, rng)
    return picture.astype(np.uint8), mask


def make_picture(
    backgrounds: Backgrounds, pool: list[mint.Specimen], cutouts: Picture, rng: np.random.Generator
) -> tuple[Picture, Picture]:
    """One picture [256, 256, 3] and the mask of its coins [256, 256], both uint8.

    Args:
        backgrounds: the grounds and things.
        pool: rendered coins.
        cutouts: photographed coins as `training.photos` writes them [n, 256, 256, 4]; there may be none.
        rng: of everything that is drawn.
    """
    kind = rng.random()
    if kind < EMPTY_SHARE:
        return letterbox(without_coins(backgrounds, rng), rng)
    if len(cutouts) and kind < EMPTY_SHARE + CUTOUT_SHARE:
        return _pasted(backgrounds, cutouts, rng)
    return letterbox(with_coins(backgrounds, pool, rng), rng)


def write(folder: Path, which: str, out: Path, name: str, count: int) -> None:
    """Write the store `name` from the pictures of one set."""
    backgrounds = Backgrounds.of(folder, which)
    if not backgrounds.scenes:
        raise ValueError(f"{folder}/pictures.csv lists no picture for {which}")
    cutouts, stored = np.zeros((0, 1, 1, 4), np.uint8), out / "cutouts.npy"
    if which == TRAIN and stored.exists():  # of photos that may be trained on
        cutouts = np.load(stored, mmap_mode="r")
    first = FIRST_DESIGN[which]
    pool = make_pool(backgrounds, min(POOL, max(count // 4, 1)), first, np.random.default_rng(first))
    shape = (count, IMAGE_SIZE, IMAGE_SIZE)
    part, mask_part = (out / f"{name}{kind}.part.npy" for kind in ("", "_masks"))
    store = open_memmap(part, mode="w+", dtype=np.uint8, shape=(*shape, 3))
    masks = open_memmap(mask_part, mode="w+", dtype=np.uint8, shape=shape)
    for row in tqdm(range(count), desc=name, mininterval=5):
        store[row], masks[row] = make_picture(backgrounds, pool, cutouts, np.random.default_rng([row, first]))
    store.flush()
    masks.flush()
    part.replace(out / f"{name}.npy")
    mask_part.replace(out / f"{name}_masks.npy")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backgrounds", type=Path, help="folder of training.backgrounds.fetch")
    parser.add_argument("--out", type=Path, required=True, help="of training.photos, whose cutouts are taken if there")
    parser.add_argument(
        "--count", type=int, default=6000, help="of pictures for training; a twentieth more for testing"
    )
    args = parser.parse_args()
    cv2.setNumThreads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    write(args.backgrounds, TEST, args.out, "pasted_test", max(args.count // 20, 10))
    write(args.backgrounds, TRAIN, args.out, "pasted", args.count)


if __name__ == "__main__":
    main()
