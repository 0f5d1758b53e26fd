"""The coin renderer: repeatable, and exact about where the coin is."""

import csv
import subprocess
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from training import mint
from training.mint import scene
from training.mint.camera import aim, project_circle
from training.mint.collection import write_collection
from training.mint.design import FAMILY, _draw_die
from training.mint.light import draw_lighting, shade
from training.mint.relief import polar
from training.outlines import rectify

pytestmark = pytest.mark.slow

SHOT = mint.Shot(240, 320, (0.2, 0.45), 35.0, spread=0.8)


def _photo(seed: int, coins: int = 1) -> mint.Photo:
    rng = np.random.default_rng(seed)
    specimens = [mint.strike(mint.make_design(seed + k), rng) for k in range(coins)]
    return mint.photograph(specimens, SHOT, rng, things=2)


def test_same_seed_same_photo() -> None:
    first, second = _photo(5, 3), _photo(5, 3)
    assert np.array_equal(first.picture, second.picture)
    assert np.array_equal(first.all_coins, second.all_coins)
    assert first.ellipse == second.ellipse


def test_other_seed_other_coin() -> None:
    heights = [mint.make_design(seed).height for seed in range(6)]
    for i in range(6):
        for k in range(i):
            assert not np.array_equal(heights[i], heights[k])


@pytest.mark.parametrize("seed", range(6))
def test_mask_agrees_with_ellipse(seed: int) -> None:
    photo = _photo(seed)
    e = photo.ellipse
    v, u = np.mgrid[: photo.mask.shape[0], : photo.mask.shape[1]]
    c, s = np.cos(np.radians(e.angle)), np.sin(np.radians(e.angle))
    x, y = u - e.cx, v - e.cy
    inside = ((c * x + s * y) / e.a) ** 2 + ((c * y - s * x) / e.b) ** 2 <= 1
    mask = photo.mask > 127
    assert (mask & inside).sum() / (mask | inside).sum() > 0.97
    assert e.a >= e.b > 0


def test_projected_circle_lies_on_its_ellipse() -> None:
    homography = aim(120, 90, 60, 0.6, 1.0, 7.0).plane(0)
    t = np.linspace(0, 2 * np.pi, 50)
    points = homography @ np.stack([np.cos(t), np.sin(t), np.ones_like(t)])
    points = (points[:2] / points[2]).T
    outline = project_circle(homography).outline(2000)
    distance = np.linalg.norm(points[:, None] - outline[None], axis=2).min(1)
    assert distance.max() < 0.15  # px, half the spacing of the outline's points


def test_coins_never_merge() -> None:
    for seed in range(4):
        photo = _photo(100 + seed, 5)
        count, _, stats, _ = cv2.connectedComponentsWithStats((photo.all_coins > 127).astype(np.uint8), connectivity=4)
        _, _, main, _ = cv2.connectedComponentsWithStats((photo.mask > 127).astype(np.uint8), connectivity=4)
        assert count >= 2
        assert stats[1:, cv2.CC_STAT_AREA].max() <= main[1, cv2.CC_STAT_AREA]


@lru_cache(maxsize=1)
def _pool() -> list[mint.Specimen]:
    rng = np.random.default_rng(0)
    return [mint.strike(mint.make_design(seed), rng) for seed in range(5)]


def test_coins_of_a_heap_touch_and_their_masks_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene, "HEAP_SHARE", 1.0)
    shot = mint.Shot(256, 256, (0.06, 0.075), 40.0, spread=0.0)  # small enough for all of a heap to be in view
    gaps = []
    for seed in range(10):
        count = 3 + seed % 3
        photo = mint.photograph(_pool()[:count], shot, np.random.default_rng(seed))
        coins = (photo.all_coins > 127).astype(np.uint8)
        number, labels = cv2.connectedComponents(coins, connectivity=8)
        assert number - 1 == count
        for label in range(1, number):
            others = np.where((labels > 0) & (labels != label), 0, 255).astype(np.uint8)
            gaps.append(cv2.distanceTransform(others, cv2.DIST_L2, 5)[labels == label].min())
    assert max(gaps) < 9  # px: every coin has a neighbour that it touches, or almost
    assert np.median(gaps) < 4


