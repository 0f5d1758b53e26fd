"""Assembles the folders that one Triton reads: backends, models, and configs for the machine."""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from ensemble.configs import config_path, config_text
from ensemble.contract import MODELS, Model
from ensemble.cpu import Cpu
from ensemble.graph import Target
from ensemble.places import ROOT
from server.wheel import Wheel

LINKED = (".onnx", ".plan")  # large files: a copy would take memory where the folder lies on a tmpfs


def assemble_backends(wheel: Wheel, folder: Path) -> None:
    """Copy the wheel's Python backend, with the stub for this Python, and the project's own backends into `folder`.

    They are copied because Triton refuses backends behind symbolic links.
    """
    shutil.copytree(wheel.server / "backends" / "python", folder / "python")
    shutil.copy2(wheel.stub, folder / "python" / wheel.stub.name)
    for backend in (ROOT / "backends").glob("*/model.py"):
        (folder / backend.parent.name).mkdir()
        shutil.copy2(backend, folder / backend.parent.name / backend.name)


def assemble_models(source: Path, folder: Path, models: Collection[Model] = ()) -> None:
    """Bring the files of a model repository into `folder`. Other files in there, such as engines, stay.

    Args:
        source: model repository; only read.
        folder: to fill; made where it is missing.
        models: to take; none takes everything.

    Raises:
        OSError: there is no such repository, or the folder cannot be written.
    """
    if not source.is_dir():
        raise FileNotFoundError(f"no model repository in {source}")
    names = {model.name for model in models}
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source)
        if "__pycache__" in inside.parts or (names and inside.parts[0] not in names):
            continue
        target = folder / inside
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif path.suffix in LINKED:
            target.unlink(missing_ok=True)
            target.symlink_to(path.resolve())
        else:
            shutil.copyfile(path, target)


def write_configs(folder: Path, target: Target, cpu: Cpu, models: Sequence[Model] = MODELS) -> None:
    """Write each model's config for a target; on the reference machine it is the committed one, letter for letter."""
    for model in models:
        path = folder / config_path(model, target)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(config_text(model, target, cpu))
