"""Checks an image at the end of its build: python -m deploy.check_image gpu|cpu|slim. It needs no GPU.

The build fails where the server could not run.
"""

import ctypes
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.environment import read_path
from ensemble import variables
from server.wheel import ServerError, check_numpy, find_wheel

MODULES = ("catalog", "ensemble.photo", "ensemble.configs", "mintmark")  # that the Python models and the builder import
CPU_MODULES = ("backends.cpu_steps", "backends.openvino.opening")
TARGET_MODULES = {
    "cpu": CPU_MODULES,
    "slim": (*CPU_MODULES, "deploy.slim", "web.serving"),
    "gpu": ("onnx", "onnxruntime.transformers.float16", "tqdm", "tensorrt"),
}
NEEDS_DRIVER = {"gpu": ("cupy",)}  # cannot be imported where the image is built
LIBRARY = "libnvinfer.so"
BACKENDS = Path("/opt/tritonserver/backends")  # of NVIDIA's image
STUB = "python/triton_python_backend_stub"  # the program of Triton's Python models
USED_WRONGLY = 1  # its exit status without arguments; Triton itself takes another one for a program that cannot run


def library_version(number: int) -> str:
    """The number of `getInferLibVersion` as text: 110201 is 11.2.1 (NvInferVersion.h, TensorRT 10 and later)."""
    return f"{number // 10_000}.{number // 100 % 100}.{number % 100}"


def check_bindings(bindings: str, library: str) -> None:
    """Compare TensorRT's Python bindings, which build the engines, with the library, which runs them.

    Args:
        bindings: version in four parts, such as 11.2.1.2.
        library: version in three parts.

    Raises:
        ServerError: they differ.
    """
    if bindings.split(".")[:3] != library.split("."):
        raise ServerError(
            f"TensorRT's Python bindings are {bindings}, the image's library is {library}: "
            "build with --build-arg TENSORRT=VERSION of this image's release notes"
        )


def check_tensorrt() -> None:
    """Compare the bindings with the library that they load.

    Raises:
        ServerError: they differ.
        ImportError: the bindings are missing.
        OSError: the library is missing.
    """
    bindings = importlib.import_module("tensorrt").__version__
    library = ctypes.CDLL(f"{LIBRARY}.{bindings.split('.')[0]}")
    check_bindings(bindings, library_version(library.getInferLibVersion()))


def check_stub(stub: Path, *libraries: Path) -> None:
    """Run the program of Triton's Python models, which needs the library of this Python.

    Args:
        stub: the program.
        libraries: folders of libraries that it needs besides.

    Raises:
        ServerError: it does not run.
        OSError: there is no such program.
    """
    environment = {**os.environ, **({"LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries))} if libraries else {})}
    done = subprocess.run([stub], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != USED_WRONGLY:
        raise ServerError(f"{stub} does not run: {done.stderr.strip() or f'it ended with status {done.returncode}'}")


def check_triton(target: str) -> None:
    """Look for Triton, and for what runs its Python models; raises as `check_stub`."""
    if target == "slim":
        wheel = find_wheel()
        return check_stub(wheel.stub, wheel.libraries)
    if shutil.which("tritonserver") is None:
        raise ServerError("no tritonserver on PATH")
    check_stub((read_path(os.environ, variables.BACKENDS) or BACKENDS) / STUB)


def check(target: str) -> None:
    """Check everything that a target needs.

    Raises:
        ServerError: numpy 2, no tritonserver, a program that does not run, or versions that do not fit.
        ImportError: a package is missing.
        OSError: a program or a library is missing.
    """
    check_numpy()
    check_triton(target)
    for module in (*MODULES, *TARGET_MODULES[target]):
        importlib.import_module(module)
    if missing := [module for module in NEEDS_DRIVER.get(target, ()) if importlib.util.find_spec(module) is None]:
        raise ServerError(f"missing: {', '.join(missing)}")
    if target == "gpu":
        check_tensorrt()


def main(argv: list[str]) -> int:
    """Command line; 1 where something is wrong, 2 where it is used wrongly."""
    if len(argv) != 1 or argv[0] not in TARGET_MODULES:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        check(argv[0])
    except (ServerError, ImportError, OSError) as error:
        print(f"this image cannot serve: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