def test_without_heaps_coins_lie_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene, "HEAP_SHARE", 0.0)
    shot = mint.Shot(256, 256, (0.2, 0.2), 0.0, spread=0.0)
    for seed in range(6):
        photo = mint.photograph(_pool()[:4], shot, np.random.default_rng(seed))
        others = np.where((photo.all_coins > 127) & (photo.mask == 0), 0, 255).astype(np.uint8)
        if not others.all():
            # 0.04 of the sum of the radii, of which the smaller is 0.55 of 51 px at least
            assert cv2.distanceTransform(others, cv2.DIST_L2, 5)[photo.mask > 127].min() > 0.04 * 1.55 * 51 - 1


def test_masks_that_touch_give_a_line_each() -> None:
    own, others = np.zeros((9, 12), np.uint8), np.zeros((9, 12), np.uint8)
    own[:, :6], others[:, 6:] = 255, 255
    union = scene._separate(own, others)
    assert (union == 0).all(0).tolist() == [False] * 5 + [True] * 2 + [False] * 5
    assert np.array_equal(union, scene._separate(others, own))
    apart = np.zeros((9, 12), np.uint8)
    apart[:, 9:] = 255
    assert np.array_equal(scene._separate(own, apart), own | apart)


@pytest.mark.parametrize("seed", [4, 5])
def test_no_neighbour_covers_a_face(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene, "HEAP_SHARE", 1.0)
    tints = np.eye(3, dtype=np.float32) * 0.88 + 0.02
    red, green = (
        replace(_pool()[0], colour=np.zeros_like(_pool()[0].colour) + tint, thickness=0.2, reeds=0)
        for tint in tints[:2]
    )
    sharp = mint.Quality(blur=0.01, motion=0.0, noise=1e-4, cast=0.01, jpeg=94, exposure=(0.25, 0.5))
    shot = mint.Shot(256, 256, (0.25, 0.25), 40.0, spread=0.0, quality=sharp)
    photo = mint.photograph([green] + [red] * 5, shot, np.random.default_rng(seed))
    face = cv2.erode(photo.mask, np.ones((5, 5), np.uint8)) > 0
    picture = photo.picture.astype(int)
    assert (picture[..., 0] > 1.5 * picture[..., 1])[face].sum() == 0


def test_no_coin() -> None:
    photo = mint.photograph([], SHOT, np.random.default_rng(0), things=3)
    assert photo.ellipse.a == 0
    assert not photo.all_coins.any()


def test_light_changes_the_coin() -> None:
    rng = np.random.default_rng(1)
    specimen = mint.strike(mint.make_design(7), rng)
    eye = np.array([0.0, 0.0, 10.0])
    one, two = (shade(specimen, draw_lighting(rng), eye, 0.0, 128) for _ in range(2))
    assert np.abs(one / one.mean() - two / two.mean()).mean() > 0.05


def test_rectified_coin_is_a_centred_circle() -> None:
    photo = _photo(3)
    mask = cv2.merge([photo.mask] * 3)
    coin = rectify(mask, photo.ellipse, 256, 100.0)[..., 0] > 127
    v, u = np.mgrid[:256, :256] - 127.5
    disc = np.hypot(u, v) <= 100
    assert (coin & disc).sum() / (coin | disc).sum() > 0.97


