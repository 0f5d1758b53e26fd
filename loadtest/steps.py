"""The served models asked one by one, and valid inputs for each of them."""

import json
import threading
from dataclasses import asdict

import numpy as np
import tritonclient.grpc as triton

from ensemble.chain import Arrays, Chain, Runner
from ensemble.contract import COIN_SEARCH, METADATA, MODELS, REQUEST, Model
from ensemble.graph import STEPS
from loadtest.host import TIMEOUT
from mintmark import EntryFields

METADATA_EXAMPLE = EntryFields(
    name="1 load", country="Testland", currency="load", denomination="1", side="obverse", metadata={"loadtest": True}
)


class TritonSteps:
    """Opens models of a server as steps of a chain; may be used by many threads.

    Args:
        url: HOST:PORT of the server's gRPC port.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._local = threading.local()  # Triton's client promises nothing about threads
        self._opened: list[triton.InferenceServerClient] = []

    def _client(self) -> triton.InferenceServerClient:
        if not hasattr(self._local, "client"):
            self._local.client = triton.InferenceServerClient(self._url)
            self._opened.append(self._local.client)
        return self._local.client

    def open(self, model: Model) -> Runner:
        """A model that takes and gives the tensors of its contract, each [B, …].

        What the server refuses is raised by the runner as tritonclient's InferenceServerException.
        """
        outputs = [triton.InferRequestedOutput(tensor.name) for tensor in model.outputs]

        def run(inputs: Arrays) -> Arrays:
            encoded = []
            for tensor in model.inputs:
                array = inputs[tensor.name]
                batched = array.reshape(len(array), *tensor.dims)
                encoded.append(triton.InferInput(tensor.name, batched.shape, tensor.dtype.value))
                encoded[-1].set_data_from_numpy(batched)
            result = self._client().infer(model.name, encoded, outputs=outputs, client_timeout=TIMEOUT)
            return {tensor.name: result.as_numpy(tensor.name) for tensor in model.outputs}

        return run

    def close(self) -> None:
        """Close the connections of all threads."""
        for client in self._opened:
            client.close()


def inputs_of_models(url: str, photo: bytes) -> dict[Model, Arrays]:
    """Valid inputs of every model and ensemble, each [1, …]: what a photo becomes on its way through the steps.

    Args:
        url: of a server, which computes them.
        photo: file of a photo that shows a coin.
    """
    steps = TritonSteps(url)
    try:
        tensors = Chain(STEPS[COIN_SEARCH], steps.open).run(photo)
    finally:
        steps.close()
    said = {name: value for name, value in asdict(METADATA_EXAMPLE).items() if value is not None}
    tensors[METADATA.name] = _text(said)
    tensors[REQUEST.name] = _text({"operation": "status"})
    names = {step.model: step.name_of for step in reversed(STEPS[COIN_SEARCH])}  # of two uses of a model the first
    return {
        model: {tensor.name: tensors[names[model](tensor) if model in names else tensor.name] for tensor in model.inputs}
        for model in MODELS
    }


def _text(record: dict[str, object]) -> np.ndarray:
    return np.array([[json.dumps(record).encode()]], object)
