"""Checks an image at the end of its build: python -m deploy.check_image gpu|cpu. It needs no GPU.

The build fails where the server could not run.
"""

import ctypes
import importlib
import importlib.util
import shutil
import sys

from server.wheel import ServerError, check_numpy

MODULES = ("catalog", "ensemble.photo", "ensemble.configs", "mintmark")  # that the Python models and the builder import
TARGET_MODULES = {
    "cpu": ("backends.cpu_steps", "backends.openvino.opening"),
    "gpu": ("onnx", "onnxruntime.transformers.float16", "tqdm", "tensorrt"),
}
NEEDS_DRIVER = {"cpu": (), "gpu": ("cupy",)}  # cannot be imported where the image is built
LIBRARY = "libnvinfer.so"


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


def check(target: str) -> None:
    """Check everything that a target needs.

    Raises:
        ServerError: numpy 2, no tritonserver, or versions that do not fit.
        ImportError: a package is missing.
    """
    check_numpy()
    if shutil.which("tritonserver") is None:
        raise ServerError("no tritonserver on PATH")
    for module in (*MODULES, *TARGET_MODULES[target]):
        importlib.import_module(module)
    if missing := [module for module in NEEDS_DRIVER[target] if importlib.util.find_spec(module) is None]:
        raise ServerError(f"missing: {', '.join(missing)}")
    if target == "gpu":
        check_tensorrt()


def main(argv: list[str]) -> int:
    """Command line; 1 where something is wrong, 2 where it is used wrongly."""
    if argv not in (["gpu"], ["cpu"]):
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
