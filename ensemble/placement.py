"""Where and how each model runs on each target: backend, instances, batches, queues."""

from dataclasses import dataclass, field

from ensemble.contract import (
    COARSE_SEGMENTATION,
    COIN_EMBEDDING,
    COIN_SEARCH_ALL,
    CROP,
    DECODE,
    EMBEDDER,
    MAX_BATCH,
    MODELS,
    PREPROCESS,
    PYTHON_MODELS,
    SEARCH,
    SEGMENTATION,
    ZOOM,
    Model,
)
from ensemble.cpu import REFERENCE, Cpu
from ensemble.graph import Target, steps_of
from ensemble.places import GRAPH


@dataclass(frozen=True)
class Queue:
    """How many requests may wait for a model, and for how long. More are refused at once, with a clear error.

    Requests of priority 1 overtake those of priority 2. A request that names no priority has 2. The server's gate lets
    nobody name one without a right to it.
    """

    size: int  # requests of each priority
    timeout_us: int  # a request may set a shorter one, not a longer one


@dataclass(frozen=True)
class Profile:
    """Batch sizes that an engine is built for: the smallest, the one that it is tuned for, the largest."""

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
    artifact: str = ""  # file in the version folder; '' is the backend's default
    batching: bool = False  # dynamic batching
    preferred_batches: tuple[int, ...] = ()
    queue_delay_us: int = 0
    queue: Queue | None = None
    warmup_batches: tuple[int, ...] = ()  # run before the model is ready, so that no request is slowed by them
    cuda_graphs: bool = False  # record the preferred batches once and replay them, instead of launching each kernel
    parameters: dict[str, str] = field(default_factory=dict)


CPU_MAX_BATCH = 1  # a CPU gains nothing from batches: one core would compute many photos while other cores wait
CPU_ROWS = 8  # of a step alone: all coins of a photo are asked for in few messages
NETWORKS = (COARSE_SEGMENTATION, SEGMENTATION, EMBEDDER)  # may run entirely in less than float32
GEOMETRY = (PREPROCESS, ZOOM, CROP)  # on CPUs there is something faster for them than their graphs

PROFILE = Profile(1, 8, MAX_BATCH)
PREFERRED_BATCHES = (8, 16, MAX_BATCH)
QUEUE_DELAY_US = 500
# A GPU answers some hundred photos a second. After two seconds most clients have given up.
QUEUE = Queue(size=4 * MAX_BATCH, timeout_us=2_000_000)
# A laptop answers a few photos a second. People who know that wait half a minute.
CPU_QUEUE = Queue(size=64, timeout_us=30_000_000)
# Photos wait before the first step, where refusing one costs nothing.
CPU_ADMISSION = Queue(size=32, timeout_us=30_000_000)


def placement(model: Model, target: Target, cpu: Cpu = REFERENCE) -> Placement:
    """How a model runs on a target.

    Args:
        model: of the contract.
        target: where it runs.
        cpu: cores and slots of a server on CPUs.

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
        return _step(model, cpu)
    return _engine(target)


def _engine(target: Target) -> Placement:
    """One engine per GPU: Triton makes one instance on every device that it sees."""
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
        # Otherwise Triton's Python backend copies inputs to the host.
        parameters={"FORCE_CPU_ONLY_INPUT_TENSORS": "no"} if rtx else {},
    )


def _python(model: Model, target: Target, max_batch: int) -> Placement:
    """GPUs decode whole batches, CPUs photo by photo. Models that write the catalog have one instance.

    Every instance of `search` holds an index of its own, and a Faiss index on a GPU allows one search at a time. So
    there is one instance, or one per GPU.
    """
    queued = model in (DECODE, SEARCH, COIN_SEARCH_ALL)
    if target is Target.CPU and model is SEARCH:
        # Its queue is not limited: that of COIN_EMBEDDING comes first, and Triton is slow to look at limited queues.
        return Placement("python", "KIND_CPU", 1, max_batch, batching=True)
    queue = (CPU_QUEUE if target is Target.CPU else QUEUE) if queued else None
    if model is COIN_SEARCH_ALL:
        # Two instances: a photo of few coins need not wait for one of many.
        rows = {"rows": str(CPU_ROWS if target is Target.CPU else MAX_BATCH), "searched_rows": str(max_batch)}
        return Placement("python", "KIND_CPU", 2, max_batch, batching=True, queue=queue, parameters=rows)
    if target is Target.GPU and model is DECODE:
        # Two instances: while one waits for the device, the other puts pictures on their canvases.
        return Placement("python", "KIND_GPU", 2, max_batch, batching=True, queue=queue)
    if target is Target.GPU and model is SEARCH:
        # Otherwise Triton's Python backend copies inputs to the host.
        in_place = {"FORCE_CPU_ONLY_INPUT_TENSORS": "no"}
        return Placement("python", "KIND_GPU", 1, max_batch, batching=True, queue=queue, parameters=in_place)
    instances = 8 if target is Target.RTX and model is DECODE else 1
    return Placement("python", "KIND_CPU", instances, max_batch, batching=queued, queue=queue)


def _chain(cpu: Cpu) -> Placement:
    """Workers, each of which takes a photo through all steps: one per slot, and a spare one (backends/slots.py).

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


def most_photos(cpu: Cpu) -> int:
    """How many photos a server on CPUs has under way: waiting for a worker, or in work."""
    return CPU_ADMISSION.size + cpu.workers


def precision(model: Model) -> str:
    """In which precision a CPU computes a graph, see backends/openvino/session.py."""
    return "auto" if model in NETWORKS else "f32"


def _step(model: Model, cpu: Cpu) -> Placement:
    """A single step, for clients that ask for it alone."""
    network = model not in GEOMETRY
    return Placement(
        "openvino" if network else "opencv",
        "KIND_CPU",
        1,
        CPU_ROWS,
        artifact=GRAPH if network else "",
        batching=True,
        queue=CPU_QUEUE,
        parameters={**cpu.parameters, **({"precision": precision(model)} if network else {})},
    )
