"""Load on one model of the repository with Locust, with what a real photo becomes on its way there as input.

    locust -f loadtest/single_model.py --host localhost:8001 --model segmentation [--batch 4] …

All other options are those of `loadtest/locustfile.py`.
"""

import argparse
from functools import lru_cache

import numpy as np
from locust import events, task

from ensemble.chain import Arrays, Runner
from ensemble.contract import MODELS, Model
from loadtest.load_user import LoadUser, Shape
from loadtest.steps import inputs_of_models, remote, transport

__all__ = ["ModelUser", "Shape"]

BY_NAME = {model.name: model for model in MODELS}


@events.init_command_line_parser.add_listener
def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Which model, and how many pictures at a time."""
    parser.add_argument("--model", choices=sorted(BY_NAME), default="segmentation", help="model to load")
    parser.add_argument("--batch", type=int, default=1, help="pictures in one request")


@lru_cache
def batch_for(url: str, model: Model, photo: bytes, batch: int) -> Arrays:
    """Inputs of one request, made by the server from a photo."""
    return {name: np.repeat(array, batch, axis=0) for name, array in inputs_of_models(url, photo)[model].items()}


class ModelUser(LoadUser):
    """Asks one model again and again for the same tensors."""

    def on_start(self) -> None:
        """Connect, and have the inputs made."""
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
