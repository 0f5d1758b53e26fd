"""What a session needs of a GPU: memory, copies and a stream; done by CuPy."""

from typing import Any, Protocol

import numpy as np

DeviceArray = Any  # cupy.ndarray here; tests compute on numpy's


class DeviceError(RuntimeError):
    """There is no usable GPU; the message says what is missing."""


class Device(Protocol):
    """Holds arrays and queues work."""

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> DeviceArray:
        """Make an array [*shape], not initialized."""

    def address(self, array: DeviceArray) -> int:
        """Address of its first element."""

    def copy(self, into: DeviceArray, source: Any) -> None:
        """Queue a copy; `source` lies on the host or on the device."""

    def to_host(self, array: DeviceArray) -> np.ndarray:
        """Copy an array to the host; the work that writes it must be done."""

    @property
    def stream(self) -> int:
        """CUDA's handle of the stream."""

    def synchronize(self) -> None:
        """Wait until all queued work is done."""


class CudaDevice:
    """One GPU with a stream of its own.

    Args:
        index: of the GPU among those that CUDA sees.

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
        """CUDA's handle of the stream."""
        return int(self._stream.ptr)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> DeviceArray:
        """Make an array [*shape] in the GPU's memory, not initialized."""
        with self._device:
            return self._cupy.empty(shape, dtype)

    def address(self, array: DeviceArray) -> int:
        """Address of its first element."""
        return int(array.data.ptr)

    def copy(self, into: DeviceArray, source: Any) -> None:
        """Queue a copy; `source` is a numpy array or an array on the device."""
        with self._device, self._stream:
            if isinstance(source, np.ndarray):
                into.set(source, stream=self._stream)
            else:
                into[...] = source

    def to_host(self, array: DeviceArray) -> np.ndarray:
        """Copy an array to the host; the work that writes it must be done."""
        with self._device:
            return np.asarray(self._cupy.asnumpy(array))

    def synchronize(self) -> None:
        """Wait until all queued work is done."""
        self._stream.synchronize()
