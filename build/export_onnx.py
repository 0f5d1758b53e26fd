"""Exports the compute models: to ONNX, names and shapes from the contract, compact form into weights/.

    python build/export_onnx.py                                 export again with the weights that are there
    python build/export_onnx.py --segmentation best.pt          … with a newly trained network
    python build/export_onnx.py --embedding best.pt             … then fit weights/judge.json: python -m training.judge
    python build/export_onnx.py --embedding net.onnx            … with a network that was trained elsewhere
    python build/export_onnx.py --check                         write nothing; fail where a committed graph is stale

Torch, ONNX Runtime and OpenVINO run every export on the same inputs; their outputs must agree within TOLERANCE. If two
models share a network, the second model's graph is derived from the first's and compared in the same way.

A network that was trained elsewhere must keep the contract: one picture in, tensors of the contract's types and shapes
out, with ONNX's own operators of opset 13 to 20. A segmentation may give the masks alone. The names of its tensors do
not matter. There is no torch module of it, so OpenVINO is compared with ONNX Runtime. weights/networks.json says which
network each graph is.
"""

import argparse
import logging
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _project  # noqa: F401  before the project's packages
import numpy as np
import onnx
import torch
from foreign_onnx import ForeignError, check_tensorrt, read_foreign
from parity import TOLERANCE, Reference, check_interface, in_onnx_runtime, in_torch, parity, sample_inputs
from torch import nn

from ensemble import artifacts
from ensemble.contract import COMPUTE_MODELS, EMBEDDER, MAX_BATCH, SEGMENTATION, Model
from ensemble.placement import NETWORKS
from training.networks import NetworkError
from training.weights import FOREIGN, REGISTRIES, keep_record, kept_record, load_checkpoint, load_module

OPSET = 20
OWN_FILE = [model for model in COMPUTE_MODELS if model.name not in artifacts.SAME_WEIGHTS]
STORED_AS = {SEGMENTATION: "int8", EMBEDDER: "float16"}  # the other graphs hold no weights


@dataclass(frozen=True)
class Source:
    """What one export is made from.

    Attributes:
        graph: plain, in the form of the model whose file in weights/ it becomes.
        reference: computes the right answers of a model.
        name: of the reference, for the report.
        given: whether the weights are new.
        record: what weights/networks.json says of it; None for graphs without weights.
        stored: the compact graph, where there is nothing newer to make it from.
    """

    graph: onnx.ModelProto
    reference: Callable[[Model], Reference]
    name: str
    given: bool
    record: dict[str, Any] | None
    stored: onnx.ModelProto | None = None


def read_source(model: Model, given: Path | None) -> Source:
    """What a compute model is exported from.

    Args:
        model: one whose graph has a file of its own in weights/.
        given: checkpoint of a training, or ONNX file; None takes the weights that are there.

    Raises:
        ForeignError, NetworkError: it cannot be used.
    """
    if given is not None and given.suffix == ".onnx":
        graph = read_foreign(given, computed_from(model))
        print(f"  {model.name:19} {given.name}: {check_tensorrt(given, graph, model)}")
        return Source(graph, _in_itself(graph), "as given", True, {FOREIGN: given.name})
    record = None
    if given is not None:
        record = load_checkpoint(given, REGISTRIES[model.name])[0].record()
    elif model in NETWORKS:
        record = kept_record(model)
        if FOREIGN in record:
            graph = artifacts.plain_graph(model)
            stored = onnx.load(artifacts.weights_file(model.name))
            return Source(graph, _in_itself(graph), "as kept", False, record, stored)
    module = load_module(model, given)
    return Source(to_onnx(model, module), lambda _: in_torch(module), "torch", given is not None, record)


def own_file(model: Model) -> Model:
    """The compute model whose file in weights/ a model is computed from."""
    return next(own for own in OWN_FILE if own.name == artifacts.SAME_WEIGHTS.get(model.name, model.name))


def computed_from(own: Model) -> list[Model]:
    """The compute models that are computed from a model's file, that model first."""
    return [own, *(model for model in COMPUTE_MODELS if model is not own and own_file(model) is own)]


