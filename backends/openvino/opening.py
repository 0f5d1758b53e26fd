"""Opens the graphs of compute models in this process, compiled as a server on CPUs compiles them."""

from pathlib import Path

from backends.openvino.session import OpenVinoSession
from ensemble.contract import Model
from ensemble.cpu import Cpu
from ensemble.placement import precision
from ensemble.places import GRAPH, MODEL_REPOSITORY, QUANTIZED_GRAPH


def open_session(model: Model, cpu: Cpu, repository: Path = MODEL_REPOSITORY, cache: str = "") -> OpenVinoSession:
    """Open a compute model.

    It is opened for every number of threads in `cpu.threads`: for a photo alone, and for fewer threads down to what a
    photo gets when all slots are taken.

    Args:
        model: which one.
        cpu: what the server may use.
        repository: folder of the models.
        cache: folder for compiled models; '' for none.

    Raises:
        ValueError: the model's graph is not unpacked; `make models` does it.
    """
    folder = repository / model.name / "1"
    quantized = folder / QUANTIZED_GRAPH
    return OpenVinoSession(
        folder / GRAPH,
        [tensor.name for tensor in model.inputs],
        [tensor.name for tensor in model.outputs],
        threads=cpu.threads,
        precision=precision(model),
        cache=cache,
        quantized=quantized if quantized.is_file() else None,
    )
