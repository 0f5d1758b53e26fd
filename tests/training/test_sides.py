"""Sides that labels leave open, told apart by their reliefs."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from ensemble.contract import IMAGE_SIZE, RELIEF_HARMONICS, RELIEF_NUMBERS, RELIEF_TRIALS
from training.mint.collection import write_collection
from training.sides import alike, groups, sheet, sides

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def reliefs(*designs: int, noise: float = 0.5) -> np.ndarray:
    """Relief maps of photos of these designs, the same for all trials."""
    rng, shape = np.random.default_rng(7), (RELIEF_HARMONICS, RELIEF_NUMBERS)
    made = {design: rng.normal(size=shape) for design in sorted(set(designs))}
    photos = np.stack([made[design] + noise * rng.normal(size=shape) for design in designs])
    photos /= np.linalg.norm(photos, axis=(1, 2), keepdims=True)
    return np.repeat(photos[:, None], len(RELIEF_TRIALS), 1).astype(np.float32)


def test_photos_of_one_design_are_alike() -> None:
    found = alike(reliefs(0, 1, 0, 1, 0))
    np.testing.assert_array_equal(found, found.T)
    assert (np.diag(found) == -1).all()
    same = np.equal.outer([0, 1, 0, 1, 0], [0, 1, 0, 1, 0]) & ~np.eye(5, dtype=bool)
    assert found[same].min() > 0.7 > 0.3 > found[~same].max()  # 1 / (1 + 0.5 ** 2) = 0.8


def test_groups_are_connected_components() -> None:
    linked = np.zeros((6, 6), bool)
    linked[0, 3] = linked[5, 3] = linked[2, 1] = True
    assert groups(linked).tolist() == [0, 1, 1, 0, 4, 0]


def test_the_side_with_most_photos_comes_first_and_few_photos_are_no_side() -> None:
    assert sides(reliefs(0, 0, 0, 1, 1, 1, 1, 2, 2)).tolist() == [1, 1, 1, 0, 0, 0, 0, -1, -1]
    assert sides(reliefs(0, 0, 1), least=1).tolist() == [0, 0, 1]


def test_sheet_has_a_row_for_each_class() -> None:
    few, many = np.full((256, 256, 3), 40, np.uint8), np.full((256, 256, 3), 90, np.uint8)
    picture = sheet([few, many, many, many], ["a", "b", "b", "b"])
    assert picture.shape == (2 * 72, 14 * 72, 3)
    assert (picture[:72, : 3 * 72] == 90).all() and (picture[:72, 3 * 72 :] == 255).all()
    assert (picture[72:, :72] == 40).all() and (picture[72:, 72:] == 255).all()


def test_from_photos_to_classes(tmp_path: Path) -> None:
    if not (ROOT / "model_repository" / "segmentation" / "1" / "model.onnx").is_file():
        pytest.skip("no weights: make models unpacks them")
    coins = write_collection(tmp_path / "coins", classes=2, seed=9, size=320, queries=4, workers=1)
    known = [coin for coin in coins if coin.role != "unknown"]
    manifest = tmp_path / "coins" / "unsorted.csv"
    manifest.write_text("path,label\n" + "".join(f"{coin.path},cent\n" for coin in known))
    out, rows = tmp_path / "crops", tmp_path / "sides.png"
    # In a process of its own: OpenVINO's threads beside torch's have crashed the tests that came after.
    command = [sys.executable, "-m", "training.sides", str(manifest), "--out", str(out), "--sheet", str(rows)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"{len(known)} of {len(known)} photos with a coin in 2 classes" in done.stdout
    assert (out / "photos_classes.txt").read_text().split() == ["cent/0", "cent/1"]
    assert np.bincount(np.load(out / "photos_labels.npy")).tolist() == [5, 5]
    assert np.load(out / "photos.npy").shape == (10, IMAGE_SIZE, IMAGE_SIZE, 3)
    assert cv2.imread(str(rows)).shape[:2] == (2 * 72, 14 * 72)
