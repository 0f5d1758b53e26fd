"""From an ONNX graph to a TensorRT engine, with TensorRT or with TensorRT-RTX: both have the same Python API."""

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import onnx
from tqdm import tqdm

from backends.tensorrt_rtx.device import CudaDevice, DeviceError
from ensemble.contract import DType, Model, Tensor
from ensemble.placement import PROFILE
from ensemble.stamp import ANY_GPU

MODULES = {"tensorrt": "tensorrt", "tensorrt_rtx": "tensorrt_rtx_bindings"}
INSTALL = {
    "tensorrt": "it comes with the Triton container",
    "tensorrt_rtx": "pip install -r requirements/rtx.txt",
}


class BuildError(RuntimeError):
    """An engine cannot be built; the message says why and what to do."""


@dataclass(frozen=True)
class Flavor:
    """One of the two TensorRTs, as it is installed here.

    Attributes:
        name: tensorrt or tensorrt_rtx.
        trt: its Python module.
        version: of the library.
        capability: of the GPU that engines are built for; ANY_GPU if they are compiled when they are loaded.
    """

    name: str
    trt: ModuleType
    version: str
    capability: str


def load_flavor(name: str) -> Flavor:
    """Import one of the two.

    Raises:
        BuildError: it is not installed, or it needs a GPU to build and there is none.
    """
    try:
        trt = importlib.import_module(MODULES[name])
    except ImportError as error:
        raise BuildError(f"{name} cannot be imported ({error}): {INSTALL[name]}") from error
    return Flavor(name, trt, trt.__version__, ANY_GPU if name == "tensorrt_rtx" else gpu_capability())


def gpu_capability() -> str:
    """CUDA compute capability of the first GPU, such as '9.0'.

    Raises:
        BuildError: there is no GPU, or no CuPy to ask it.
    """
    try:
        return CudaDevice(0).capability
    except DeviceError as error:
        raise BuildError(f"TensorRT builds for the GPU that is here: {error}") from error


def build(model: Model, graph: onnx.ModelProto, flavor: Flavor) -> bytes:
    """Build one engine, showing progress.

    Raises:
        BuildError: TensorRT lacks an operator, the network is not what the contract says, or the build fails; with
            TensorRT's own words.
    """
    trt = flavor.trt
    logger = _logger(trt)
    builder = trt.Builder(logger)
    network = parse(model, graph, trt, builder, logger)
    config = builder.create_builder_config()
    profile = builder.create_optimization_profile()
    for tensor in model.inputs:
        sizes = (PROFILE.smallest, PROFILE.tuned, PROFILE.largest)
        profile.set_shape(tensor.name, *((size, *tensor.dims) for size in sizes))
    config.add_optimization_profile(profile)
    with tqdm(desc=f"building {model.name}", unit="step", leave=False, mininterval=1.0) as bar:
        config.progress_monitor = _monitor(trt, bar)
        engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise BuildError(f"{flavor.name} {flavor.version} cannot build {model.name}: {'; '.join(logger.errors)}")
    return bytes(engine)


def check_parses(model: Model, graph: onnx.ModelProto, flavor: Flavor) -> None:
    """Check that TensorRT's parser takes a graph and that it keeps the contract, without building.

    Raises:
        BuildError: TensorRT lacks an operator, or the network is not what the contract says.
    """
    logger = _logger(flavor.trt)
    builder = flavor.trt.Builder(logger)
    parse(model, graph, flavor.trt, builder, logger)


def parse(model: Model, graph: onnx.ModelProto, trt: ModuleType, builder: Any, logger: Any) -> Any:
    """Read a graph into a network and check its tensors against the contract.

    Raises:
        BuildError: the parser refuses it, or a name, a type or a shape differs.
    """
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(graph.SerializeToString()):
        errors = (parser.get_error(i) for i in range(parser.num_errors))
        named = [f"{error.node_operator()} {error.node_name()!r}: {error.desc()}" for error in errors]
        raise BuildError(f"TensorRT cannot take {model.name}: {'; '.join(named)}")
    inputs = [network.get_input(i) for i in range(network.num_inputs)]
    outputs = [network.get_output(i) for i in range(network.num_outputs)]
    check_tensors(model, "inputs", inputs, model.inputs, trt)
    check_tensors(model, "outputs", outputs, model.outputs, trt)
    return network


def check_tensors(model: Model, kind: str, tensors: list[Any], expected: tuple[Tensor, ...], trt: ModuleType) -> None:
    """Check names, element types and shapes of a parsed network against the contract.

    Raises:
        BuildError: something differs.
    """
    types = {DType.UINT8: trt.uint8, DType.INT32: trt.int32, DType.FP32: trt.float32}
    have = {(tensor.name, tensor.dtype, tuple(tensor.shape)) for tensor in tensors}
    want = {(tensor.name, types[tensor.dtype], (-1, *tensor.dims)) for tensor in expected}
    if have != want:
        raise BuildError(f"{model.name}: {kind} of the network are {have}, the contract says {want}")


def _logger(trt: ModuleType) -> Any:
    """A logger that keeps errors for the message instead of printing them. Its base class comes with `trt`."""

    class Logger(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                self.errors.append(message)

    return Logger()


def _monitor(trt: ModuleType, bar: Any) -> Any:
    """TensorRT's progress as a bar over all phases."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc, name-defined]
        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            bar.total = (bar.total or 0) + num_steps
            bar.set_postfix_str(phase_name, refresh=False)

        def step_complete(self, phase_name: str, step: int) -> bool:
            bar.update(1)
            return True  # go on

        def phase_finish(self, phase_name: str) -> None:
            bar.refresh()

    return Monitor()
