"""Exports the compute models: torch to ONNX, names and shapes from the contract, compact form into weights/.

    python build/export_onnx.py                                 export again with the weights that are there
    python build/export_onnx.py --segmentation best.pt          … with a newly trained network (state dict)
    python build/export_onnx.py --embedding best.pt --known-threshold 0.6
    python build/export_onnx.py --check                         write nothing; fail where a committed graph is stale

Every export is run by torch, ONNX Runtime and OpenVINO on the same inputs and held to TOLERANCE. Of a network that
serves two models, the second model's graph is derived from the first's and held to the same.
"""

import argparse
import io
import logging
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ensemble import artifacts
from ensemble.contract import (
    COARSE_SIZE,
    COMPUTE_MODELS,
    EMBEDDER,
    IMAGE_SIZE,
    MAX_BATCH,
    SEGMENTATION,
    DType,
    Model,
)
from training.modules import load_module

OPSET = 20
BY_NAME = {model.name: model for model in COMPUTE_MODELS}
STORED_AS = {SEGMENTATION: "int8", EMBEDDER: "float16"}  # the other graphs hold no weights

# Largest absolute difference between runtimes, per output. Pictures are in units of normalized colour, where one grey
# level is 0.017; windows and ellipses are in pixels and degrees.
TOLERANCE = {
    "window": 1e-3,
    "coarse_image": 1e-3,
    "coarse_mask": 5e-3,
    "zoom_window": 1e-2,
    "image": 1e-2,
    "mask": 5e-3,
    "coin": 2e-2,
    "ellipse": 2e-2,
    "found": 0.0,
    "embedding": 2e-3,
}


@dataclass(frozen=True)
class Parity:
    """Largest absolute difference of one output between torch and another runtime."""

    model: str
    output: str
    runtime: str
    difference: float

    @property
    def holds(self) -> bool:
        """Whether the difference is within the stated tolerance."""
        return self.difference <= TOLERANCE[self.output]


def sample_inputs(model: Model, batch: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Plausible inputs: smooth pictures, one elliptic coin each.

    Returns:
        Arrays by tensor name, shapes of the contract with a leading batch axis.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE].astype(np.float32)
    ellipses = [((x - 110 - 9 * i) / (70 + i)) ** 2 + ((y - 130 + 5 * i) / (55 + 3 * i)) ** 2 for i in range(batch)]
    masks = np.stack([np.clip(10 * (1 - ellipse) + 0.5, 0, 1) for ellipse in ellipses])[:, None]
    windows = np.stack([np.array([-10.5 + i, 80.5, 813.5 + i, 904.5]) for i in range(batch)])
    made = {
        "canvas": np.repeat(np.repeat(rng.integers(0, 256, (batch, 64, 64, 3)), 16, axis=1), 16, axis=2),
        "extent": np.stack([np.array([1024 - 30 * i, 700 + 20 * i]) for i in range(batch)]),
        "scale": np.full((batch, 1), 2.5),
        "window": windows,
        "coarse_image": rng.normal(size=(batch, 3, 16, 16)).repeat(8, axis=2).repeat(8, axis=3),
        "coarse_mask": masks.reshape(batch, 1, COARSE_SIZE, 2, COARSE_SIZE, 2).mean(axis=(3, 5)),
        "zoom_window": windows,
        "mask": masks,
        "image": rng.normal(size=(batch, 3, 16, 16)).repeat(16, axis=2).repeat(16, axis=3),
        "coin": rng.normal(size=(batch, 3, 16, 16)).repeat(16, axis=2).repeat(16, axis=3),
    }
    dtypes = {DType.UINT8: np.uint8, DType.INT32: np.int32, DType.FP32: np.float32}
    return {tensor.name: made[tensor.name].astype(dtypes[tensor.dtype]) for tensor in model.inputs}


def to_onnx(model: Model, module: nn.Module) -> onnx.ModelProto:
    """Trace a module; the result names its tensors as the contract does and leaves the batch free."""
    example = tuple(torch.from_numpy(array) for array in sample_inputs(model, batch=2).values())
    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            example,
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=[tensor.name for tensor in model.inputs],
            output_names=[tensor.name for tensor in model.outputs],
            dynamic_shapes=tuple({0: batch} for _ in example),
        )
    graph = program.model_proto
    _strip_origins(graph)
    check_interface(graph, model)
    return graph


def _strip_origins(graph: onnx.ModelProto) -> None:
    """Drop what the exporter notes of the source code: it differs between machines and serves nobody."""
    del graph.metadata_props[:], graph.graph.metadata_props[:], graph.graph.value_info[:]
    for item in (*graph.graph.node, *graph.graph.initializer, *graph.graph.input, *graph.graph.output):
        del item.metadata_props[:]
        item.doc_string = ""


def check_interface(graph: onnx.ModelProto, model: Model) -> None:
    """Hold the graph's inputs and outputs to the contract.

    Raises:
        ValueError: a name, an element type or a shape differs.
    """
    types = {
        DType.UINT8: onnx.TensorProto.UINT8,
        DType.INT32: onnx.TensorProto.INT32,
        DType.FP32: onnx.TensorProto.FLOAT,
    }
    for kind, found, expected in (
        ("inputs", graph.graph.input, model.inputs),
        ("outputs", graph.graph.output, model.outputs),
    ):
        have = [
            (v.name, v.type.tensor_type.elem_type, [d.dim_value for d in v.type.tensor_type.shape.dim][1:])
            for v in found
        ]
        want = [(t.name, types[t.dtype], list(t.dims)) for t in expected]
        if have != want:
            raise ValueError(f"{model.name}: {kind} of the ONNX graph are {have}, the contract says {want}")


