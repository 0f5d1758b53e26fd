"""What tells coins from other things is fitted on the closer look, and nothing else of a network changes."""

import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

torch = pytest.importorskip("torch")

from ensemble import artifacts  # noqa: E402
from ensemble.contract import SEGMENTATION  # noqa: E402
from training import fit_coin  # noqa: E402
from training.backgrounds.compose import Backgrounds  # noqa: E402
from training.backgrounds.fetch import TEST, TRAIN, Picture, write_pictures  # noqa: E402
from training.backgrounds.sources import SCENE  # noqa: E402
from training.fit_coin import Sample, drawn, features, fit, kinds, outlined, report  # noqa: E402
from training.mint import Ellipse, make_design, strike  # noqa: E402
from training.networks import SEGMENTERS, NetworkError  # noqa: E402
from training.networks.coin import CoinHead  # noqa: E402
from training.outlines import fill, write_rows  # noqa: E402
from training.weights import keep_parameters, load_checkpoint, save_checkpoint  # noqa: E402

pytestmark = pytest.mark.slow

NETWORK = SEGMENTERS.named("unet_efficientnet_lite0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two backgrounds of each set."""
    root, pictures = tmp_path_factory.mktemp("backgrounds"), []
    for number, which in enumerate((TRAIN, TRAIN, TEST, TEST)):
        noise = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
        cv2.imwrite(str(root / f"{number}.png"), cv2.resize(noise, (300, 240), interpolation=cv2.INTER_CUBIC))
        pictures.append(Picture(f"{number}.png", SCENE, which, "p", "1", f"{number}.png", 300, 240, "CC0-1.0"))
    write_pictures(root, pictures)
    return root


def test_the_regression_tells_what_can_be_told() -> None:
    rng = np.random.default_rng(0)
    coins, others = (torch.from_numpy(rng.normal(size=(300, 20)).astype(np.float32)) for _ in range(2))
    coins[:, 3] += 6
    for values, shift in ((coins, 1e-3), (others, 0.0)):  # tells them apart, but by less than rounding
        values[:, 7] = 5.0 + shift
    weights, bias = fit(coins, others)
    assert (coins @ weights + bias > 0).float().mean() > 0.95
    assert (others @ weights + bias < 0).float().mean() > 0.95
    assert weights.abs().argmax() == 3
    assert weights[7].abs() * 1e-3 < 0.1


def test_to_lose_a_coin_is_worse_than_to_find_one_too_many() -> None:
    rng = np.random.default_rng(0)
    same = torch.from_numpy(rng.normal(size=(400, 5)).astype(np.float32))
    weights, bias = fit(same[:100], same[100:])  # nothing tells them apart, and there are fewer coins
    assert torch.sigmoid(same @ weights + bias).mean() == pytest.approx(4 / 5, abs=0.05)


def test_the_head_sees_the_middle_apart_from_what_surrounds_it() -> None:
    feature, coarser = torch.zeros(1, 2, 16, 16), torch.ones(1, 3, 8, 8)
    feature[:, 0, 6:10, 6:10] = 1.0
    feature[:, 1, 0] = 1.0
    inside, around = CoinHead.pool([feature, coarser])[0].split(2)
    assert inside[0] > 10 * around[0]
    assert around[1] > 10 * inside[1]


def test_every_kind_is_drawn_and_only_coins_have_a_mask(folder: Path) -> None:
    rng = np.random.default_rng(1)
    draws = kinds(Backgrounds.of(folder, TRAIN), [strike(make_design(1), rng)], 20_000_000)
    assert set(draws) == {"coins", "single coins", "round things", "pictures", "empty tables"}
    for name, draw in draws.items():
        sample = draw(np.random.default_rng(2))
        assert sample.picture.dtype == np.uint8 and sample.picture.std() > 1
        assert (sample.coins is not None) == name.endswith("coins")
        if sample.coins is not None:
            assert sample.coins.any() and sample.coins.shape == sample.picture.shape[:2]


def test_outlined_photos_are_split_and_shown_from_near_and_far(tmp_path: Path) -> None:
    rows = []
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((200, 300, 3), 40 * number, np.uint8))
        rows.append((f"{number}.png", 120.0, 90.0, 40.0, 40.0, 0.0))
    write_rows(tmp_path / "e.csv", ("path", "cx", "cy", "a", "b", "angle"), rows)
    for held_out, shades in ((False, {40, 80}), (True, {0})):
        draw, rng = outlined(tmp_path / "e.csv", "", held_out), np.random.default_rng(0)
        samples = [draw(rng) for _ in range(20)]
        assert {int(sample.picture.flat[0]) for sample in samples} == shades
        areas = [float((sample.coins > 0).mean()) for sample in samples if sample.coins is not None]
        assert len(areas) == 20 and min(areas) < 0.15 and max(areas) > 0.4


