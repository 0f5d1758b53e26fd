"""Compute models of the repository in this process, opened as the server opens them."""

from backends.openvino.session import Session
from ensemble.chain import Runner
from ensemble.contract import Model
from ensemble.graph import Target, placement
from ensemble.render import REPOSITORY, ROOT


def served(model: Model, cores: int) -> Runner:
    """A compute model of the repository, opened as the server on this many cores opens it.

    Raises:
        ValueError: its graph is not unpacked; `make models` does it.
    """
    place = placement(model, Target.CPU, cores)
    session = Session(
        ROOT / REPOSITORY / model.name / "1" / place.artifact,
        [tensor.name for tensor in model.inputs],
        [tensor.name for tensor in model.outputs],
        threads=int(place.parameters["threads"]),
        precision=place.parameters["precision"],
    )
    return lambda inputs: session.run([inputs])[0]
