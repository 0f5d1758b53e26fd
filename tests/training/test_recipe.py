"""The recipe's steps are commands that exist, in an order in which each finds what it needs."""

import argparse
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ensemble import variables
from ensemble.places import ROOT
from tests.training.reports import REPORT
from training import recipe
from training.recipe import RECIPES, Step, run_step, steps
from training.work import Work, figures

pytestmark = pytest.mark.slow


def all_steps(
    name: str, work: Path, photos: Path | None = None, dataset: Path | None = None, grounds: Path | None = None
) -> list[Step]:
    work.mkdir(exist_ok=True)
    return list(steps(RECIPES[name], Work(work), photos, dataset, grounds))


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_command_is_one_that_its_script_takes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Parsed(Exception):
        pass

    parse = argparse.ArgumentParser.parse_args

    def stop(parser: argparse.ArgumentParser, *arguments: object) -> None:
        parse(parser, *arguments)  # type: ignore[call-overload]
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    for step in all_steps(name, tmp_path / "work", tmp_path / "e.csv", tmp_path / "my-coins", tmp_path / "grounds"):
        if step.command[1] != "-m" or step.command[2] in ("ensemble.render", "training.evaluate"):
            continue
        package = step.command[2] in ("training.mint", "training.dataset")
        module = importlib.import_module(f"{step.command[2]}.__main__" if package else step.command[2])
        monkeypatch.setattr(sys, "argv", ["x", *step.command[3:]])
        with pytest.raises(Parsed):
            module.main()


def test_photos_are_used_where_there_are_any(tmp_path: Path) -> None:
    assert "photos" not in [step.name for step in all_steps("laptop", tmp_path)]
    (photos,) = [step for step in all_steps("laptop", tmp_path, Path("o.csv")) if step.name == "photos"]
    assert photos.command[3] == "o.csv"


def test_backgrounds_are_used_where_there_are_any(tmp_path: Path) -> None:
    names = [step.name for step in all_steps("laptop", tmp_path, Path("o.csv"), grounds=Path("grounds"))]
    # The cutouts of photos are pasted onto backgrounds, too.
    assert names.index("photos") < names.index("backgrounds") < names.index("segmentation")
    assert names.index("segmentation") < names.index("coin or not") < names.index("export")
    found = {step.name: step.command for step in all_steps("laptop", tmp_path, grounds=Path("grounds"))}
    assert (
        str(tmp_path / "segmentation.pt") in found["coin or not"]
        and str(tmp_path / "segmentation.pt") in found["export"]
    )
    without = {step.name: step.command for step in all_steps("laptop", tmp_path)}
    assert "coin or not" not in without and str(tmp_path / "segmentation.pt") not in without["export"]


def test_the_published_recipe_starts_from_imagenet_weights(tmp_path: Path) -> None:
    found = {step.name: step.command for step in all_steps("published", tmp_path)}
    for name, network in (("segmentation", "unet_efficientnet_b4"), ("embedding", "efficientnet_b0")):
        assert network in found[name] and "--pretrained" in found[name] and "--shipped" not in found[name]


def test_a_data_set_is_learned_from_and_measured_on(tmp_path: Path) -> None:
    assert "split" not in [step.name for step in all_steps("fine-tune", tmp_path)]
    found = {step.name: step.command for step in all_steps("fine-tune", tmp_path, dataset=Path("my-coins"))}
    names = list(found)
    assert (
        names.index("crops") < names.index("split") < names.index("photos of the data set") < names.index("embedding")
    )
    assert "--shipped" in found["embedding"] and "--shipped" in found["segmentation"]
    assert str(tmp_path / "split" / "manifest.csv") in found["evaluation"]


def test_what_is_made_with_the_new_weights_stays_in_the_work_folder(tmp_path: Path) -> None:
    """Every step that writes weights or models, or measures the new ones, runs with the folder's own."""
    trained = [step.name for step in all_steps("smoke", tmp_path) if step.trained]
    assert trained == ["export", "int8", "install", "judge", "evaluation"]
    work = Work(tmp_path)
    work.prepare()
    environment = work.environment
    assert environment[variables.WEIGHTS] == str(work.weights)
    assert environment[variables.MODELS] == str(work.models)
    told = "from ensemble import artifacts, places; print(artifacts.WEIGHTS, places.MODEL_REPOSITORY)"
    said = subprocess.run([sys.executable, "-c", told], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert said.stdout.split() == [str(work.weights), str(work.models)]


def test_the_judge_is_fitted_with_the_new_weights_and_before_they_are_measured(tmp_path: Path) -> None:
    names = [step.name for step in all_steps("smoke", tmp_path)]
    order = [names.index(name) for name in ("export", "int8", "install", "coins for the judge", "judge", "evaluation")]
    assert order == sorted(order)


def test_the_judge_is_fitted_on_other_coins_than_are_measured(tmp_path: Path) -> None:
    found = {step.name: step.command for step in all_steps("smoke", tmp_path)}
    seeds = [found[name][found[name].index("--seed") + 1] for name in ("coins for the judge", "held-out coins")]
    assert len(set(seeds)) == 2


def test_a_report_is_kept_only_when_its_command_succeeds(tmp_path: Path) -> None:
    report = tmp_path / "report.txt"
    with pytest.raises(SystemExit, match="wrong failed with status 3"):
        run_step(Step("wrong", (sys.executable, "-c", "print('half'); exit(3)"), report), os.environ)
    assert not report.exists()
    run_step(Step("right", (sys.executable, "-c", "print('whole')"), report), os.environ)
    assert report.read_text() == "whole\n"


def test_what_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = tmp_path / "count"
    command = (sys.executable, "-c", f"open({str(counter)!r}, 'a').write('x')")
    for place in (Work(tmp_path).figures, Work(tmp_path).figures_before):
        place.write_text(json.dumps(REPORT))
    monkeypatch.setattr(recipe, "steps", lambda *_: iter([Step("count", command)]))
    for _ in range(2):
        monkeypatch.setattr(sys, "argv", ["recipe", "smoke", "--work", str(tmp_path)])
        recipe.main()
    assert counter.read_text() == "x"
    record = Work(tmp_path).finished()
    assert (record["recipe"], record["figures"]) == ("smoke", figures(REPORT))
    assert "training.recipe" in record["command"]
