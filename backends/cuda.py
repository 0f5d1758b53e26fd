"""The one thing that Python models need of the CUDA runtime: a copy from a device to the host."""

import ctypes
import functools
import importlib.util
from pathlib import Path

import numpy as np

LIBRARY = "libcudart.so.12"
_WHEEL = "nvidia.cuda_runtime"  # of PyPI's nvidia-cuda-runtime-cu12
_DEVICE_TO_HOST = 2  # cudaMemcpyDeviceToHost


class CudaError(RuntimeError):
    """CUDA's runtime is missing, or refused a call; the message has its own words."""


def copy_to_host(host: np.ndarray, address: int) -> None:
    """Fill an array from device memory; returns when it is filled.

    Args:
        host: where to, contiguous.
        address: on the device, of as many bytes.

    Raises:
        CudaError: no CUDA runtime, no device, or an address that is not the device's.
    """
    runtime = _runtime()
    status = runtime.cudaMemcpy(
        ctypes.c_void_p(host.ctypes.data), ctypes.c_void_p(address), ctypes.c_size_t(host.nbytes), _DEVICE_TO_HOST
    )
    if status:
        runtime.cudaGetLastError()  # forgets it, lest the next caller finds it
        raise CudaError(f"copying {host.nbytes} bytes from a CUDA device failed: {_words(runtime, status)}")


def _words(runtime: ctypes.CDLL, status: int) -> str:
    runtime.cudaGetErrorString.restype = ctypes.c_char_p
    return f"{runtime.cudaGetErrorString(status).decode()} (cudaError {status})"


@functools.cache
def _runtime() -> ctypes.CDLL:
    """The library that is loaded already, the system's, or the one that Faiss's GPU wheel brings."""
    found = importlib.util.find_spec("nvidia") and importlib.util.find_spec(_WHEEL)
    folders = list(found.submodule_search_locations or ()) if found else []
    for path in (LIBRARY, *(str(Path(folder) / "lib" / LIBRARY) for folder in folders)):
        try:
            return ctypes.CDLL(path)
        except OSError:
            continue
    raise CudaError(f"{LIBRARY} is not to be found: install requirements/gpu.txt, or CUDA 12")
