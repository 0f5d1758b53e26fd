"""Answers several requests with one inference of a TensorRT-RTX engine. It needs no Triton, so tests can use it.

`build/check_gpu.py` runs engines of TensorRT in the same session: both have the same API.
"""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from backends.session import Session
from backends.tensorrt_rtx.device import CudaDevice, Device, DeviceArray
from ensemble.contract import DType, Model, Tensor
from ensemble.placement import PROFILE
from ensemble.stamp import check_stamp

FLAVOR = "tensorrt_rtx"
DTYPES: dict[DType, np.dtype] = {
    DType.UINT8: np.dtype(np.uint8),
    DType.INT32: np.dtype(np.int32),
    DType.FP32: np.dtype(np.float32),
}


class EngineError(RuntimeError):
    """An engine cannot be loaded, or an inference fails; the message says why."""


class Context(Protocol):
    """The part of TensorRT's IExecutionContext that a session uses."""

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        """Set the shape of an input, batch included."""

    def set_tensor_address(self, name: str, address: int) -> bool:
        """Set where a tensor lies on the device."""

    def execute_async_v3(self, stream: int) -> bool:
        """Queue an inference."""


class EngineSession(Session):
    """One execution context with buffers of its own.

    A tensor's buffer on the device never moves. So the CUDA graph that TensorRT-RTX records for one batch size is valid
    for the next batch of that size. Requests are copied into the buffers and answers out of them, on the device.

    Args:
        model: that the engine computes.
        context: of the engine.
        device: on which it runs.
    """

    def __init__(self, model: Model, context: Context, device: Device) -> None:
        self._model, self._context, self.device = model, context, device
        self._buffers = {
            tensor.name: device.empty((PROFILE.largest, *tensor.dims), DTYPES[tensor.dtype])
            for tensor in (*model.inputs, *model.outputs)
        }
        for name, buffer in self._buffers.items():
            context.set_tensor_address(name, device.address(buffer))

    def run(self, feeds: Sequence[dict[str, Any]]) -> list[dict[str, DeviceArray]]:
        """Answer several requests with one inference; see `Session`.

        Args:
            feeds: per request, its inputs by name, each [B, …] on the host or on the device; the sum of all B is at
                most the profile's largest.

        Returns:
            Per request, its outputs by name, each [B, …] on the device.

        Raises:
            EngineError: the batch is too large, or TensorRT fails.
        """
        sizes = [len(feed[self._model.inputs[0].name]) for feed in feeds]
        batch = sum(sizes)
        if not PROFILE.smallest <= batch <= PROFILE.largest:
            allowed = f"{PROFILE.smallest} to {PROFILE.largest}"
            raise EngineError(f"{self._model.name}: a batch of {batch}; the engine takes {allowed}")
        spans = [slice(start, start + size) for start, size in zip(accumulate([0, *sizes]), sizes, strict=False)]
        for tensor in self._model.inputs:
            for feed, span in zip(feeds, spans, strict=True):
                self.device.copy(self._buffers[tensor.name][span], feed[tensor.name])
            if not self._context.set_input_shape(tensor.name, (batch, *tensor.dims)):
                raise EngineError(f"{self._model.name}: the engine refuses {tensor.name} of {(batch, *tensor.dims)}")
        if not self._context.execute_async_v3(self.device.stream):
            raise EngineError(f"{self._model.name}: the inference failed; TensorRT's reason is in the server's log")
        answers = [{tensor.name: self._answer(tensor, span) for tensor in self._model.outputs} for span in spans]
        self.device.synchronize()  # Triton does not wait for this stream
        return answers

    def _answer(self, tensor: Tensor, span: slice) -> DeviceArray:
        """A copy, because the next batch overwrites the buffer."""
        answer = self.device.empty((span.stop - span.start, *tensor.dims), DTYPES[tensor.dtype])
        self.device.copy(answer, self._buffers[tensor.name][span])
        return answer


def open_session(engine: Path, model: Model, index: int) -> EngineSession:
    """Load an engine on a GPU.

    Args:
        engine: file that `build/build_engines.py --flavor tensorrt_rtx` wrote, with its stamp beside it.
        model: that the engine computes.
        index: of the GPU.

    Raises:
        EngineError: TensorRT-RTX is not installed or cannot load the engine.
        DeviceError: there is no such GPU.
        StampError: the engine was built for another graph, version or GPU.
    """
    try:
        import tensorrt_rtx_bindings as trt  # only this target needs it
    except ImportError as error:
        raise EngineError(f"TensorRT-RTX cannot be imported ({error}): pip install -r requirements/rtx.txt") from error
    device = CudaDevice(index)
    check_stamp(engine, model, FLAVOR, trt.__version__, device.capability)
    return EngineSession(model, load_context(trt, engine, record=True), device)


def load_context(trt: ModuleType, engine: Path, record: bool) -> Context:
    """Load an engine on CUDA's current GPU, and make an execution context for it.

    Args:
        trt: the Python module of TensorRT-RTX or of TensorRT.
        engine: file.
        record: let TensorRT-RTX record CUDA graphs, one for each batch size; TensorRT has no such setting.

    Raises:
        EngineError: the engine cannot be loaded, or there is no memory for the context.
    """
    runtime = trt.Runtime(trt.Logger(trt.Logger.WARNING))
    loaded = runtime.deserialize_cuda_engine(engine.read_bytes())
    if loaded is None:
        raise EngineError(f"TensorRT {trt.__version__} cannot load {engine}; its reason is in the server's log")
    config = loaded.create_runtime_config()
    if record:
        config.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
    context = loaded.create_execution_context(config)
    if context is None:
        raise EngineError(f"{engine}: no memory on the GPU for an execution context")
    return context  # type: ignore[no-any-return]
