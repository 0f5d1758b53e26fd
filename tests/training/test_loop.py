"""Schedules, settings from the command line, and a training that goes on after a stop as if there had been none."""

from argparse import Namespace
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ensemble.contract import EMBEDDER, SEGMENTATION
from training import loop
from training.mint.design import FAMILY
from training.networks import EMBEDDERS, SEGMENTERS, NetworkError
from training.train_embedding import RECALL_AT, Settings, Training
from training.weights import kept_spec, load_checkpoint, save_checkpoint

pytestmark = pytest.mark.slow

CLASSES, VIEWS = 2 * FAMILY, 2
POLAR = EMBEDDERS.named("polar_efficientnet_b0")


def test_a_budget_of_steps_is_counted_in_steps() -> None:
    clock = loop.Clock(minutes=0.0, steps=8, step=2)
    assert clock.progress == 0.25 and not clock.over
    clock.step = 8
    assert clock.progress == 1.0 and clock.over


def test_a_budget_of_minutes_counts_those_of_the_runs_before() -> None:
    clock = loop.Clock(minutes=10.0, spent=4.0)
    assert clock.progress == pytest.approx(0.4, abs=1e-3)
    assert loop.Clock(minutes=10.0, spent=11.0).over


@pytest.mark.parametrize(("step", "stop"), [(0, 0.25), (1, 0.25), (2, 0.5), (3, 0.5), (7, 1.0)])
def test_evaluations_divide_the_budget_evenly(step: int, stop: float) -> None:
    assert loop.Clock(minutes=0.0, steps=8, step=step).next_stop(4) == stop


def test_the_rate_rises_then_falls_to_nothing() -> None:
    rates = [loop.cosine(progress, warmup=0.1) for progress in np.linspace(0, 1, 21)]
    assert rates.index(max(rates)) == 2 and rates[2] == 1.0
    assert rates[2:] == sorted(rates[2:], reverse=True) and rates[-1] == pytest.approx(0)


@dataclass(frozen=True)
class Some:
    rate: float = 0.5
    batch: int = 64
    grids: tuple[int, ...] = (1, 2)


def test_settings_change_by_name() -> None:
    assert loop.change(Some(), ["rate=0.25", "batch=8"]) == Some(0.25, 8)
    assert loop.change(Some(), []) == Some()


@pytest.mark.parametrize(
    ("assignment", "message"),
    [("speed=3", "no setting 'speed'; there are rate, batch"), ("batch=x", "of type int"), ("grids=1", "no setting")],
)
def test_a_setting_that_cannot_be_is_refused(assignment: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        loop.change(Some(), [assignment])


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crops")
    rng = np.random.default_rng(0)
    for name, classes in (("train", CLASSES), ("test", 3)):
        coarse = rng.integers(20, 235, (classes, 1, 16, 16, 3)).repeat(VIEWS + 1, axis=1)
        np.save(folder / f"{name}.npy", coarse.repeat(16, axis=2).repeat(16, axis=3).astype(np.uint8))
    return folder


@pytest.fixture
def settings() -> Settings:
    return Settings(batch=4 * FAMILY, evaluations=2, calibration_batch=4, calibration_batches=1)


def options(crops: Path, name: str, resume: bool = False) -> Namespace:
    flags = {"pretrained": False, "shipped": False, "start": None, "plain": False, "resume": resume}
    return Namespace(data=crops, name=name, runs=None, minutes=1.0, steps=4, workers=0, **flags)


def test_a_resumed_training_ends_with_the_same_weights(
    crops: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "RUNS", tmp_path)

    torch.manual_seed(0)
    Training(POLAR, settings, options(crops, "whole")).fit()
    torch.manual_seed(0)
    Training(POLAR, settings, options(crops, "broken")).fit(epochs=1)
    assert torch.load(tmp_path / "broken" / "last.pt", weights_only=True)["step"] == 2
    torch.manual_seed(5)  # a new process starts with other random numbers
    Training(POLAR, settings, options(crops, "broken", resume=True)).fit()

    whole, broken = (torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("whole", "broken"))
    assert whole["step"] == broken["step"] == 4
    for part in ("network", "arcface", "average"):
        for name, value in whole[part].items():
            assert torch.equal(value, broken[part][name]), f"{part} {name}"


def test_every_evaluation_is_a_row_of_the_log(
    crops: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "RUNS", tmp_path)
    Training(POLAR, settings, options(crops, "logged")).fit()
    header, *rows = (tmp_path / "logged" / "log.csv").read_text().splitlines()
    assert header == "minutes,step,loss," + ",".join(f"recall@{k}" for k in RECALL_AT)
    assert [int(row.split(",")[1]) for row in rows] == [2, 4]


def test_a_training_starts_from_another_one(crops: Path, settings: Settings, tmp_path: Path) -> None:
    torch.manual_seed(4)
    given = POLAR.build().state_dict()
    save_checkpoint(tmp_path / "other.pt", POLAR, given)
    arguments = options(crops, "second")
    arguments.runs, arguments.start = tmp_path, tmp_path / "other.pt"
    both = replace(POLAR, settings=replace(POLAR.settings, stem="both"))
    started = Training(both, settings, arguments).network.state_dict()
    fresh = [name for name, values in started.items() if not torch.equal(values, given[name])]
    assert fresh == ["backbone.conv_stem.conv.weight"]  # the one layer that has another shape


@pytest.mark.parametrize("case", ["published", "plain", "shipped"])
def test_every_kind_of_training_makes_weights_that_load(
    case: str, crops: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "RUNS", tmp_path)
    arguments = options(crops, case)
    arguments.plain, arguments.shipped = case == "plain", case == "shipped"
    published = ["pair_weight=0", "ramp=0.001", "first_scale=25"] if case == "published" else []
    spec = {"published": EMBEDDERS.named("efficientnet_b0"), "shipped": kept_spec(EMBEDDER)}.get(case, POLAR)
    Training(spec, loop.change(settings, published), arguments).fit()
    loaded, network = load_checkpoint(tmp_path / case / "best.pt", EMBEDDERS)
    assert loaded == spec
    assert all(values.isfinite().all() for values in network.state_dict().values())


def test_a_training_of_another_network_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "RUNS", tmp_path)
    loop.Run("one", POLAR).save_last({"step": 3})
    last = loop.Run("one", POLAR).load_last()
    assert last is not None and last["step"] == 3
    with pytest.raises(NetworkError, match=r"is of .*polar_efficientnet_b0.* this training of .*'efficientnet_b0'"):
        loop.Run("one", EMBEDDERS.named("efficientnet_b0")).load_last()


