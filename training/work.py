"""The work folder of a training: weights of its own, a model repository of its own, and what was measured.

Training reads and writes here; what serves is left alone until `training.installation` is told to take the weights.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensemble import artifacts, variables
from ensemble.places import REPOSITORY, ROOT

FINISHED = "finished.json"


@dataclass(frozen=True)
class Work:
    """Where everything of one training lies."""

    folder: Path

    @property
    def weights(self) -> Path:
        """Its weights, in their compact form; at first a copy of those that serve."""
        return self.folder / "weights"

    @property
    def models(self) -> Path:
        """Its model repository."""
        return self.folder / REPOSITORY

    @property
    def figures(self) -> Path:
        """What was measured with its weights: JSON of `mintmark evaluate`."""
        return self.folder / "evaluation.json"

    @property
    def figures_before(self) -> Path:
        """The same with the weights that serve."""
        return self.folder / "evaluation_before.json"

    def prepare(self) -> None:
        """Copy the weights and the model repository that serve, where they are not there yet."""
        (self.folder / "done").mkdir(parents=True, exist_ok=True)
        if not self.weights.is_dir():
            shutil.copytree(artifacts.WEIGHTS, self.weights)
        if not self.models.is_dir():
            ignored = shutil.ignore_patterns("*.onnx", "*.plan", "*.part", "__pycache__")
            shutil.copytree(ROOT / REPOSITORY, self.models, ignore=ignored)

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which commands use this folder's weights and models."""
        return {**os.environ, variables.WEIGHTS: str(self.weights), variables.MODELS: str(self.models)}

    def finish(self, command: str, recipe: str) -> None:
        """Say that the training is done, and with what it can be repeated."""
        record = {"recipe": recipe, "command": command, "commit": commit(), "figures": figures(read(self.figures))}
        (self.folder / FINISHED).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")

    def finished(self) -> dict[str, Any]:
        """What `finish` wrote.

        Raises:
            ValueError: the training is not done.
        """
        path = self.folder / FINISHED
        if not path.is_file():
            raise ValueError(f"{self.folder} holds no finished training; `make train` goes on with it")
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return record


def read(path: Path) -> dict[str, Any]:
    """The JSON of `mintmark evaluate`."""
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report


def figures(report: Mapping[str, Any]) -> dict[str, float]:
    """What people compare, by its name, from the JSON of `mintmark evaluate`; what was not measured is left out."""
    recall = (report["recall"] or {}).get("overall", {})
    accepted = report["unknown_accepted"] or {}
    outlines = report["outlines"] or {}
    best = outlines.get("best", {})
    named = {
        "coin found": report["found"]["all"] if report["photos"] else None,
        **{name: value for name, value in recall.items() if name.startswith("recall")},
        "AUROC of unknown coins": report["auroc"],
        **{f"unknown accepted at {at}": value for at, value in accepted.items()},
        "IoU of outlines, mean": best.get("mean"),
    }
    return {name: float(value) for name, value in named.items() if value is not None}


def commit() -> str:
    """The commit of this checkout, with a mark where files differ from it; '' where it is no git checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
