"""The pipeline as a graph: which model feeds which, and where and how each one runs on each target."""

from dataclasses import dataclass, field
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
    MAX_BATCH,
    MODELS,
    PREPROCESS,
    PYTHON_MODELS,
    SEARCH,
    SEGMENTATION,
    ZOOM,
    Model,
    Tensor,
)
from ensemble.cpu import REFERENCE, Cpu

# What runs, in order; a tensor travels from the model that makes it to all that take it, under its own name.
FIND_COIN = (DECODE, PREPROCESS, COARSE_SEGMENTATION, ZOOM, SEGMENTATION, CROP, EMBEDDER)

STEPS: dict[Model, tuple[Model, ...]] = {
    COIN_SEARCH: (*FIND_COIN, SEARCH),
    COIN_EMBEDDING: FIND_COIN,
    COIN_ENROLL: (*FIND_COIN, ENROLL),
}


class Target(Enum):
    """Where the repository runs; the value is Triton's `--model-config-name`, the default one has config.pbtxt."""

    GPU = "config"
    CPU = "cpu"
    RTX = "rtx"


def steps_of(model: Model, target: Target) -> tuple[Model, ...]:
    """What an ensemble consists of on a target; nothing where the model is no ensemble there.

    On a CPU one process takes a photo from the file to the embedding: there is no device to keep busy meanwhile, and a
    core that hands a photo on has to copy it and to wait for its next one. So COIN_EMBEDDING is a model of its own.
    """
    steps = STEPS.get(model, ())
    if target is not Target.CPU or not steps:
        return steps
    return () if model is COIN_EMBEDDING else (COIN_EMBEDDING, *(step for step in steps if step not in FIND_COIN))


@dataclass(frozen=True)
class Queue:
    """What waits in front of a model, and for how long: what is more is refused at once, with a clear error.

    Requests of priority 1 overtake those of priority 2, which is what a request without one has.
    """

    size: int  # requests of each priority
    timeout_us: int  # a request may ask for less, never for more


@dataclass(frozen=True)
class Profile:
    """Batch sizes that an engine is built for: smallest, the one it is tuned for, and largest."""

    smallest: int
    tuned: int
    largest: int


@dataclass(frozen=True)
class Placement:
    """How one model runs on one target."""

    backend: str
    kind: str  # of Triton's instance groups: KIND_GPU, KIND_CPU
    instances: int
    max_batch: int
    artifact: str = ""  # file in the version folder, where it is not the backend's default
    batching: bool = False  # dynamic batching
    preferred_batches: tuple[int, ...] = ()
    queue_delay_us: int = 0
    queue: Queue | None = None
    warmup_batches: tuple[int, ...] = ()  # run before the model counts as ready, so that no request pays for it
    cuda_graphs: bool = False  # replay what was recorded for the preferred batches instead of launching each kernel
    parameters: dict[str, str] = field(default_factory=dict)


CPU_MAX_BATCH = 1  # a CPU gains nothing from batches, and one core would work on many photos while others wait
NETWORKS = (COARSE_SEGMENTATION, SEGMENTATION, EMBEDDER)  # what may run in less than float32 throughout

PROFILE = Profile(1, 8, MAX_BATCH)
PREFERRED_BATCHES = (8, 16, MAX_BATCH)
QUEUE_DELAY_US = 500
# A GPU answers some hundred photos a second: what waits longer than two seconds has been given up by most clients.
QUEUE = Queue(size=4 * MAX_BATCH, timeout_us=2_000_000)
# A laptop answers a few a second; half a minute is what people wait who know that.
CPU_QUEUE = Queue(size=64, timeout_us=30_000_000)
# Photos wait before the first step, and are refused there before they have cost anything.
CPU_ADMISSION = Queue(size=32, timeout_us=30_000_000)


def placement(model: Model, target: Target, cpu: Cpu = REFERENCE) -> Placement:
    """How a model runs on a target.

    Args:
        model: one of the contract's models.
        target: where.
        cpu: what a server on CPUs may use.

    Raises:
        ValueError: the model is not in the contract.
    """
    if model not in MODELS:
        raise ValueError(f"{model.name} is not a model of the contract")
    max_batch = CPU_MAX_BATCH if target is Target.CPU else MAX_BATCH
    if steps_of(model, target):
        return Placement("ensemble", "", 0, max_batch)
    if model in PYTHON_MODELS:
        return _python(model, target, max_batch)
    if model is COIN_EMBEDDING:
        return _chain(cpu)
    if target is Target.CPU:
        return _openvino(model, cpu)
    return _engine(target)


