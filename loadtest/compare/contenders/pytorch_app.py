"""FastAPI + PyTorch, as one would write it in a day: the trained networks, `inference_mode`, one process.

python -m loadtest.compare.contenders.pytorch_app --catalog FOLDER --port PORT --threads N [--bfloat16] [--at-once N]
"""

import contextlib
import sys
from threading import BoundedSemaphore

import torch
from torch.nn import functional

from ensemble.chain import Arrays, Runner
from ensemble.contract import EMBEDDER, Model
from ensemble.placement import NETWORKS
from loadtest.compare.contenders.web import chain_of, serve, threaded_arguments
from training.weights import load_module


def opened(model: Model, bfloat16: bool, room: contextlib.AbstractContextManager) -> Runner:
    """A compute model as a torch module.

    Args:
        model: of the contract.
        bfloat16: run the trained networks in mixed precision.
        room: entered while it computes.
    """
    module = load_module(model)
    mixed = bfloat16 and model in NETWORKS

    def run(inputs: Arrays, threads: int | None) -> Arrays:
        tensors = [torch.from_numpy(inputs[tensor.name]) for tensor in model.inputs]
        with room, torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            made = module(*tensors)
        outputs = [made.float()] if isinstance(made, torch.Tensor) else [array.float() for array in made]
        if model is EMBEDDER:
            outputs = [functional.normalize(embedding) for embedding in outputs]  # bfloat16 rounds the length
        return {tensor.name: array.numpy() for tensor, array in zip(model.outputs, outputs, strict=True)}

    return run


def main() -> int:
    """Command line."""
    parser = threaded_arguments(__doc__)
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--at-once", type=int, help="requests that compute at a time (all)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    room = BoundedSemaphore(options.at_once) if options.at_once else contextlib.nullcontext()
    serve(chain_of(lambda model: opened(model, options.bfloat16, room), options.catalog), options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
