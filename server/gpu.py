"""Whether this machine has an NVIDIA GPU, asked of its driver."""

import ctypes

_DRIVER = "libcuda.so.1"


def missing_gpu() -> str:
    """Why no GPU can be used; '' if one can."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return f"NVIDIA's driver is not there ({_DRIVER})"
    if error := driver.cuInit(0):
        return f"NVIDIA's driver does not start (CUDA error {error})"
    count = ctypes.c_int(0)
    driver.cuDeviceGetCount(ctypes.byref(count))
    return "" if count.value else "NVIDIA's driver finds none"
