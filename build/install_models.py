"""Puts the compute models where Triton loads them: weights/ (compact) to model_repository/<model>/1/model.onnx.

    python build/install_models.py

MINTMARK_WEIGHTS and MINTMARK_MODELS name other folders. Needs onnx and numpy, no torch. Models that are up to date are
not written.
"""

from pathlib import Path

import _project  # noqa: F401  before the project's packages

from ensemble import artifacts
from ensemble.configs import MODEL_REPOSITORY
from ensemble.contract import COMPUTE_MODELS


def install(repository: Path) -> list[Path]:
    """Write each model.onnx that is missing or older than its weights.

    Returns:
        The files written.
    """
    written = []
    for model in COMPUTE_MODELS:
        source = artifacts.weights_file(model.name)
        target = repository / model.name / "1" / "model.onnx"
        if target.is_file() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        part.write_bytes(artifacts.plain_graph(model).SerializeToString())
        part.replace(target)  # a reader sees the old file or the new one, never half of it
        written.append(target)
    return written


if __name__ == "__main__":
    for path in install(MODEL_REPOSITORY):
        print(f"wrote {path.relative_to(MODEL_REPOSITORY.parent)}")
