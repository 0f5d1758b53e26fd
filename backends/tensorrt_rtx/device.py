"""Memory and work on one GPU, by CuPy: all that the session asks of a device."""

from typing import Any, Protocol

import numpy as np

DeviceArray = Any  # cupy.ndarray here; tests compute on numpy's


class DeviceError(RuntimeError):
    """There is no GPU to work on; the message says what is missing."""


class Device(Protocol):
    """Where arrays lie and work is queued."""

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> DeviceArray:
        """An array [*shape] of any content."""

    def address(self, array: DeviceArray) -> int:
        """Where its first element lies."""

    def copy(self, into: DeviceArray, source: Any) -> None:
        """Queue a copy; the source lies on the host or on the device."""

    def to_host(self, array: DeviceArray) -> np.ndarray:
        """A copy on the host, of what is done."""

    @property
    def stream(self) -> int:
        """CUDA's handle of the queue."""

    def synchronize(self) -> None:
        """Wait until all that was queued is done."""


class CudaDevice:
    """A GPU and one stream of its own.

    Args:
        index: of the GPU, as CUDA counts those that are visible.

    Raises:
        DeviceError: CuPy is not installed, or CUDA finds no such GPU.
    """

    def __init__(self, index: int) -> None:
        try:
            import cupy  # only this target needs it
        except ImportError as error:
            raise DeviceError(f"CuPy cannot be imported ({error}): pip install -r requirements/rtx.txt") from error
        self._cupy = cupy
        try:
            self._device = cupy.cuda.Device(index)
            self._device.use()
            digits = self._device.compute_capability
            self._stream = cupy.cuda.Stream(non_blocking=True)
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise DeviceError(f"no GPU {index} here ({error}); the target `cpu` needs none") from error
        self.capability = f"{digits[:-1]}.{digits[-1]}"
        self.name = str(cupy.cuda.runtime.getDeviceProperties(index)["name"].decode())

    @property
    def stream(self) -> int:
        """CUDA's handle of the queue."""
        return int(self._stream.ptr)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> DeviceArray:
        """An array [*shape] of any content, in the GPU's memory."""
        with self._device:
            return self._cupy.empty(shape, dtype)

    def address(self, array: DeviceArray) -> int:
        """Where its first element lies."""
        return int(array.data.ptr)

    def copy(self, into: DeviceArray, source: Any) -> None:
        """Queue a copy; the source is a numpy array or one on the device."""
        with self._device, self._stream:
            if isinstance(source, np.ndarray):
                into.set(source, stream=self._stream)
            else:
                into[...] = source

    def to_host(self, array: DeviceArray) -> np.ndarray:
        """A copy on the host, of what is done."""
        with self._device:
            return np.asarray(self._cupy.asnumpy(array))

    def synchronize(self) -> None:
        """Wait until all that was queued is done."""
        self._stream.synchronize()
