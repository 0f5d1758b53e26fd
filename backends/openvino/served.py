"""Compute models of the repository in this process, opened as the server opens them."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.openvino.session import Session
from ensemble.chain import Runner
from ensemble.contract import Model
from ensemble.cpu import Cpu
from ensemble.graph import Target, placement
from ensemble.render import REPOSITORY, ROOT


def open_session(model: Model, cpu: Cpu, repository: Path = ROOT / REPOSITORY, cache: str = "") -> Session:
    """A compute model of the repository, as a server on CPUs opens it.

    It is compiled for all threads that it may have and for fewer, down to what each photo has where as many are under
    way as the server works on.

    Args:
        model: which one.
        cpu: what the server may use.
        repository: folder of the models.
        cache: folder for compiled models; '' for none.

    Raises:
        ValueError: its graph is not unpacked; `make models` does it.
    """
    place = placement(model, Target.CPU, cpu)
    with _alone(cache, model.name):
        return Session(
            repository / model.name / "1" / place.artifact,
            [tensor.name for tensor in model.inputs],
            [tensor.name for tensor in model.outputs],
            threads=cpu.threads,
            precision=place.parameters["precision"],
            cache=cache,
        )


def served(
    model: Model,
    cpu: Cpu,
    repository: Path = ROOT / REPOSITORY,
    cache: str = "",
    share: Callable[[], int | None] | None = None,
) -> Runner:
    """The same as a step of a chain; `share` tells before each inference how many threads it may have, None all."""
    session = open_session(model, cpu, repository, cache)
    return lambda inputs: session.run([inputs], share and share())[0]


@contextmanager
def _alone(cache: str, model: str) -> Iterator[None]:
    """Compile a model in one process at a time: instances that write the same file of the cache at once may crash."""
    if not cache:
        yield
        return
    with (Path(cache) / f"{model}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
