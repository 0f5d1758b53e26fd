"""Weights of a finished training are taken, and given back, as a whole."""

import json
from pathlib import Path

import pytest

from tests.training.reports import REPORT
from training.installation import CARD, install, main, restore, table
from training.work import Work, figures


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A work folder with two files of weights."""
    made = Work(tmp_path / "work")
    made.weights.mkdir(parents=True)
    (made.weights / "segmentation.onnx").write_text("new")
    (made.weights / "judge.json").write_text("fitted anew")
    (made.weights / CARD).write_text("a card of others")
    for place in (made.figures, made.figures_before):
        place.write_text(json.dumps(REPORT))
    return made


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """The weights that serve."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "segmentation.onnx").write_text("old")
    (folder / "relief.onnx").write_text("gone later")
    (folder / CARD).write_text("our card")
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_weights_are_taken_and_given_back(work: Work, served: Path, tmp_path: Path) -> None:
    before = contents(served)
    work.finish("python -m training.recipe smoke", "smoke")
    install(work, served, tmp_path / "before")
    assert contents(served) == {"segmentation.onnx": "new", "judge.json": "fitted anew", CARD: "our card"}
    restore(served, tmp_path / "before")
    assert contents(served) == before


def test_a_training_that_is_not_done_is_not_taken(
    work: Work, served: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(served)
    with pytest.raises(ValueError, match="no finished training"):
        install(work, served, tmp_path / "before")
    assert main([str(work.folder)]) == 1
    assert "no finished training" in capsys.readouterr().err
    assert contents(served) == before


def test_there_may_be_nothing_to_restore(served: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no weights were installed"):
        restore(served, tmp_path / "before")


def test_how_each_figure_changes(work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    better = {**REPORT, "auroc": None, "recall": {"overall": {"queries": 2, "recall@1": 1.0, "recall@5": 1.0}}}
    shown = table(figures(REPORT), figures(better))
    assert [line.split()[-3:] for line in shown.splitlines() if "recall@1" in line] == [["0.5000", "1.0000", "+0.5000"]]
    assert "AUROC" not in shown
    work.finish("x", "smoke")
    assert main([str(work.folder), "--show"]) == 0
    assert "IoU of outlines, mean" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["work", "--restore"]])
def test_it_is_one_or_the_other(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
