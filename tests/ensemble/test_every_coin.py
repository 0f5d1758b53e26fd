"""Every coin of a photo is found once, whatever its size; a network of thresholds stands for the real ones."""

from itertools import combinations

import cv2
import numpy as np
import pytest

from ensemble.chain import Arrays
from ensemble.contract import (
    CANVAS,
    CANVAS_SIZE,
    COIN_PROBABILITY,
    EMBEDDER,
    EMBEDDING_SIZE,
    EXTENT,
    IMAGE_MEAN,
    MASK,
    MOST_COINS,
    RELIEF,
    SCALE,
    SEGMENTATION,
    Model,
)
from ensemble.errors import PhotoError
from ensemble.every_coin import Coins, EveryCoin
from ensemble.geometry.opencv.every import Spot, distinct, outermost, overlap, windows

pytest.importorskip("torch")
from training.data import cores

BATCH = 4
Disc = tuple[float, float, float]  # x, y, radius


class Threshold:
    """Stands for the networks: what is brighter than the mean is coin. Keeps what it was asked."""

    def __init__(self, probability: float = 0.9) -> None:
        self.asked: list[tuple[Model, int]] = []
        self.probability = probability

    def __call__(self, model: Model, inputs: Arrays) -> Arrays:
        (given,) = inputs.values()
        self.asked.append((model, len(given)))
        assert 1 <= len(given) <= BATCH and given.shape[1:] == model.inputs[0].dims
        if model is SEGMENTATION:
            bright = (given[:, 1] > 0.3).astype(np.uint8) * 255
            masks = np.stack([np.stack([one, cores(one)]) for one in bright]).astype(np.float32) / 255
            return {MASK.name: masks, COIN_PROBABILITY.name: np.full((len(given), 1), self.probability, np.float32)}
        if model is EMBEDDER:
            level = given.mean((1, 2, 3))
            return {model.outputs[0].name: np.eye(EMBEDDING_SIZE, dtype=np.float32)[0] * level[:, None]}
        return {RELIEF.name: np.zeros((len(given), *RELIEF.dims), np.float32)}


def photo(discs: list[Disc], height: int = CANVAS_SIZE, width: int = CANVAS_SIZE, scale: float = 1.0) -> Arrays:
    canvas = np.zeros((CANVAS_SIZE, CANVAS_SIZE, 3), np.uint8)
    canvas[:height, :width] = np.rint(np.array(IMAGE_MEAN) * 255)
    for x, y, radius in discs:
        cv2.circle(canvas, (round(x * 16), round(y * 16)), round(radius * 16), (220, 220, 220), -1, cv2.LINE_AA, 4)
    canvas[height:], canvas[:, width:] = 0, 0
    extent, scales = np.array([height, width], np.int32), np.array([scale], np.float32)
    return {CANVAS.name: canvas, EXTENT.name: extent, SCALE.name: scales}


def found(discs: list[Disc], **options: float) -> tuple[Coins, Threshold]:
    network = Threshold()
    return EveryCoin(network, BATCH).of(photo(discs, **options)), network  # type: ignore[arg-type]


def scattered(seed: int, count: int, radii: tuple[float, float], height: int, width: int) -> list[Disc]:
    rng = np.random.default_rng(seed)
    discs: list[Disc] = []
    for _ in range(3000):
        radius = float(np.exp(rng.uniform(*np.log(radii))))
        if 2 * radius + 8 >= min(height, width):
            continue
        x, y = (float(rng.uniform(radius + 4, length - radius - 4)) for length in (width, height))
        if all(np.hypot(x - u, y - v) > radius + r + 0.03 * max(radius, r) + 6 for u, v, r in discs):
            discs.append((x, y, radius))
        if len(discs) == count:
            break
    return discs


@pytest.mark.parametrize(("height", "width"), [(1024, 1024), (768, 1024), (1024, 400), (130, 1024)])
@pytest.mark.parametrize("seed", range(4))
def test_each_coin_is_found_once(seed: int, height: int, width: int) -> None:
    discs = scattered(seed, 25, (14, 220), height, width)
    coins, _ = found(discs, height=height, width=width)
    assert len(coins.ellipses) == len(discs) >= 3
    for x, y, radius in discs:
        ellipse = min(coins.ellipses, key=lambda one: np.hypot(one[0] - x, one[1] - y))
        np.testing.assert_allclose(ellipse[:4], [x, y, radius, radius], atol=max(0.03 * radius, 1.5))
    sizes = list(coins.ellipses[:, 2] * coins.ellipses[:, 3])
    assert sizes == sorted(sizes, reverse=True), "the largest comes first"


