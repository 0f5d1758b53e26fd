"""Where Triton's files lie, and whether this environment can run its Python models."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FOLDER_VARIABLE = "MINTMARK_TRITON"


class ServerError(RuntimeError):
    """The server cannot start or has failed; the message says why and what to do."""


@dataclass(frozen=True)
class Triton:
    """The unpacked wheel `nvidia-pytriton`."""

    folder: Path

    @property
    def server(self) -> Path:
        """The folder with binary, backends and stubs."""
        return self.folder / "pytriton" / "tritonserver"

    @property
    def executable(self) -> Path:
        """The `tritonserver` binary."""
        return self.server / "bin" / "tritonserver"

    @property
    def libraries(self) -> Path:
        """Shared libraries that the binary needs."""
        return self.folder / "nvidia_pytriton.libs"

    @property
    def stub(self) -> Path:
        """The process that runs Python models, for the Python that runs now."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return self.server / "python_backend_stubs" / version / "triton_python_backend_stub"


def find_triton() -> Triton:
    """The wheel unpacked by `build/get_triton.py`: in MINTMARK_TRITON, or beside this Python.

    Raises:
        ServerError: it is not there, or has no stub for this Python.
    """
    folder = Path(os.environ.get(FOLDER_VARIABLE) or Path(sys.prefix) / "triton")
    triton = Triton(folder)
    if not triton.executable.is_file():
        raise ServerError(f"no tritonserver in {folder}: run python build/get_triton.py, or set {FOLDER_VARIABLE}")
    if not triton.stub.is_file():
        raise ServerError(f"Triton has no Python backend for Python {sys.version.split()[0]}; use 3.10, 3.11 or 3.12")
    return triton


def check_numpy(version: str = np.__version__) -> None:
    """Refuse numpy 2: Triton's Python backend then loads its models and answers empty outputs, silently.

    Raises:
        ServerError: this environment has numpy 2 or later.
    """
    if int(version.split(".")[0]) >= 2:
        raise ServerError(
            f"numpy {version} is installed, but Triton's Python backend answers EMPTY outputs with numpy 2 and later: "
            "install numpy<2 where the server runs (pip install -r requirements/serve.txt)"
        )
