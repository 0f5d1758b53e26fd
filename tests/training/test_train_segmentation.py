"""The training of the segmentation: it learns, goes on exactly where it was stopped, and counts false finds."""

import math
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from ensemble.contract import IMAGE_SIZE  # noqa: E402
from training import loop, train_segmentation  # noqa: E402
from training.data import SceneDataset  # noqa: E402
from training.losses import false_find_loss  # noqa: E402
from training.networks import SEGMENTERS, Segmenter  # noqa: E402
from training.train_segmentation import Settings, Training, core_score, evaluate, parameters  # noqa: E402
from training.weights import load_checkpoint  # noqa: E402

pytestmark = pytest.mark.slow

LITE = SEGMENTERS.named("unet_efficientnet_lite0")
QUICK = Settings(
    pixels=2 * 64 * 64, sizes=((1.0, (64, 32)),), evaluations=2, calibration_batch=2, calibration_batches=1
)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bright discs on dark grounds; every third picture has none."""
    folder = tmp_path_factory.mktemp("scenes")
    v, u = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE]
    for name, count in (("train", 6), ("test", 3)):
        masks = np.stack(
            [np.where((np.hypot(u - 100, v - 120) < 30 + 8 * k) & (k % 3 > 0), 255, 0) for k in range(count)]
        )
        np.save(folder / f"{name}_masks.npy", masks.astype(np.uint8))
        np.save(folder / f"{name}.npy", (40 + masks[..., None].repeat(3, 3) * 0.7).astype(np.uint8))
    return folder


def _options(scenes: Path, runs: Path, name: str, resume: bool = False, start: Path | None = None) -> Namespace:
    flags = {"pretrained": False, "shipped": False, "plain": False, "resume": resume, "start": start}
    return Namespace(data=scenes, name=name, runs=runs, minutes=1.0, steps=4, workers=0, **flags)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The looks have 64 and 32 px: the training is as it is, and quick."""
    monkeypatch.setattr(train_segmentation, "IMAGE_SIZE", 64)
    monkeypatch.setattr(train_segmentation, "COARSE_SIZE", 32)


@pytest.mark.usefixtures("small")
def test_a_resumed_training_ends_with_the_same_weights(scenes: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    Training(LITE, QUICK, _options(scenes, tmp_path, "whole")).fit()
    torch.manual_seed(0)
    stopped = Training(LITE, QUICK, _options(scenes, tmp_path, "broken"))
    stopped.fit(epochs=1)
    assert stopped.step == 2
    torch.manual_seed(5)  # a new process starts with other random numbers
    Training(LITE, QUICK, _options(scenes, tmp_path, "broken", resume=True)).fit()

    whole, broken = (torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("whole", "broken"))
    assert whole["step"] == broken["step"] == 4
    assert whole["drawn"] == broken["drawn"]
    for part in ("network", "average"):
        for name, value in whole[part].items():
            assert torch.equal(value, broken[part][name]), f"{part} {name}"
    assert load_checkpoint(tmp_path / "whole" / "best.pt", SEGMENTERS)[0] == LITE


@pytest.mark.usefixtures("small")
def test_a_state_is_stored_between_evaluations(scenes: Path, tmp_path: Path) -> None:
    training = Training(LITE, loop.change(QUICK, ["checkpoint=0"]), _options(scenes, tmp_path, "often"))
    stored = []
    run_save = training.save

    def save() -> None:
        run_save()
        stored.append(torch.load(tmp_path / "often" / "last.pt", weights_only=True)["step"])

    training.save = save  # type: ignore[method-assign]
    training.fit(epochs=1)
    assert stored[:2] == [1, 2]


@pytest.mark.usefixtures("small")
def test_a_training_starts_from_the_weights_of_another_run(scenes: Path, tmp_path: Path) -> None:
    Training(LITE, QUICK, _options(scenes, tmp_path, "one")).fit()
    first = load_checkpoint(tmp_path / "one" / "best.pt", SEGMENTERS)[1].state_dict()
    other = Training(LITE, QUICK, _options(scenes, tmp_path, "two", start=tmp_path / "one" / "best.pt"))
    assert other.rate == QUICK.shipped_rate and other.step == 0
    for name, value in other.network.state_dict().items():
        assert torch.equal(value, first[name]), name


def test_cores_are_matched_one_to_one() -> None:
    own = np.zeros((32, 32), bool)
    own[2:8, 2:8] = own[2:8, 20:26] = True
    assert core_score(own, own) == 1.0
    assert core_score(np.zeros_like(own), own) == 0.0
    merged, one, more = own.copy(), own.copy(), own.copy()
    merged[4, 2:26] = True
    one[:, 16:] = False
    more[20:24, 20:24] = True
    assert core_score(merged, own) == 0.0
    assert core_score(one, own) == pytest.approx((0.5 + 1.0) / 2)
    assert core_score(more, own) == pytest.approx((1.0 + 2 / 3) / 2)


class _Everywhere(Segmenter):
    def __init__(self, probability: float) -> None:
        super().__init__()
        self.odds = math.log(probability / (1 - probability))

    def encode(self, image: Tensor) -> list[Tensor]:
        return [image]

    def decode(self, features: list[Tensor]) -> Tensor:
        return torch.full_like(features[0][:, :2], self.odds)


def test_coins_where_there_are_none_are_counted(scenes: Path) -> None:
    data = SceneDataset(scenes, "test", IMAGE_SIZE, augment=False)
    none, all_over = (evaluate(_Everywhere(probability), data, 9) for probability in (0.1, 0.9))
    assert none["false"] == 0 and none["iou_0.5"] == 0
    assert all_over["false"] == 1 and 0 < all_over["iou_0.5"] < 0.2


def test_only_a_pretrained_encoder_learns_more_slowly() -> None:
    for name in SEGMENTERS.names:
        network = SEGMENTERS.named(name).build()
        encoder, others = parameters(network, Settings(), pretrained=True)
        assert encoder["factor"] < 1.0 == others["factor"]
        assert len(encoder["params"]) > len(others["params"]) > 0
        assert len(encoder["params"]) + len(others["params"]) == len(list(network.parameters()))
        assert parameters(network, Settings(), pretrained=False)[0]["factor"] == 1.0


def test_a_false_find_counts_on_empty_pictures_alone() -> None:
    mask = torch.zeros(2, 1, 32, 32)
    mask[1, :, 8:24, 8:24] = 1
    nothing = torch.full_like(mask, -20.0)
    assert float(false_find_loss(nothing, mask)) == pytest.approx(0.0, abs=1e-4)
    few, many = nothing.clone(), nothing.clone()
    few[0, :, :2, :2] = 20.0
    many[0] = 20.0
    assert 0.2 < float(false_find_loss(few, mask)) < float(false_find_loss(many, mask)) < 0.5
    coin = nothing.clone()
    coin[1] = 20.0  # wherever it is seen there
    assert float(false_find_loss(coin, mask)) == pytest.approx(0.0, abs=1e-4)
