"""Stand-ins for a GPU and an engine: memory of numpy, and ONNX Runtime computing on addresses."""

import ctypes
from typing import Any

import numpy as np
import onnxruntime

from backends.tensorrt_rtx.session import DTYPES
from ensemble import artifacts
from ensemble.contract import Model, Tensor


class HostDevice:
    """A device with memory of numpy; as on a GPU, queued copies happen only by the time of `synchronize`."""

    def __init__(self) -> None:
        self.queue: list[tuple[np.ndarray, np.ndarray]] = []
        self.stream = 7

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return np.full(shape, 77, dtype)

    def to_host(self, array: np.ndarray) -> np.ndarray:
        return array

    def address(self, array: np.ndarray) -> int:
        return int(array.ctypes.data)

    def copy(self, into: np.ndarray, source: Any) -> None:
        self.queue.append((into, source))

    def synchronize(self) -> None:
        for into, source in self.queue:
            into[...] = source
        self.queue.clear()


class RuntimeContext:
    """Reads inputs from addresses and writes outputs to addresses, like TensorRT's execution context."""

    def __init__(self, model: Model, device: HostDevice, fails: bool = False) -> None:
        data = artifacts.plain_graph(model).SerializeToString()
        self.model, self.device, self.fails = model, device, fails
        self.session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}
        self.batches: list[int] = []

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shapes[name] = shape
        return True

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        assert stream == self.device.stream
        self.device.synchronize()  # a stream does its work in order
        batch = self.shapes[self.model.inputs[0].name][0]
        self.batches.append(batch)
        feed = {tensor.name: self._at(tensor, batch) for tensor in self.model.inputs}
        for tensor, array in zip(self.model.outputs, self.session.run(None, feed), strict=True):
            self._at(tensor, batch)[...] = array
        return not self.fails

    def _at(self, tensor: Tensor, batch: int) -> np.ndarray:
        shape, dtype = (batch, *tensor.dims), DTYPES[tensor.dtype]
        size = int(np.prod(shape)) * dtype.itemsize
        memory = memoryview((ctypes.c_char * size).from_address(self.addresses[tensor.name]))
        return np.frombuffer(memory, dtype).reshape(shape)
