"""The repository of a read-only image is put together elsewhere."""

from pathlib import Path

import pytest

from deploy.repository import stage


def test_files_are_copied_and_graphs_linked(tmp_path: Path) -> None:
    models = tmp_path / "models"
    version = models / "zoom" / "1"
    (version / "__pycache__").mkdir(parents=True)
    (version / "__pycache__" / "model.pyc").touch()
    (version / "model.py").write_text("code")
    (version / "model.onnx").write_text("graph")
    (models / "coin_search" / "1").mkdir(parents=True)  # an ensemble has an empty version folder
    for _ in range(2):
        stage(models, tmp_path / "served")
    served = tmp_path / "served" / "zoom" / "1"
    assert not (served / "model.py").is_symlink()
    assert (served / "model.py").read_text() == "code"
    assert (served / "model.onnx").resolve() == version / "model.onnx"
    assert not (served / "__pycache__").exists()
    assert (tmp_path / "served" / "coin_search" / "1").is_dir()


def test_no_models(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no model repository in"):
        stage(tmp_path / "nowhere", tmp_path / "served")
