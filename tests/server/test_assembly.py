"""The model repository that Triton reads is assembled beside the one it comes from."""

from pathlib import Path

import pytest

from ensemble.contract import SEARCH, ZOOM
from server.assembly import assemble_models


def test_files_are_copied_and_graphs_linked(tmp_path: Path) -> None:
    models = tmp_path / "models"
    version = models / "zoom" / "1"
    (version / "__pycache__").mkdir(parents=True)
    (version / "__pycache__" / "model.pyc").touch()
    (version / "model.py").write_text("code")
    (version / "model.onnx").write_text("graph")
    (models / "coin_search" / "1").mkdir(parents=True)  # an ensemble has an empty version folder
    for _ in range(2):
        assemble_models(models, tmp_path / "assembled")
    assembled = tmp_path / "assembled" / "zoom" / "1"
    assert not (assembled / "model.py").is_symlink()
    assert (assembled / "model.py").read_text() == "code"
    assert (assembled / "model.onnx").resolve() == version / "model.onnx"
    assert not (assembled / "__pycache__").exists()
    assert (tmp_path / "assembled" / "coin_search" / "1").is_dir()


def test_only_the_models_that_are_asked_for_are_taken(tmp_path: Path) -> None:
    models = tmp_path / "models"
    for model in (ZOOM, SEARCH):
        (models / model.name / "1").mkdir(parents=True)
    assemble_models(models, tmp_path / "assembled", [ZOOM])
    assert [path.name for path in (tmp_path / "assembled").iterdir()] == ["zoom"]


def test_no_models(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no model repository in"):
        assemble_models(tmp_path / "nowhere", tmp_path / "assembled")