def test_collection(tmp_path: Path) -> None:
    pictures = write_collection(tmp_path, classes=8, seed=1, size=160, queries=1, workers=1)
    assert [p.role for p in pictures].count("catalog") == 7
    assert [p.role for p in pictures].count("unknown") == 1
    with (tmp_path / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 7
    assert all((tmp_path / row["path"]).is_file() and row["side"] in row["name"] for row in rows)
    assert (tmp_path / "contact_sheet.jpg").is_file()


def test_command_line_renders_in_processes_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training.mint", "--classes", "2", "--size", "160", "--out", str(tmp_path)]
    subprocess.run(command, cwd=Path(__file__).parents[2], check=True, capture_output=True)
    with (tmp_path / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["role"] for row in rows} == {"catalog", "query"}
    assert all((tmp_path / row["path"]).is_file() for row in rows)


# --- families, series, dies -----------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _families() -> list[list[mint.Design]]:
    return [[mint.make_design(FAMILY * family + member) for member in range(FAMILY)] for family in range(8)]


def _is_series(family: list[mint.Design]) -> bool:
    """Whether all coins bear the year of one; of coins drawn apart that would be a rare chance."""
    return len({design.identity.year for design in family}) == 1


def _raised(design: mint.Design) -> np.ndarray:
    """Where anything stands above the field; how high is each die's own."""
    return design.height > 0


def test_families_share_a_country_and_half_of_them_are_series() -> None:
    families = _families()
    for family in families:
        assert len({(design.identity.country, design.identity.currency) for design in family}) == 1
    assert len({family[0].identity.country for family in families}) > len(families) / 2
    assert 2 <= sum(map(_is_series, families)) <= 6
    rest = [family for family in families if not _is_series(family)]
    assert any(len({design.identity.side for design in family}) == 2 for family in rest)


def test_a_series_differs_in_the_denomination_alone() -> None:
    rho, _ = polar()
    for family in filter(_is_series, _families()):
        first = family[0].identity
        assert {replace(design.identity, denomination=1) for design in family} == {replace(first, denomination=1)}
        assert first.side == "reverse"
        assert len({design.identity.denomination for design in family}) == FAMILY
        raised = {design.identity.denomination: _raised(design) for design in family}
        for one, other in ((a, b) for a in raised for b in raised if a < b):
            differ = raised[one] ^ raised[other]
            assert not differ[rho > 0.94].any()  # rim and border
            if one != 1:  # which has no plural in the legend
                assert differ.sum() > 300 and not differ[rho > 0.8].any()  # the numeral, or what stands inside


def test_coins_of_a_family_that_is_no_series_differ_all_over() -> None:
    rho, _ = polar()
    legend = (rho > 0.75) & (rho < 0.9)
    for family in _families():
        if not _is_series(family):
            raised = [_raised(design)[legend] for design in family]
            assert any((raised[0] ^ other).mean() > 0.02 for other in raised[1:])


def test_the_same_die_strikes_the_same_coin() -> None:
    for seed, die in ((3, 0), (3, 2), (9, 1)):
        one, two = mint.make_design(seed, die), mint.make_design(seed, die)
        assert np.array_equal(one.height, two.height)
        assert replace(one, height=two.height) == replace(two, height=two.height)
    assert np.array_equal(mint.make_design(3).height, mint.make_design(3, die=0).height)


def test_dies_of_a_class_differ_in_the_year_and_the_cut() -> None:
    rho, theta = polar()
    dated = 0
    for seed in range(12):
        first, second = mint.make_design(seed), mint.make_design(seed, die=1)
        assert second.identity == first.identity  # one class, one entry in the catalog
        assert (second.metal, second.ring_metal, second.reeds) == (first.metal, first.ring_metal, first.reeds)
        assert second.height.max() / first.height.max() != pytest.approx(1, abs=1e-4)
        differ = _raised(first) ^ _raised(second)
        dated += differ.any()
        if differ.any():  # the last digits, in the lower legend
            assert rho[differ].min() > 0.5 and rho[differ].max() < 0.95
            centred = np.angle(np.exp(1j * theta[differ]).mean())
            assert np.abs(np.angle(np.exp(1j * (theta[differ] - centred)))).max() < 1.3
    assert 5 <= dated < 12  # not every coin bears a year


def test_the_first_die_bears_the_year_of_the_catalog_and_later_ones_a_later() -> None:
    for seed in range(20):
        first_year = mint.make_design(seed).identity.year if seed < 4 else 1900
        years = [_draw_die(first_year, seed, number).year for number in range(4)]
        assert years[0] == first_year and min(years[1:]) > first_year


def test_dies_of_a_dated_class_look_different() -> None:
    assert len({_raised(mint.make_design(0, die)).tobytes() for die in range(5)}) >= 4


def test_dies_are_cut_to_depths_of_their_own() -> None:
    depths = np.array([mint.make_design(6, die).height.max() for die in range(8)])
    assert 1.05 < depths.max() / depths.min() < 1.25 / 0.8 + 0.01
