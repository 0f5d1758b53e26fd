"""Puts the model repository of a read-only image where it can be completed with engines and configs."""

import shutil
from pathlib import Path

LARGE = ".onnx"  # linked: a copy would take memory, where the repository lies on a tmpfs


def stage(models: Path, repository: Path) -> None:
    """Bring the files of `models` into `repository`; whatever else lies there, engines above all, stays.

    Args:
        models: the image's model repository; only read.
        repository: folder to fill; made where it is missing.

    Raises:
        OSError: there are no models, or the folder cannot be written.
    """
    if not models.is_dir():
        raise FileNotFoundError(f"no model repository in {models}")
    for source in sorted(models.rglob("*")):
        target = repository / source.relative_to(models)
        if "__pycache__" in source.parts:
            continue
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif source.suffix == LARGE:
            target.unlink(missing_ok=True)
            target.symlink_to(source.resolve())
        else:
            shutil.copyfile(source, target)
