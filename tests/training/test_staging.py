"""Rendered coins that are no discs, and what real tables have besides coins."""

import numpy as np
import pytest

from training import mint
from training.mint import blanks
from training.mint.relief import MAP_RADIUS, MAP_SIZE, polar
from training.mint.staging import CAPSULE, FLIP, Staging

pytestmark = pytest.mark.slow

SHOT = mint.Shot(160, 200, (0.25, 0.35), 0.0)


@pytest.mark.parametrize("shape", range(len(blanks.SHAPES)))
def test_an_outline_reaches_the_unit_circle_and_stays_within(shape: int) -> None:
    for seed in range(5):
        outline = blanks.SHAPES[shape](np.random.default_rng(seed))
        assert outline.shape == (blanks.ANGLES,)
        assert outline.max() == pytest.approx(1.0)
        assert outline.min() > 0.5


def test_a_rounded_polygon_is_between_polygon_and_disc() -> None:
    square, disc = blanks.rounded_polygon(4, 0.0), blanks.rounded_polygon(4, 1.0)
    assert square.min() == pytest.approx(np.cos(np.pi / 4), abs=1e-3)
    assert disc.min() == pytest.approx(1.0)
    assert len(set(np.flatnonzero(square > 0.999) // 90)) >= 4  # corners


def test_the_relief_follows_the_outline() -> None:
    rho, phi = polar()
    outline = blanks.rounded_polygon(4, 0.2)
    fitted = blanks.fit_relief(rho, outline)
    place = np.rint(np.mod(phi / (2 * np.pi) * blanks.ANGLES, blanks.ANGLES)).astype(int) % blanks.ANGLES
    inside = rho < 0.95 * outline[place]
    assert np.abs(fitted - rho / outline[place])[inside].max() < 0.02


def _specimen(**how: object) -> mint.Specimen:
    return mint.strike(mint.make_design(4), np.random.default_rng(0), **how)  # type: ignore[arg-type]


def _photo(specimens: list[mint.Specimen], staging: Staging, seed: int = 0) -> mint.Photo:
    return mint.photograph(specimens, SHOT, np.random.default_rng(seed), staging=staging)


def test_the_mask_has_the_coins_shape() -> None:
    disc, square = (_photo([_specimen(outline=o)], Staging()) for o in (None, blanks.rounded_polygon(4, 0.0)))
    share = (square.all_coins > 127).sum() / (disc.all_coins > 127).sum()
    assert share == pytest.approx(2 / np.pi, abs=0.02)


def test_a_hole_shows_the_ground_and_belongs_to_the_face() -> None:
    plain, holed = (_photo([_specimen(hole=hole)], Staging()) for hole in (0.0, 0.3))
    assert np.array_equal(plain.all_coins, holed.all_coins)
    x, y = round(holed.ellipse.cx), round(holed.ellipse.cy)
    assert holed.picture[y, x].mean() != pytest.approx(plain.picture[y, x].mean(), abs=3)


def test_the_ground_is_the_one_given() -> None:
    ground = np.zeros((160, 200, 3), np.float32)
    ground[:, :100] = 0.5
    photo = _photo([], Staging(ground=ground))
    assert photo.picture[:, :80].mean() > 3 * photo.picture[:, 120:].mean()
    assert ground.max() == 0.5  # left as it was


def test_coins_on_each_other_are_told_apart() -> None:
    specimens = [_specimen() for _ in range(3)]
    overlapping = 0
    for seed in range(8):
        photo = _photo(specimens, Staging(nearest=0.5), seed)
        disc = np.pi * photo.ellipse.a * photo.ellipse.b
        covered = (photo.all_coins > 127).sum()
        hidden = (photo.mask > 127) & (photo.all_coins == 0)
        overlapping += bool(hidden.any()) and covered > 0.5 * disc
    assert overlapping >= 2


def test_a_coin_over_the_edge_is_cut() -> None:
    areas = [(_photo([_specimen()], Staging(cut=0.6), seed).all_coins > 127).mean() for seed in range(6)]
    whole = (_photo([_specimen()], Staging()).all_coins > 127).mean()
    assert min(areas) < 0.9 * whole
    assert min(areas) > 0.2 * whole


@pytest.mark.parametrize(
    "staging",
    [
        Staging(holder=FLIP),
        Staging(holder=CAPSULE),
        Staging(shadows=2),
        Staging(tint=0.3),
        Staging(reflection=np.ones((8, 8, 3), np.float32), polish=0.9),
    ],
    ids=("flip", "capsule", "shadows", "tint", "mirror"),
)
def test_staging_changes_the_picture_and_not_the_mask(staging: Staging) -> None:
    plain, staged = _photo([_specimen()], Staging()), _photo([_specimen()], staging)
    assert np.array_equal(plain.all_coins, staged.all_coins)
    assert np.abs(plain.picture.astype(int) - staged.picture).mean() > 1
    again = _photo([_specimen()], staging)
    assert np.array_equal(again.picture, staged.picture)


def test_maps_are_as_large_as_ever() -> None:
    assert _specimen(outline=blanks.scalloped(8, 0.1)).height.shape == (MAP_SIZE, MAP_SIZE)
    assert MAP_RADIUS < MAP_SIZE / 2
