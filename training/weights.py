"""Trained networks in files: checkpoints that training writes, and the weights kept in weights/.

A checkpoint holds `network` and `settings` (see `training.networks`) and `weights`, a state dict. For the graphs in
weights/, `weights/networks.json` says the same, or the file's name where a graph was trained elsewhere.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from ensemble import artifacts
from ensemble.contract import COARSE_SEGMENTATION, CROP, EMBEDDER, PREPROCESS, RELIEF_MAPPER, SEGMENTATION, ZOOM, Model
from ensemble.geometry.graphs import Crop, Preprocess, Relief, Zoom
from ensemble.placement import NETWORKS
from training.fold import fold_batch_norm, unfold_batch_norm
from training.networks import EMBEDDERS, SEGMENTERS, MasksAlone, NetworkError, Registry, Segmenter, Spec
from training.networks.registry import Module

REGISTRIES: dict[str, Registry[Any]] = {SEGMENTATION.name: SEGMENTERS, EMBEDDER.name: EMBEDDERS}
FOREIGN = "onnx"  # key of networks.json: the name of the file that a graph came from


def save_checkpoint(path: Path, spec: Spec[Any], state: Mapping[str, Tensor]) -> None:
    """Write a checkpoint in one step: others may be reading the old one."""
    part = path.with_name(f"{path.name}.part")
    torch.save({**spec.record(), "weights": dict(state)}, part)
    part.replace(path)


def load_checkpoint(path: Path, registry: Registry[Module]) -> tuple[Spec[Module], Module]:
    """The network of a checkpoint, on the CPU, in evaluation mode, and how it was built.

    Raises:
        FileNotFoundError: there is no such file.
        NetworkError: it does not say which network it holds, or the weights are not that network's.
    """
    content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, dict) or not {"network", "settings", "weights"} <= content.keys():
        raise NetworkError(f"{path} is no checkpoint of a training: it must hold network, settings and weights")
    spec = registry.restore(content)
    network = spec.build()
    try:
        network.load_state_dict(content["weights"])
    except RuntimeError as error:
        raise NetworkError(f"the weights in {path} are not those of a {spec.name}: {error}") from error
    return spec, network.eval()


def kept_record(model: Model) -> dict[str, Any]:
    """What weights/networks.json says of the network that a compute model's weights belong to.

    Raises:
        FileNotFoundError, KeyError: it says nothing.
    """
    records = json.loads(_records().read_text(encoding="utf-8"))
    return dict(records[artifacts.SAME_WEIGHTS.get(model.name, model.name)])


def keep_record(model: Model, record: Mapping[str, Any]) -> None:
    """Write into weights/networks.json what the kept weights of a compute model belong to."""
    path = _records()
    records = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.write_text(json.dumps({**records, model.name: record}, indent=2) + "\n", encoding="utf-8")


def kept_spec(model: Model) -> Spec[Any]:
    """The network that the weights kept in weights/ belong to.

    Raises:
        NetworkError: they were trained elsewhere, or their network is not registered.
    """
    record = kept_record(model)
    if FOREIGN in record:
        path = artifacts.weights_file(model.name)
        raise NetworkError(f"{path} was exported from {record[FOREIGN]}: there is no PyTorch network for it")
    return REGISTRIES[artifacts.SAME_WEIGHTS.get(model.name, model.name)].restore(record)


def load_module(model: Model, checkpoint: Path | None = None) -> nn.Module:
    """The torch module of a compute model in evaluation mode, batch normalization folded.

    Args:
        model: one of the contract's compute models.
        checkpoint: of a newly trained network; None takes the weights kept in weights/.

    Raises:
        FileNotFoundError: neither a checkpoint nor kept weights.
        NetworkError: the checkpoint does not say which network it holds, or the kept weights were trained elsewhere.
        KeyError, RuntimeError: the kept weights do not fit the network.
    """
    if model not in NETWORKS:
        return {PREPROCESS: Preprocess, ZOOM: Zoom, CROP: Crop, RELIEF_MAPPER: Relief}[model]().eval()
    network = _network(model, checkpoint)
    return MasksAlone(network) if model is COARSE_SEGMENTATION and isinstance(network, Segmenter) else network


def _network(model: Model, checkpoint: Path | None) -> nn.Module:
    """The whole network of one of NETWORKS, see `load_module`."""
    example = torch.zeros(1, *model.inputs[0].dims)
    if checkpoint is not None:
        registry = REGISTRIES[artifacts.SAME_WEIGHTS.get(model.name, model.name)]
        return fold_batch_norm(load_checkpoint(checkpoint, registry)[1], example)
    folded = fold_batch_norm(kept_spec(model).build().eval(), example)
    stored = artifacts.parameters(onnx.load(artifacts.weights_file(model.name)))
    folded.load_state_dict({name: torch.from_numpy(stored[name].copy()) for name in folded.state_dict()})
    return folded


def start_from_kept(network: nn.Module, spec: Spec[Any], model: Model, example: Tensor) -> None:
    """Load the weights kept in weights/ into a network that is to be trained further; see `unfold_batch_norm`.

    Args:
        network: as it is trained.
        spec: how it was built.
        model: the compute model that it serves as.
        example: training pictures, enough of them for statistics, [B, 3, H, W].

    Raises:
        FileNotFoundError: there are no weights.
        NetworkError: they belong to another network.
    """
    kept = kept_spec(model)
    if kept.record() != spec.record():
        raise NetworkError(f"the weights in weights/ are those of {kept.record()}, not of {spec.record()}")
    fixed = {name for name, _ in network.named_buffers()} - network.state_dict().keys()  # never trained
    given = {name: values for name, values in kept_parameters(model.name).items() if name not in fixed}
    unfold_batch_norm(network, given, example)


def start_from_checkpoint(network: nn.Module, path: Path) -> list[str]:
    """Load a checkpoint's weights into a network of the same kind; layers of another shape start afresh.

    Returns:
        The names of the parameters that the checkpoint does not give.
    """
    return take(network, torch.load(path, map_location="cpu", weights_only=True)["weights"])


def take(network: nn.Module, given: Mapping[str, Tensor]) -> list[str]:
    """Load what fits of the parameters of another network; see `start_from_checkpoint`."""
    own = network.state_dict()
    taken = {name: value for name, value in given.items() if name in own and own[name].shape == value.shape}
    network.load_state_dict({**own, **taken})
    return [name for name in own if name not in taken]


def kept_parameters(model: str) -> dict[str, Tensor]:
    """The parameters of the kept weights by name, without the constants of the exporter.

    A parameter is named by the path of its module, a constant by one word.
    """
    stored = artifacts.parameters(onnx.load(artifacts.weights_file(model)))
    return {name: torch.from_numpy(values.copy()) for name, values in stored.items() if "." in name}


def keep_parameters(model: Model, values: Mapping[str, Tensor]) -> None:
    """Put parameters in place of those of a network in weights/, in float32: also in the graph of int8, if it has one.

    Raises:
        NetworkError: a graph has no such parameter.
    """
    plain, reduced = artifacts.weights_file(model.name), artifacts.quantized_file(model.name)
    belongs = artifacts.quantized_graph(model) is not None
    for file in (plain, reduced) if belongs else (plain,):
        stored = onnx.load(file)
        for name, value in values.items():
            _replace(stored.graph, name, value.detach().numpy().astype(np.float32))
        if file == reduced:
            del stored.metadata_props[:]
            stored.metadata_props.add(key=artifacts.MADE_FROM, value=artifacts.digest(plain))
        onnx.save(stored, file)


def _replace(graph: onnx.GraphProto, name: str, value: np.ndarray) -> None:
    """Give a parameter another value, as an initializer in float32, whatever it was computed from."""
    # `build/quantize.py` names what int8 becomes again by the parameter, with more before and after.
    restored = [node for node in graph.node if node.op_type == "DequantizeLinear"]
    made = [node for node in restored if name in node.output[0]]
    held = [tensor for tensor in graph.initializer if tensor.name == name]
    if len(made) + len(held) != 1:
        raise NetworkError(f"the graph {graph.name} has no parameter {name}")
    for node in made:
        graph.initializer.append(numpy_helper.from_array(value, name))
        for taker in graph.node:
            for place, given in enumerate(taker.input):
                if given == node.output[0]:
                    taker.input[place] = name
        graph.node.remove(node)
        for tensor in [tensor for tensor in graph.initializer if tensor.name in node.input]:
            graph.initializer.remove(tensor)
    for tensor in held:
        tensor.CopyFrom(numpy_helper.from_array(value, name))


def _records() -> Path:
    return artifacts.WEIGHTS / "networks.json"
