"""The user that loads one model of the server."""

import argparse
from functools import lru_cache

import numpy as np
from locust import events, task

from ensemble.chain import Arrays, Runner
from ensemble.contract import MODELS, Model
from loadtest.locust.load_user import LoadUser
from loadtest.models import inputs_of_models, remote, transport

BY_NAME = {model.name: model for model in MODELS}


@events.init_command_line_parser.add_listener
def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the model and the size of a request."""
    parser.add_argument("--model", choices=sorted(BY_NAME), default="segmentation", help="model to load")
    parser.add_argument("--batch", type=int, default=1, help="pictures in one request")


@lru_cache
def batch_for(url: str, model: Model, photo: bytes, batch: int) -> Arrays:
    """Inputs of one request: a photo's tensors as the server makes them, `batch` times."""
    return {name: np.repeat(array, batch, axis=0) for name, array in inputs_of_models(url, photo)[model].items()}


class ModelUser(LoadUser):
    """Asks one model again and again for the same tensors."""

    def on_start(self) -> None:
        """Connect and let the server make the inputs."""
        super().on_start()
        url = self.host or self.environment.host
        self._connection = transport(url)
        model = BY_NAME[self.options.model]
        self._inputs = batch_for(url, model, self.next_photo(), self.options.batch)
        self._run: Runner = remote(model, self._connection)

    @task
    def infer(self) -> None:
        """One request."""
        with self.request(f"{self.options.model}, batch of {self.options.batch}"):
            self._run(self._inputs, None)

    def on_stop(self) -> None:
        """Close the connections."""
        self._connection.close()
        super().on_stop()