@pytest.fixture
def data(tmp_path: Path) -> str:
    """A folder that looks as if it held training data."""
    (tmp_path / "train.npy").touch()
    return str(tmp_path)


def test_the_command_line_chooses_a_network_and_its_settings(
    data: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def started(*arguments: str) -> tuple[object, object]:
        monkeypatch.setattr("sys.argv", ["x", "--data", data, "--threads", str(torch.get_num_threads()), *arguments])
        spec, settings, _ = loop.start("", "name", "crops", Settings(), EMBEDDERS, network=POLAR.name)
        return spec, settings

    assert started() == (POLAR, Settings())
    spec, settings = started("--network-set", "radii=32", "--set", "batch=8")
    assert spec == replace(POLAR, settings=replace(POLAR.settings, radii=32))
    assert settings == Settings(batch=8)
    assert started("--network", "efficientnet_b0")[0] == EMBEDDERS.named("efficientnet_b0")
    for wrong in (["--network", "resnet"], ["--network", "efficientnet_b0", "--network-set", "radii=32"]):
        with pytest.raises(SystemExit):
            started(*wrong)
    assert "there is no setting 'radii'; there are encoder, size" in capsys.readouterr().err


def test_a_training_without_data_says_how_to_make_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["x", "--data", str(tmp_path)])
    with pytest.raises(SystemExit):
        loop.start("", "name", "crops", Settings(), EMBEDDERS, network=POLAR.name)
    assert f"python -m training.render crops --out {tmp_path} makes it" in capsys.readouterr().err


def test_a_network_that_starts_from_the_kept_weights_has_their_settings(
    data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = kept_spec(SEGMENTATION)
    assert kept != SEGMENTERS.named(kept.name)  # else this test says nothing
    monkeypatch.setattr("sys.argv", ["x", "--data", data, "--threads", str(torch.get_num_threads()), "--shipped"])
    assert loop.start("", "name", "scenes", Settings(), SEGMENTERS, network=kept.name)[0] == kept
    other = SEGMENTERS.named("unet_efficientnet_b4")
    assert loop.start("", "name", "scenes", Settings(), SEGMENTERS, network=other.name)[0] == other


def test_a_log_takes_new_columns(tmp_path: Path) -> None:
    run = loop.Run("log", POLAR, tmp_path)
    run.log({"step": 1, "loss": 0.5})
    run.log({"step": 2, "loss": 0.25, "new": 0.125})
    lines = (tmp_path / "log" / "log.csv").read_text().splitlines()
    assert lines == ["step,loss,new", "1,0.5,", "2,0.25,0.125"]


def test_a_group_of_parameters_learns_by_its_factor() -> None:
    one, two = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    groups: list[dict[str, object]] = [{"params": [one], "factor": 0.1}, {"params": [two]}]
    optimizer = torch.optim.SGD(groups, 1.0)
    loop.set_rate(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [pytest.approx(0.05), 0.5]