def _engine(target: Target) -> Placement:
    """An engine of its own for each GPU: Triton puts one instance on every device that it sees."""
    rtx = target is Target.RTX
    return Placement(
        "tensorrt_rtx" if rtx else "tensorrt",
        "KIND_GPU",
        instances=1,
        max_batch=MAX_BATCH,
        artifact="model.plan",
        batching=True,
        preferred_batches=PREFERRED_BATCHES,
        queue_delay_us=QUEUE_DELAY_US,
        queue=QUEUE,
        warmup_batches=(1, *PREFERRED_BATCHES),
        cuda_graphs=not rtx,  # TensorRT-RTX records by itself
        # Triton's Python backend copies inputs to the host unless it is told not to.
        parameters={"FORCE_CPU_ONLY_INPUT_TENSORS": "no"} if rtx else {},
    )


def _python(model: Model, target: Target, max_batch: int) -> Placement:
    """A GPU decodes whole batches, the cores beside one photo by photo; what writes the catalog has one instance.

    Each instance of the search holds an index of its own, and Faiss allows no two searches at once in one of a GPU: so
    there is one, or one for each device.
    """
    queued = model in (DECODE, SEARCH)
    if target is Target.CPU and model is SEARCH:
        # No limits: COIN_EMBEDDING has them before it, and to a queue with limits Triton attends late.
        return Placement("python", "KIND_CPU", 1, max_batch, batching=True)
    queue = (CPU_QUEUE if target is Target.CPU else QUEUE) if queued else None
    if target is Target.GPU and model is DECODE:
        # Two: while one waits for the device, the other puts pictures on their canvases.
        return Placement("python", "KIND_GPU", 2, max_batch, batching=True, queue=queue)
    if target is Target.GPU and model is SEARCH:
        # Triton's Python backend copies inputs to the host unless it is told not to.
        in_place = {"FORCE_CPU_ONLY_INPUT_TENSORS": "no"}
        return Placement("python", "KIND_GPU", 1, max_batch, batching=True, queue=queue, parameters=in_place)
    instances = 8 if target is Target.RTX and model is DECODE else 1
    return Placement("python", "KIND_CPU", instances, max_batch, batching=queued, queue=queue)


def _chain(cpu: Cpu) -> Placement:
    """All steps of a photo in one process, a worker; one more worker than there are slots (`backends.slots`).

    The spare worker holds the next photo while it waits for a slot: Triton 2.51 is slow to refill a freed instance when
    its queue is limited and load is open-loop.
    """
    return Placement(
        "python",
        "KIND_CPU",
        cpu.workers,
        CPU_MAX_BATCH,
        batching=True,
        queue=CPU_ADMISSION,
        parameters=cpu.parameters,
    )


def _openvino(model: Model, cpu: Cpu) -> Placement:
    """A step, for those who ask for it alone."""
    return Placement(
        "openvino",
        "KIND_CPU",
        1,
        CPU_MAX_BATCH,
        artifact="model.onnx",
        batching=True,
        queue=CPU_QUEUE,
        parameters={
            **cpu.parameters,
            # The geometry stays in float32 but for the pictures; bfloat16 would move windows by whole pixels.
            "precision": "auto" if model in NETWORKS else "mixed",
        },
    )


def check_wiring(ensemble: Model, steps: tuple[Model, ...] | None = None) -> None:
    """Hold an ensemble's steps to the contract: every input is made before it is used, with the same type and shape.

    Args:
        ensemble: one of the contract's.
        steps: to check instead of the ensemble's own.

    Raises:
        ValueError: an input has no maker or comes in another shape, an output of the ensemble is never made, or a
            tensor is made twice.
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


SETTINGS_MODELS = (SEARCH, ENROLL, CATALOG)  # are told the embedding's fingerprint and the threshold
