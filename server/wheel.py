"""The unpacked Triton wheel: where its files lie, and whether this environment can run its Python models."""

import ctypes
import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble import variables
from ensemble.places import ROOT

MADE = ROOT / ".venv" / "serve" / "triton"  # by `make models`


class ServerError(RuntimeError):
    """The server cannot start or has failed; the message says why and what to do."""


@dataclass(frozen=True)
class Wheel:
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
        """The folder of shared libraries that the binary needs."""
        return self.folder / "nvidia_pytriton.libs"

    @property
    def stub(self) -> Path:
        """The program that runs Python models, for the running version of Python."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return self.server / "python_backend_stubs" / version / "triton_python_backend_stub"


def find_wheel() -> Wheel:
    """Find the wheel that `build/get_triton.py` unpacked: in MINTMARK_TRITON, beside this Python, or as `make` does.

    Raises:
        ServerError: the wheel is missing, or has no stub for this Python.
    """
    given = os.environ.get(variables.TRITON)
    places = [Path(given)] if given else [Path(sys.prefix) / "triton", MADE]
    wheel = next((found for found in map(Wheel, places) if found.executable.is_file()), Wheel(places[0]))
    folder = wheel.folder
    if not wheel.executable.is_file():
        raise ServerError(f"no tritonserver in {folder}: run python build/get_triton.py, or set {variables.TRITON}")
    if not wheel.stub.is_file():
        raise ServerError(f"Triton has no Python backend for Python {sys.version.split()[0]}; use 3.10, 3.11 or 3.12")
    return wheel


def check_numpy(version: str = np.__version__) -> None:
    """Refuse numpy 2: with it, Triton's Python backend loads its models and silently answers empty outputs.

    Raises:
        ServerError: this environment has numpy 2 or later.
    """
    if int(version.split(".")[0]) >= 2:
        raise ServerError(
            f"numpy {version} is installed, but Triton's Python backend answers EMPTY outputs with numpy 2 and later: "
            "install numpy<2 where the server runs (pip install -r requirements/serve.txt)"
        )


def python_library(folder: str | None = None) -> Path | None:
    """The folder of the shared library of this Python, which Triton's Python backend needs; None: the system has it.

    Args:
        folder: where this Python's libraries lie.

    Raises:
        ServerError: neither this Python nor the system has it.
    """
    name = f"libpython{sys.version_info[0]}.{sys.version_info[1]}.so.1.0"
    where = Path(folder if folder is not None else sysconfig.get_config_var("LIBDIR") or "")
    if (where / name).is_file():
        return where
    try:
        ctypes.CDLL(name)
    except OSError as error:
        raise ServerError(
            f"Triton's Python models need {name}, which this Python ({sys.base_prefix}) does not have and the system"
            f" neither: on Debian, apt-get install libpython3.{sys.version_info[1]}; a Python of your own needs"
            " --enable-shared"
        ) from error
    return None