def test_outlines_are_those_of_the_photo() -> None:
    coins, _ = found([(300.0, 400.0, 80.0)], scale=2.5)
    (ellipse,) = coins.ellipses
    np.testing.assert_allclose(ellipse[:4], [751.0, 1001.0, 200, 200], rtol=0.02)


def test_coins_over_the_edge_of_the_photo_are_found() -> None:
    coins, _ = found([(30.0, 500.0, 60.0), (990.0, 700.0, 70.0), (500.0, 500.0, 100.0)])
    assert len(coins.ellipses) == 3


def test_a_photo_without_a_coin() -> None:
    coins, network = found([])
    assert coins.ellipses.shape == (0, 5) and coins.probabilities == ()
    assert coins.embeddings.shape == (0, EMBEDDING_SIZE)
    assert {model for model, _ in network.asked} == {SEGMENTATION}


def test_what_is_not_likely_a_coin_is_left_out() -> None:
    shown = photo([(300.0, 400.0, 80.0)])
    assert EveryCoin(Threshold(probability=0.6), BATCH).of(shown).probabilities == (pytest.approx(0.6),)
    assert EveryCoin(Threshold(probability=0.4), BATCH).of(shown).probabilities == ()


def test_networks_are_asked_in_full_batches() -> None:
    discs = scattered(1, 21, (20, 60), 1024, 1024)
    _, network = found(discs)
    for model in (SEGMENTATION, EMBEDDER):
        rows = [count for asked, count in network.asked if asked is model]
        looks = rows if model is EMBEDDER else None
        assert looks is None or (looks[:-1] == [BATCH] * (len(looks) - 1) and sum(looks) == len(discs))


def test_the_most_coins_of_a_photo_are_answered_and_more_are_refused() -> None:
    grid = [(64.0 + 112 * column, 64.0 + 112 * row, 40.0) for row in range(9) for column in range(9)]
    coins, _ = found(grid[:MOST_COINS])
    assert len(coins.ellipses) == MOST_COINS
    with pytest.raises(PhotoError, match=f"at most {MOST_COINS} are taken from one: photograph fewer at a time"):
        found(grid)


@pytest.mark.parametrize(("height", "width"), [(1024, 1024), (700, 1024), (1024, 260), (10, 1024), (3, 3)])
def test_whatever_is_no_larger_than_half_a_square_lies_within_one(height: int, width: int) -> None:
    looks = windows(np.array([height, width], np.int32))
    side = looks[1, 2] - looks[1, 0]
    assert side == pytest.approx(max(height, width) / 2)
    assert len(looks) <= 10
    for x in np.linspace(-0.5, width - 0.5, 23):
        for y in np.linspace(-0.5, height - 0.5, 23):
            part = np.array([x, y, min(x + side / 2, width - 0.5), min(y + side / 2, height - 0.5)])
            inside = (looks[:, :2] <= part[:2] + 1e-3).all(1) & (looks[:, 2:] >= part[2:] - 1e-3).all(1)
            assert inside.any()


def test_of_two_spots_on_one_coin_the_surer_is_kept() -> None:
    one, again, other = Spot(100, 100, 50, 0.9), Spot(104, 98, 44, 0.95), Spot(180, 100, 40, 0.5)
    assert distinct([one, again, other]) == [again, other]


def test_what_lies_within_a_coin_is_part_of_it() -> None:
    coin, detail, beside, over_its_rim = (
        Spot(100, 100, 50, 0.8),
        Spot(115, 100, 20, 0.9),
        Spot(180, 100, 25, 0.9),
        Spot(145, 100, 20, 0.9),
    )
    assert outermost([detail, coin, beside, over_its_rim]) == [coin, beside, over_its_rim]


def test_overlap_is_that_of_drawn_circles() -> None:
    rows = [
        Spot(200, 200, 90, 1),
        Spot(260, 230, 60, 1),
        Spot(200, 200, 30, 1),
        Spot(340, 90, 70, 1),
        Spot(20, 20, 9, 1),
    ]
    v, u = np.mgrid[:400, :450]
    for first, second in combinations(rows, 2):
        drawn = [np.hypot(u - spot.x, v - spot.y) <= spot.radius for spot in (first, second)]
        counted = (drawn[0] & drawn[1]).sum() / (drawn[0] | drawn[1]).sum()
        assert overlap(first, second) == pytest.approx(counted, abs=0.01)