def _in_itself(graph: onnx.ModelProto) -> Callable[[Model], Reference]:
    """The graph itself in ONNX Runtime as the reference, at each model's size."""
    return lambda model: in_onnx_runtime(artifacts.fit(graph, model))


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
    assert program is not None
    graph = program.model_proto
    _strip_origins(graph)
    check_interface(graph, model)
    return graph


def _strip_origins(graph: onnx.ModelProto) -> None:
    """Drop what the exporter notes of the source code: it differs between machines and is of no use."""
    del graph.metadata_props[:], graph.graph.metadata_props[:], graph.graph.value_info[:]
    for item in (*graph.graph.node, *graph.graph.initializer, *graph.graph.input, *graph.graph.output):
        del item.metadata_props[:]
        item.doc_string = ""


def compact(model: Model, source: Source) -> onnx.ModelProto:
    """The form that weights/ keeps.

    The same network keeps the metadata of its file: the file's digest names the embeddings of existing catalogs.
    """
    dtype = STORED_AS.get(model)
    kept = source.stored or (artifacts.pack(source.graph, dtype) if dtype else source.graph)
    path = artifacts.weights_file(model.name)
    if not source.given and path.is_file():
        del kept.metadata_props[:]
        kept.metadata_props.extend(onnx.load(path, load_external_data=False).metadata_props)
    return kept


def storage_cost(model: Model, reference: Reference, kept: onnx.ModelProto) -> float:
    """Largest difference that the compact storage makes to the network's output on the sample inputs."""
    inputs = sample_inputs(model, 3)
    return float(np.abs(reference(inputs)[0] - in_onnx_runtime(artifacts.unpack(kept))(inputs)[0]).max())


def export(model: Model, source: Source, check: bool) -> bool:
    """Export one model and report; False where parity fails or, with `check`, the committed graph is stale.

    Args:
        model: one of the contract's compute models.
        source: of the model whose file it is computed from.
        check: write nothing.
    """
    graph = artifacts.fit(source.graph, model)
    reference = source.reference(model)
    rows = parity(model, reference, graph)
    for row in sorted(rows, key=lambda row: row.difference)[::-1][: 2 * len(model.outputs)]:
        verdict = "ok" if row.holds else f"ABOVE the tolerance of {TOLERANCE[row.output]}"
        print(f"  {row.model:19} {row.output:12} {source.name} / {row.runtime:12} {row.difference:.1e}  {verdict}")
    if own_file(model) is not model:
        return all(row.holds for row in rows)
    kept = compact(model, source)
    path = artifacts.weights_file(model.name)
    if check:
        same = path.is_file() and same_graph(onnx.load(path), kept)
        print(f"  {model.name:19} {'as committed' if same else 'STALE: run python build/export_onnx.py'}")
        return same and all(row.holds for row in rows)
    if model in STORED_AS and source.given:
        cost = storage_cost(model, reference, kept)
        print(f"  {model.name:19} stored as {STORED_AS[model]}: output differs by {cost:.1e}")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(kept.SerializeToString(deterministic=True))
    if source.given:
        artifacts.quantized_file(model.name).unlink(missing_ok=True)  # of the weights before; see quantize.py
    if source.record is not None:
        keep_record(model, source.record)
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
    """Command line; 1 where a network cannot be used, parity fails or a committed graph is stale."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for model, what in ((SEGMENTATION, "segmentation"), (EMBEDDER, "embedding")):
        text = f"{what} network: best.pt of a training, or an ONNX file that keeps the contract (*.onnx)"
        parser.add_argument(f"--{model.name}", type=Path, metavar="FILE", help=text)
    parser.add_argument("--check", action="store_true", help="write nothing, fail where a committed graph is stale")
    options = parser.parse_args(argv)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    given = {SEGMENTATION.name: options.segmentation, EMBEDDER.name: options.embedding}
    try:
        # All are read before the first is written, new ones first: they may be refused.
        order = sorted(OWN_FILE, key=lambda model: given.get(model.name) is None)
        sources = {model: read_source(model, given.get(model.name)) for model in order}
    except (ForeignError, NetworkError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.embedding:
        print(f"  {EMBEDDER.name:19} {artifacts.JUDGE.name} was fitted for the weights before: run training.judge")
    results = [export(model, sources[own_file(model)], options.check) for model in COMPUTE_MODELS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
