"""The recipe's steps are commands that exist, in an order in which each finds what it needs."""

import argparse
import importlib
import sys
from pathlib import Path

import pytest

from training import recipe
from training.recipe import RECIPES, Step, run_step, steps
from training.threshold import read_threshold

pytestmark = pytest.mark.slow


def all_steps(name: str, work: Path, photos: Path | None = None) -> list[Step]:
    work.mkdir(exist_ok=True)
    (work / "threshold.txt").write_text("known_threshold 0.734: 8.0% of known coins refused, …\n")
    return list(steps(RECIPES[name], work, photos))


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_command_is_one_that_its_script_takes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Parsed(Exception):
        pass

    parse = argparse.ArgumentParser.parse_args

    def stop(parser: argparse.ArgumentParser, *arguments: object) -> None:
        parse(parser, *arguments)  # type: ignore[call-overload]
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    for step in all_steps(name, tmp_path / "work", tmp_path / "ellipses.csv"):
        if step.command[1] != "-m" or step.command[2] in ("ensemble.render", "training.evaluate"):
            continue
        module = importlib.import_module(
            f"{step.command[2]}.__main__" if step.name == "held-out coins" else step.command[2]
        )
        monkeypatch.setattr(sys, "argv", ["x", *step.command[3:]])
        with pytest.raises(Parsed):
            module.main()


def test_photos_are_used_where_there_are_any(tmp_path: Path) -> None:
    assert "photos" not in [step.name for step in all_steps("laptop", tmp_path)]
    (photos,) = [step for step in all_steps("laptop", tmp_path, Path("o.csv")) if step.name == "photos"]
    assert photos.command[3] == "o.csv"


def test_the_export_takes_the_threshold_that_was_measured(tmp_path: Path) -> None:
    (export,) = [step for step in all_steps("smoke", tmp_path) if step.name == "export"]
    assert export.command[-2:] == ("--known-threshold", "0.734")


def test_the_export_waits_for_the_threshold(tmp_path: Path) -> None:
    (tmp_path / "threshold.txt").write_text("nothing was measured\n")
    done = []
    with pytest.raises(ValueError, match="no known_threshold"):
        for step in steps(RECIPES["smoke"], tmp_path, None):
            done.append(step.name)
    assert done[-1] == "threshold"


def test_a_report_is_kept_only_when_its_command_succeeds(tmp_path: Path) -> None:
    report = tmp_path / "report.txt"
    with pytest.raises(SystemExit, match="wrong failed with status 3"):
        run_step(Step("wrong", (sys.executable, "-c", "print('half'); exit(3)"), report))
    assert not report.exists()
    run_step(Step("right", (sys.executable, "-c", "print('whole')"), report))
    assert report.read_text() == "whole\n"


def test_what_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = tmp_path / "count"
    command = (sys.executable, "-c", f"open({str(counter)!r}, 'a').write('x')")
    monkeypatch.setattr(recipe, "steps", lambda *_: iter([Step("count", command)]))
    for _ in range(2):
        monkeypatch.setattr(sys, "argv", ["recipe", "smoke", "--work", str(tmp_path)])
        recipe.main()
    assert counter.read_text() == "x"


def test_a_threshold_is_read_from_what_was_printed() -> None:
    assert read_threshold("known_threshold 0.861: 11.6% of known coins refused") == 0.861
