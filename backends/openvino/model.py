"""Triton backend `openvino`: runs a model's ONNX graph on the CPU with OpenVINO.

A Python-based backend for machines without the container; there, the C++ backend of the same name reads the same
configs. Parameters of the model's config: `threads` (CPU threads of one instance), `precision` ('f32', or 'auto': the
CPU's bfloat16 where it has it and the results agree), `cores` (that all models of the server share, see
backends/cores.py).
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils

from backends.cores import cores_of
from backends.openvino.session import Session


@contextmanager
def _alone(cache: str, model: str) -> Iterator[None]:
    """Compile a model in one process at a time: instances that write the same file of the cache at once may crash."""
    if not cache:
        yield
        return
    with (Path(cache) / f"{model}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class TritonPythonModel:
    """Tensors in, one inference for all waiting requests, tensors out."""

    def initialize(self, args: dict[str, str]) -> None:
        """Compile the graph, or take it from the cache."""
        config = json.loads(args["model_config"])
        parameters = {key: value["string_value"] for key, value in config.get("parameters", {}).items()}
        self.inputs = [tensor["name"] for tensor in config["input"]]
        self.outputs = [tensor["name"] for tensor in config["output"]]
        folder = Path(args["model_repository"]) / args["model_version"]
        cache = os.environ.get("MINTMARK_CACHE", "")
        with _alone(cache, config["name"]):
            self.session = Session(
                folder / (config.get("default_model_filename") or "model.onnx"),
                inputs=self.inputs,
                outputs=self.outputs,
                threads=int(parameters.get("threads", "0")),
                precision=parameters.get("precision", "f32"),
                cache=cache,
                fewer=True,
            )
        self.threads = int(parameters.get("threads", "0"))
        self.cores = cores_of(parameters)
        pb_utils.Logger.log_info(f"{config['name']}: OpenVINO {self.session.precision}, {folder}")

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer requests that the dynamic batcher put together."""
        feeds = [
            {name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self.inputs}
            for request in requests
        ]
        with self.cores.taken(self.threads) if self.cores else nullcontext() as threads:
            answers = self.session.run(feeds, threads)
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor(name, array) for name, array in answer.items()])
            for answer in answers
        ]
