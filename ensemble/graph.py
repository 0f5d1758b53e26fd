"""The pipeline as a graph: which model feeds which, and what an ensemble consists of on each target."""

from enum import Enum

from ensemble.contract import (
    CATALOG,
    COARSE_SEGMENTATION,
    COIN_EMBEDDING,
    COIN_ENROLL,
    COIN_SEARCH,
    CROP,
    DECODE,
    EMBEDDER,
    ENROLL,
    PREPROCESS,
    RELIEF_MAPPER,
    SEARCH,
    SEGMENTATION,
    ZOOM,
    Model,
    Tensor,
)

# The steps in order. A tensor goes under its own name from the model that makes it to all models that take it.
FIND_COIN = (DECODE, PREPROCESS, COARSE_SEGMENTATION, ZOOM, SEGMENTATION, CROP, EMBEDDER, RELIEF_MAPPER)

STEPS: dict[Model, tuple[Model, ...]] = {
    COIN_SEARCH: (*FIND_COIN, SEARCH),
    COIN_EMBEDDING: FIND_COIN,
    COIN_ENROLL: (*FIND_COIN, ENROLL),
}


class Target(Enum):
    """Where the models run. The value is Triton's `--model-config-name`; GPU is the default and has config.pbtxt."""

    GPU = "config"
    CPU = "cpu"
    RTX = "rtx"


def steps_of(model: Model, target: Target) -> tuple[Model, ...]:
    """The steps of an ensemble on a target; none where the model is no ensemble there.

    On a CPU, one process takes a photo from its file to its embedding, so COIN_EMBEDDING is a model there. Handing a
    photo from process to process would cost a copy and a wait, and there is no device to keep busy in the meantime.
    """
    steps = STEPS.get(model, ())
    if target is not Target.CPU or not steps:
        return steps
    return () if model is COIN_EMBEDDING else (COIN_EMBEDDING, *(step for step in steps if step not in FIND_COIN))


def check_wiring(ensemble: Model, steps: tuple[Model, ...] | None = None) -> None:
    """Check an ensemble's steps: every input is made by an earlier step, with the same type and shape.

    Args:
        ensemble: of the contract.
        steps: to check instead of the ensemble's own.

    Raises:
        ValueError: no step makes an input, an input has another type or shape, no step makes an output of the
            ensemble, or a tensor is made twice.
    """
    made = {tensor.name: tensor for tensor in ensemble.inputs}
    for model in STEPS[ensemble] if steps is None else steps:
        for tensor in model.inputs:
            _check_same(ensemble, tensor, made)
        for tensor in model.outputs:
            if tensor.name in made:
                raise ValueError(f"{ensemble.name}: {model.name} makes {tensor.name} again")
            made[tensor.name] = tensor
    for tensor in ensemble.outputs:
        _check_same(ensemble, tensor, made)


def _check_same(ensemble: Model, tensor: Tensor, made: dict[str, Tensor]) -> None:
    name = tensor.name
    if name not in made:
        raise ValueError(f"{ensemble.name}: nothing makes {name}; there are {sorted(made)}")
    if (made[name].dtype, made[name].dims) != (tensor.dtype, tensor.dims):
        raise ValueError(f"{ensemble.name}: {name} is made as {made[name]} but used as {tensor}")


SETTINGS_MODELS = (SEARCH, ENROLL, CATALOG)  # their configs hold the fingerprints of what catalogs keep, and the judge
