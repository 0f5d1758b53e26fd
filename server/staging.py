"""What a server of this machine reads: backends and models side by side, configs rendered for the machine."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from ensemble.contract import Model
from ensemble.cpu import Cpu
from ensemble.graph import Target
from ensemble.render import ROOT, config_text
from server.binary import Triton


def stage_backends(triton: Triton, folder: Path) -> None:
    """Copy the stock Python backend, with the stub of this Python, and the project's own backends into `folder`.

    Triton refuses backends behind symbolic links.
    """
    shutil.copytree(triton.server / "backends" / "python", folder / "python")
    shutil.copy2(triton.stub, folder / "python" / triton.stub.name)
    for backend in (ROOT / "backends").glob("*/model.py"):
        (folder / backend.parent.name).mkdir()
        shutil.copy2(backend, folder / backend.parent.name / backend.name)


def stage_models(models: Sequence[Model], repository: Path, folder: Path, target: Target, cpu: Cpu) -> None:
    """Link the models' versions into `folder`, beside a config for this machine.

    On the reference machine the configs are the committed ones, letter for letter.
    """
    for model in models:
        staged = folder / model.name
        staged.mkdir(parents=True)
        for version in (repository / model.name).glob("[0-9]*"):
            (staged / version.name).symlink_to(version)
        (staged / "config.pbtxt").write_text(config_text(model, target, cpu))
