"""Puts the compute models where Triton loads them: weights/ (compact) to model_repository/<model>/1/model.onnx.

What of a network there is in int8 goes to model.int8.onnx beside it; what is left of other weights is removed.

    python build/install_models.py

MINTMARK_WEIGHTS and MINTMARK_MODELS name other folders. Needs onnx and numpy, no torch. Models that are up to date are
not written.
"""

from pathlib import Path

import _project  # noqa: F401  before the project's packages
import onnx

from ensemble import artifacts
from ensemble.contract import COMPUTE_MODELS, Model
from ensemble.places import GRAPH, MODEL_REPOSITORY, QUANTIZED_GRAPH


def install(repository: Path) -> list[Path]:
    """Write the graphs of each model whose files are missing or older than its weights.

    Returns:
        The files written.
    """
    return [file for model in COMPUTE_MODELS for file in _install(model, repository / model.name / "1")]


def _install(model: Model, folder: Path) -> list[Path]:
    plain, quantized = folder / GRAPH, folder / QUANTIZED_GRAPH
    source, reduced = artifacts.weights_file(model.name), artifacts.quantized_file(model.name)
    folder.mkdir(parents=True, exist_ok=True)
    written = [] if _newer(plain, source) else [_write(plain, artifacts.plain_graph(model))]
    if reduced.is_file() and _newer(quantized, source, reduced):
        return written
    if graph := artifacts.quantized_graph(model):
        return [*written, _write(quantized, graph)]
    quantized.unlink(missing_ok=True)
    return written


def _newer(target: Path, *sources: Path) -> bool:
    return target.is_file() and all(target.stat().st_mtime >= source.stat().st_mtime for source in sources)


def _write(target: Path, graph: onnx.ModelProto) -> Path:
    part = target.with_suffix(".part")
    part.write_bytes(graph.SerializeToString())
    return part.replace(target)  # a reader sees the old file or the new one, never half of it


if __name__ == "__main__":
    for path in install(MODEL_REPOSITORY):
        print(f"wrote {path.relative_to(MODEL_REPOSITORY.parent)}")