def parity(model: Model, module: nn.Module, graph: onnx.ModelProto, batches: tuple[int, ...] = (1, 3)) -> list[Parity]:
    """Run torch, ONNX Runtime and OpenVINO on the same inputs and compare every output."""
    data = graph.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(io.BytesIO(data)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    rows = []
    for batch in batches:
        inputs = sample_inputs(model, batch, seed=batch)
        with torch.inference_mode():
            made = module(*(torch.from_numpy(array) for array in inputs.values()))
        expected = [made.numpy()] if isinstance(made, torch.Tensor) else [tensor.numpy() for tensor in made]
        answers = {"ONNX Runtime": session.run(None, inputs), "OpenVINO": list(compiled(inputs).values())}
        for runtime, outputs in answers.items():
            for tensor, want, got in zip(model.outputs, expected, outputs, strict=True):
                rows.append(Parity(model.name, tensor.name, runtime, float(np.abs(want - got).max())))
    return rows


def compact(model: Model, graph: onnx.ModelProto, known_threshold: float | None) -> onnx.ModelProto:
    """The form that weights/ keeps; the embedding carries its threshold."""
    kept = artifacts.pack(graph, STORED_AS[model]) if model in STORED_AS else graph
    if model is EMBEDDER:
        kept.metadata_props.add(key=artifacts.THRESHOLD_KEY, value=str(known_threshold))
    return kept


def storage_cost(model: Model, module: nn.Module, kept: onnx.ModelProto) -> float:
    """Largest difference that the compact storage makes to the network's output on the sample inputs."""
    inputs = sample_inputs(model, 3)
    stored = onnxruntime.InferenceSession(
        artifacts.unpack(kept).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    with torch.inference_mode():
        exact = module(*(torch.from_numpy(array) for array in inputs.values())).numpy()
    return float(np.abs(exact - stored.run(None, inputs)[0]).max())


def export(model: Model, checkpoint: Path | None, known_threshold: float | None, check: bool) -> bool:
    """Export one model and report; False where parity fails or, with `check`, the committed graph is stale."""
    module = load_module(model, checkpoint)
    source = BY_NAME[artifacts.SAME_WEIGHTS.get(model.name, model.name)]
    graph = artifacts.fit(to_onnx(source, module), model)
    rows = parity(model, module, graph)
    for row in sorted(rows, key=lambda row: row.difference)[::-1][: 2 * len(model.outputs)]:
        verdict = "ok" if row.holds else f"ABOVE the tolerance of {TOLERANCE[row.output]}"
        print(f"  {row.model:19} {row.output:12} torch / {row.runtime:12} {row.difference:.1e}  {verdict}")
    if source is not model:
        return all(row.holds for row in rows)
    kept = compact(model, graph, known_threshold)
    path = artifacts.weights_file(model.name)
    if check:
        same = path.is_file() and same_graph(onnx.load(path), kept)
        print(f"  {model.name:19} {'as committed' if same else 'STALE: run python build/export_onnx.py'}")
        return same and all(row.holds for row in rows)
    if model in STORED_AS and checkpoint is not None:
        print(
            f"  {model.name:19} stored as {STORED_AS[model]}: output differs by {storage_cost(model, module, kept):.1e}"
        )
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(kept.SerializeToString(deterministic=True))
    return all(row.holds for row in rows)


def same_graph(one: onnx.ModelProto, other: onnx.ModelProto) -> bool:
    """Whether two compact graphs agree in everything but the last bit of their int8 scales.

    Packing what was unpacked can move a scale by one unit in the last place.
    """
    a, b = artifacts.parameters(one), artifacts.parameters(other)
    if a.keys() != b.keys() or any(not np.allclose(a[k], b[k], rtol=1e-5, atol=0) for k in a):
        return False
    stripped = []
    for model in (one, other):
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        del copy.graph.initializer[:]
        stripped.append(copy.SerializeToString(deterministic=True))
    return stripped[0] == stripped[1]


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where parity fails or a committed graph is stale."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segmentation", type=Path, metavar="PT", help="state dict of a trained segmentation network")
    parser.add_argument("--embedding", type=Path, metavar="PT", help="state dict of a trained embedding network")
    parser.add_argument("--known-threshold", type=float, help="cosine from which a match counts as known")
    parser.add_argument("--check", action="store_true", help="write nothing, fail where a committed graph is stale")
    options = parser.parse_args(argv)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    checkpoints = {SEGMENTATION.name: options.segmentation, EMBEDDER.name: options.embedding}
    threshold = options.known_threshold if options.known_threshold is not None else artifacts.known_threshold()
    results = [
        export(model, checkpoints.get(artifacts.SAME_WEIGHTS.get(model.name, model.name)), threshold, options.check)
        for model in COMPUTE_MODELS
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
