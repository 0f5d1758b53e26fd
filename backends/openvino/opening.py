"""Opens the graphs of compute models in this process, compiled as a server on CPUs compiles them."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.openvino.session import OpenVinoSession
from ensemble.configs import MODEL_REPOSITORY
from ensemble.contract import Model
from ensemble.cpu import Cpu
from ensemble.placement import precision


def open_session(model: Model, cpu: Cpu, repository: Path = MODEL_REPOSITORY, cache: str = "") -> OpenVinoSession:
    """Open a compute model.

    The graph is compiled once for every number of threads in `cpu.threads`: for a photo alone, and for fewer threads
    down to what a photo gets when all slots are taken.

    Args:
        model: which one.
        cpu: what the server may use.
        repository: folder of the models.
        cache: folder for compiled models; '' for none.

    Raises:
        ValueError: the model's graph is not unpacked; `make models` does it.
    """
    with _alone(cache, model.name):
        return OpenVinoSession(
            repository / model.name / "1" / "model.onnx",
            [tensor.name for tensor in model.inputs],
            [tensor.name for tensor in model.outputs],
            threads=cpu.threads,
            precision=precision(model),
            cache=cache,
        )


@contextmanager
def _alone(cache: str, model: str) -> Iterator[None]:
    """Compile a model in one process at a time: two that write the same file of the cache at once may crash."""
    if not cache:
        yield
        return
    with (Path(cache) / f"{model}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
