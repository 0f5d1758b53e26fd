"""Photos for the tests of the geometry: real ones and noise."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ensemble.photo import Photo, decode
from tests.ensemble.geometry.ways import GRAPHS, OPENCV, Way

torch.set_num_threads(1)  # small work; more threads only get in each other's way

COINS = Path(__file__).resolve().parents[4] / "shared" / "coins"


def _sample() -> list[Path]:
    """A few photos of different sources."""
    folders = (COINS / name for name in ("scenes", "krw", "eur_phone"))
    return [path for folder in folders for path in sorted(folder.rglob("*.jpg"))[:1]]


@pytest.fixture(scope="session")
def real_photos() -> list[Photo]:
    """Decoded photos, where the collection lies beside the project."""
    paths = _sample()
    if not paths:
        pytest.skip(f"no photos under {COINS}")
    return [decode(path.read_bytes()) for path in paths]


@pytest.fixture(scope="session")
def synthetic_photos() -> list[Photo]:
    """Noise of several scales, landscape, portrait and square."""
    photos = []
    for seed, (height, width) in enumerate(((700, 1024), (1024, 431), (513, 513))):
        rng = np.random.default_rng(seed)
        canvas = np.zeros((1024, 1024, 3), np.uint8)
        coarse = rng.integers(0, 128, (1 + height // 16, 1 + width // 16, 3)).repeat(16, 0).repeat(16, 1)
        canvas[:height, :width] = coarse[:height, :width] + rng.integers(0, 128, (height, width, 3))
        photos.append(Photo(canvas, np.array([height, width], np.int32), np.ones(1, np.float32)))
    return photos


@pytest.fixture(params=[GRAPHS, OPENCV], ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Way:
    """Each of the two ways in which the geometry is computed."""
    found: Way = request.param
    return found
