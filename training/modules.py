"""The compute models as torch modules, with the weights kept in weights/ or newly trained ones."""

from collections.abc import Iterable
from pathlib import Path

import onnx
import torch
from torch import nn

from ensemble import artifacts
from ensemble.contract import CROP, EMBEDDER, PREPROCESS, ZOOM, Model
from ensemble.geometry import Crop, Preprocess, Zoom
from ensemble.graph import NETWORKS
from training.fold import fold_batch_norm
from training.networks import Segmenter, embedder_with


def load_module(model: Model, checkpoint: Path | None = None) -> nn.Module:
    """The torch module of a compute model in evaluation mode, batch normalization folded.

    Args:
        model: one of the contract's compute models.
        checkpoint: state dict of a newly trained network; None takes the weights kept in weights/.

    Raises:
        FileNotFoundError: neither a checkpoint nor kept weights.
        KeyError, RuntimeError: the weights do not fit the network.
    """
    if model not in NETWORKS:
        return {PREPROCESS: Preprocess, ZOOM: Zoom, CROP: Crop}[model]().eval()
    example = torch.zeros(1, *model.inputs[0].dims)
    if checkpoint is not None:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        network = _network(model, state)
        network.load_state_dict(state)
        return fold_batch_norm(network, example)
    stored = artifacts.parameters(onnx.load(artifacts.weights_file(model.name)))
    folded = fold_batch_norm(_network(model, stored), example)
    folded.load_state_dict({name: torch.from_numpy(stored[name].copy()) for name in folded.state_dict()})
    return folded


def _network(model: Model, parameters: Iterable[str]) -> nn.Module:
    return (embedder_with(parameters) if model is EMBEDDER else Segmenter()).eval()
