"""The coin renderer: repeatable, and exact about where the coin is."""

import csv
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from training import mint
from training.mint.camera import aim, project_circle
from training.mint.collection import write_collection
from training.mint.light import draw_lighting, shade
from training.rectify import rectify

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
