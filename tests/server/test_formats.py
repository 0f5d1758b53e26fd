"""A coin is recognized whatever the format of its photo, and its outline is where the client draws it."""

from pathlib import Path

import numpy as np
import pytest

from mintmark import Client
from mintmark._cli import main as mintmark
from mintmark._pictures.loading import load
from mintmark.metrics import ellipse_iou
from tests.photo_samples import SAMPLES
from tests.server.conftest import Coin, Running, jpeg

pytestmark = pytest.mark.server

AGREES = 0.95  # IoU of the outlines
COARSE = 3.5  # grey levels: in fewer colours, a coin is found, and may be taken for another


def test_a_coin_is_recognized_from_every_format(client: Client, coins: list[Coin], tmp_path: Path) -> None:
    coin = coins[1]
    entry = client.enroll(jpeg(coin.catalog), coin.fields).id
    first = client.recognize(jpeg(coin.catalog)).ellipse
    assert first is not None
    for name, sample in SAMPLES.items():
        data = sample.make(coin.catalog)
        answer = client.recognize(data, k=1)
        assert answer.found and answer.ellipse and ellipse_iou(answer.ellipse, first) > AGREES, name
        if sample.coarse < COARSE:
            assert answer.known and answer.matches[0].entry.id == entry, name
        (tmp_path / "photo").write_bytes(data)
        drawn = load(str(tmp_path / "photo"))
        assert drawn.shape == coin.catalog.shape, name


def test_the_outline_is_drawn_on_the_coin(server: Running, coins: list[Coin], tmp_path: Path) -> None:
    """The same drawing from a HEIC that its boxes turn as from the PNG that it was made of."""
    drawings = []
    for name in ("PNG", "HEIF turned by its boxes", "WEBP turned, 6", "AVIF turned, 7"):
        photo, drawing = tmp_path / "photo", tmp_path / f"{name}.png"
        photo.write_bytes(SAMPLES[name].make(coins[0].catalog))
        assert mintmark(["--url", server.url, "recognize", str(photo), "--top", "1", "--draw", str(drawing)]) == 0
        drawings.append(load(str(drawing)))
    height, width = coins[0].catalog.shape[:2]
    for one in drawings[1:]:
        difference = np.abs(one[:height, :width].astype(int) - drawings[0][:height, :width])
        assert difference.mean() < 4
