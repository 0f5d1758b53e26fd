"""The server's models asked one by one, and valid inputs for each of them."""

import json
from dataclasses import asdict

import numpy as np

from ensemble.chain import Arrays, Chain, Runner
from ensemble.contract import COIN_SEARCH, METADATA, MODELS, REQUEST, Model
from ensemble.graph import STEPS
from loadtest.host import TIMEOUT
from mintmark import EntryFields, Transport, TritonTransport

EXAMPLE = EntryFields(
    name="1 load", country="Testland", currency="load", denomination="1", side="obverse", metadata={"loadtest": True}
)


def transport(url: str) -> TritonTransport:
    """A connection to all models of a server; many threads may use it at once."""
    return TritonTransport(url)


def remote(model: Model, connection: Transport) -> Runner:
    """A model of the server as a step of a chain: the tensors of its contract, each [B, …]; raises MintmarkError."""
    outputs = [tensor.name for tensor in model.outputs]

    def run(inputs: Arrays, threads: int | None) -> Arrays:
        # A chain holds a photo as [1]; Triton wants the contract's shape behind the batch axis.
        shaped = {t.name: inputs[t.name].reshape(len(inputs[t.name]), *t.dims) for t in model.inputs}
        return connection.infer(model.name, shaped, outputs, {}, TIMEOUT)

    return run


def inputs_of_models(url: str, photo: bytes) -> dict[Model, Arrays]:
    """Valid inputs of every model, each [1, …]: the tensors that the server makes of a photo, step by step.

    Args:
        url: HOST:PORT of the server.
        photo: file of a photo that shows a coin.
    """
    connection = transport(url)
    try:
        tensors = Chain(STEPS[COIN_SEARCH], lambda model: remote(model, connection)).run(photo)
    finally:
        connection.close()
    fields = {name: value for name, value in asdict(EXAMPLE).items() if value is not None}
    tensors[METADATA.name] = _text(fields)
    tensors[REQUEST.name] = _text({"operation": "status"})
    return {model: {t.name: tensors[t.name].reshape(1, *t.dims) for t in model.inputs} for model in MODELS}


def _text(record: dict[str, object]) -> np.ndarray:
    return np.array([json.dumps(record).encode()], object)