def test_a_look_beside_the_coins_is_left_out() -> None:
    network = NETWORK.build().eval()
    picture = np.full((240, 320, 3), 120, np.uint8)
    assert features(network, Sample(picture)) is not None
    assert features(network, Sample(picture, np.zeros((240, 320), np.uint8))) is None
    everywhere = np.zeros((240, 320), np.uint8)
    fill(everywhere, Ellipse(160, 120, 400, 400, 0))
    assert features(network, Sample(picture, everywhere)) is not None


def test_pictures_are_drawn_by_their_number() -> None:
    network = NETWORK.build().eval()

    def draw(rng: np.random.Generator) -> Sample:
        return Sample(rng.integers(0, 256, (64, 80, 3), np.uint8))

    first, again = (drawn(network, draw, count, 5, "noise") for count in (2, 3))
    assert torch.equal(first, again[:2])


def test_only_the_head_changes(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = NETWORK.build()
    save_checkpoint(tmp_path / "best.pt", NETWORK, before.state_dict())
    out = str(tmp_path / "fitted.pt")
    monkeypatch.setattr(sys, "argv", ["x", str(tmp_path / "best.pt"), str(folder), "--out", out, "--count", "4"])
    monkeypatch.setattr(fit_coin, "SIZE", 160)
    monkeypatch.setattr(fit_coin, "with_coins", _one_coin)
    fit_coin.main()
    spec, after = load_checkpoint(Path(out), SEGMENTERS)
    assert spec == NETWORK
    changed = [name for name, value in after.state_dict().items() if not torch.equal(value, before.state_dict()[name])]
    assert changed == ["coin.linear.weight", "coin.linear.bias"]
    lines = list(report(after, {"things": torch.zeros(3, after.coin.linear.in_features)}))
    assert len(lines) == 1 and "of 3 said to be a coin" in lines[0]


def test_the_kept_weights_get_what_is_fitted_in_both_graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {file.name: file.read_bytes() for file in artifacts.WEIGHTS.glob("segmentation*")}
    for name, data in before.items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.setattr(artifacts, "WEIGHTS", tmp_path)
    head = {"coin.linear.weight": torch.zeros(1, 224), "coin.linear.bias": torch.full((1,), 3.0)}
    keep_parameters(SEGMENTATION, head)
    reduced = artifacts.quantized_graph(SEGMENTATION)
    assert reduced is not None, "it still belongs to the graph of floats"
    for graph in (artifacts.plain_graph(SEGMENTATION), reduced):
        onnx.checker.check_model(graph)
        (regression,) = [node for node in graph.graph.node if node.op_type == "Gemm"]
        values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
        assert values[regression.input[1]].shape == (1, 224) and not values[regression.input[1]].any()
        assert values[regression.input[2]].tolist() == [3.0]
    with pytest.raises(NetworkError, match="no parameter"):
        keep_parameters(SEGMENTATION, {"coin.linear.weights": torch.zeros(1, 224)})


class _Photo:
    def __init__(self, rng: np.random.Generator) -> None:
        self.picture = rng.integers(0, 256, (120, 160, 3), np.uint8)
        self.all_coins = np.full((120, 160), 255, np.uint8)


def _one_coin(backgrounds: object, pool: object, rng: np.random.Generator, size: int) -> _Photo:
    return _Photo(rng)
