"""Compute models of the repository in this process, opened as the server opens them."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.openvino.session import Session
from ensemble.chain import Runner
from ensemble.contract import Model
from ensemble.graph import Target, chains, placement
from ensemble.render import REPOSITORY, ROOT


def open_session(model: Model, cores: int, repository: Path = ROOT / REPOSITORY, cache: str = "") -> Session:
    """A compute model of the repository, as the server on this many cores opens it.

    It is compiled for all threads that it may have and for fewer, down to what each photo has where as many are under
    way as the server works on.

    Args:
        model: which one.
        cores: of the server.
        repository: folder of the models.
        cache: folder for compiled models; '' for none.

    Raises:
        ValueError: its graph is not unpacked; `make models` does it.
    """
    place = placement(model, Target.CPU, cores)
    with _alone(cache, model.name):
        return Session(
            repository / model.name / "1" / place.artifact,
            [tensor.name for tensor in model.inputs],
            [tensor.name for tensor in model.outputs],
            threads=int(place.parameters["threads"]),
            precision=place.parameters["precision"],
            cache=cache,
            fewest=cores // chains(cores),
        )


def served(
    model: Model,
    cores: int,
    repository: Path = ROOT / REPOSITORY,
    cache: str = "",
    share: Callable[[], int | None] | None = None,
) -> Runner:
    """The same as a step of a chain; `share` tells before each inference how many threads it may have, None all."""
    session = open_session(model, cores, repository, cache)
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
