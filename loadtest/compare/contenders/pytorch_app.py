"""FastAPI + PyTorch, as one would write it in a day: the trained networks, `inference_mode`, one process.

python -m loadtest.compare.contenders.pytorch_app --catalog FOLDER --port PORT --threads N [--bfloat16] [--at-once N]
"""

import contextlib
import sys
from pathlib import Path
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


def has_bfloat16(processor: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU computes in bfloat16 by itself."""
    flags = next((line for line in processor.read_text().splitlines() if line.startswith("flags")), "").split()
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)


def main() -> int:
    """Command line."""
    parser = threaded_arguments(__doc__)
    parser.add_argument("--bfloat16", action="store_true", help="where the CPU has it: emulated, it is slower")
    parser.add_argument("--at-once", type=int, help="requests that compute at a time (all)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bfloat16 = options.bfloat16 and has_bfloat16()
    room = BoundedSemaphore(options.at_once) if options.at_once else contextlib.nullcontext()
    serve(chain_of(lambda model: opened(model, bfloat16, room), options.catalog), options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
