"""Compares an exported graph with the contract, and the runtimes that compute it with each other."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import openvino
import torch
from torch import nn

from ensemble.contract import COARSE_SIZE, IMAGE_SIZE, DType, Model
from ensemble.geometry.rules import CORE_SIZE

Arrays = dict[str, np.ndarray]
Reference = Callable[[Arrays], list[np.ndarray]]  # inputs by name to the outputs in their order

# Largest absolute difference between runtimes, per output. Pictures are in units of normalized colour, where one grey
# level is 0.017; windows and ellipses are in pixels and degrees.
TOLERANCE = {
    "window": 1e-3,
    "coarse_image": 1e-3,
    "coarse_mask": 5e-3,
    "zoom_window": 1e-2,
    "image": 1e-2,
    "mask": 5e-3,
    "coin_probability": 5e-3,
    "coin": 2e-2,
    "ellipse": 2e-2,
    "found": 0.0,
    "cut_off": 1e-3,
    "embedding": 2e-3,
    "relief": 1e-4,
}
ELEMENT_TYPES = {
    DType.UINT8: onnx.TensorProto.UINT8,
    DType.INT32: onnx.TensorProto.INT32,
    DType.FP32: onnx.TensorProto.FLOAT,
}


@dataclass(frozen=True)
class Parity:
    """Largest absolute difference of one output between the reference and a runtime."""

    model: str
    output: str
    runtime: str
    difference: float

    @property
    def holds(self) -> bool:
        """Whether the difference is within the stated tolerance."""
        return self.difference <= TOLERANCE[self.output]


def sample_inputs(model: Model, batch: int, seed: int = 0) -> Arrays:
    """Plausible inputs: smooth pictures, one elliptic coin each, tilted: else its angle might be 0 or 180 degrees.

    Returns:
        Arrays by tensor name, shapes of the contract with a leading batch axis.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE].astype(np.float32)
    x, y = x - 110, y - 130
    across, down = 0.8 * x + 0.6 * y, 0.8 * y - 0.6 * x
    ellipses = [((across - 9 * i) / (70 + i)) ** 2 + ((down + 5 * i) / (55 + 3 * i)) ** 2 for i in range(batch)]
    masks = np.stack(
        [[np.clip(10 * (size - ellipse) + 0.5, 0, 1) for size in (1, CORE_SIZE**2)] for ellipse in ellipses]
    )
    windows = np.stack([np.array([-10.5 + i, 80.5, 813.5 + i, 904.5]) for i in range(batch)])
    made = {
        "canvas": np.repeat(np.repeat(rng.integers(0, 256, (batch, 64, 64, 3)), 16, axis=1), 16, axis=2),
        "extent": np.stack([np.array([1024 - 30 * i, 700 + 20 * i]) for i in range(batch)]),
        "scale": np.full((batch, 1), 2.5),
        "window": windows,
        "coarse_image": rng.normal(size=(batch, 3, 16, 16)).repeat(8, axis=2).repeat(8, axis=3),
        "coarse_mask": masks.reshape(batch, -1, COARSE_SIZE, 2, COARSE_SIZE, 2).mean(axis=(3, 5)),
        "zoom_window": windows,
        "mask": masks,
        "coin_probability": rng.uniform(0, 1, (batch, 1)),
        "image": rng.normal(size=(batch, 3, 16, 16)).repeat(16, axis=2).repeat(16, axis=3),
        "coin": rng.normal(size=(batch, 3, 16, 16)).repeat(16, axis=2).repeat(16, axis=3),
    }
    dtypes = {DType.UINT8: np.uint8, DType.INT32: np.int32, DType.FP32: np.float32}
    return {tensor.name: made[tensor.name].astype(dtypes[tensor.dtype]) for tensor in model.inputs}


def check_interface(graph: onnx.ModelProto, model: Model) -> None:
    """Compare the graph's inputs and outputs with the contract.

    Raises:
        ValueError: a name, an element type or a shape differs.
    """
    for kind, found, expected in (
        ("inputs", graph.graph.input, model.inputs),
        ("outputs", graph.graph.output, model.outputs),
    ):
        have = [
            (v.name, v.type.tensor_type.elem_type, [d.dim_value for d in v.type.tensor_type.shape.dim][1:])
            for v in found
        ]
        want = [(t.name, ELEMENT_TYPES[t.dtype], list(t.dims)) for t in expected]
        if have != want:
            raise ValueError(f"{model.name}: {kind} of the ONNX graph are {have}, the contract says {want}")


def in_torch(module: nn.Module) -> Reference:
    """A torch module as a reference."""

    def run(inputs: Arrays) -> list[np.ndarray]:
        with torch.inference_mode():
            made = module(*(torch.from_numpy(array) for array in inputs.values()))
        return [made.numpy()] if isinstance(made, torch.Tensor) else [tensor.numpy() for tensor in made]

    return run


def in_onnx_runtime(graph: onnx.ModelProto) -> Reference:
    """A graph in ONNX Runtime; inputs are matched by their order, so the graph may name them as it likes."""
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return lambda inputs: session.run(None, dict(zip(names, inputs.values(), strict=True)))


def in_openvino(graph: onnx.ModelProto) -> Reference:
    """A graph in OpenVINO, in float32."""
    core = openvino.Core()
    read = core.read_model(io.BytesIO(graph.SerializeToString()))
    compiled = core.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda inputs: list(compiled(inputs).values())


def parity(
    model: Model, reference: Reference, graph: onnx.ModelProto, batches: tuple[int, ...] = (1, 3)
) -> list[Parity]:
    """Run the reference, ONNX Runtime and OpenVINO on the same inputs and compare every output."""
    runtimes = {"ONNX Runtime": in_onnx_runtime(graph), "OpenVINO": in_openvino(graph)}
    rows = []
    for batch in batches:
        inputs = sample_inputs(model, batch, seed=batch)
        expected = reference(inputs)
        for runtime, run in runtimes.items():
            for tensor, want, got in zip(model.outputs, expected[: len(model.outputs)], run(inputs), strict=True):
                rows.append(Parity(model.name, tensor.name, runtime, float(np.abs(want - got).max())))
    return rows
