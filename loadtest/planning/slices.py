"""How many photos a card, or each of its MIG slices, would answer: an estimate, since no GPU was at hand.

The work of each step is counted in its graph. What a card can do is its maker's figure; how much of that small networks
get is assumed, and can be said. The simulation of queues makes percentiles of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ensemble.contract import COARSE_SEGMENTATION, CROP, EMBEDDER, PREPROCESS, RELIEF_MAPPER, SEGMENTATION, ZOOM, Model
from ensemble.graph import Target
from ensemble.placement import placement
from loadtest.planning.simulation import Setup, capacity
from loadtest.planning.step_times import BATCHES, Step, Times
from loadtest.planning.work import Work
from loadtest.tables import number, table

STEPS: tuple[Model, ...] = (PREPROCESS, COARSE_SEGMENTATION, ZOOM, SEGMENTATION, CROP, EMBEDDER, RELIEF_MAPPER)
_MIB = 1 << 20


@dataclass(frozen=True)
class Card:
    """A GPU, by its maker's data sheet.

    Attributes:
        operations: of half precision with tensor cores, dense, per second.
        bandwidth: of its memory, bytes per second.
        memory: bytes.
        slices: MIG slices by their names: share of the compute, share of memory and bandwidth, how many fit.
    """

    name: str
    operations: float
    bandwidth: float
    memory: float
    slices: tuple[tuple[str, float, float, int], ...] = ()


_SEVENTHS = (("1g", 1 / 7, 1 / 8, 7), ("2g", 2 / 7, 2 / 8, 3), ("3g", 3 / 7, 4 / 8, 2))
CARDS = (
    Card("T4", 65e12, 320e9, 16e9),
    Card("L4", 121e12, 300e9, 24e9),
    Card("A100 40 GB", 312e12, 1555e9, 40e9, _SEVENTHS),
    Card("H100 80 GB", 989e12, 3350e9, 80e9, _SEVENTHS),
    Card("H200 141 GB", 989e12, 4800e9, 141e9, _SEVENTHS),
)


@dataclass(frozen=True)
class Assumed:
    """What is not measured.

    Attributes:
        compute: share of a card's operations that the networks reach.
        bandwidth: share of a card's bandwidth that they reach.
        fused: share of the graphs' operators that are left after TensorRT has put them together.
        launch: s from one operator to the next, whatever it does.
        photo_cores: s of a core for a photo outside the GPU: the wire, decoding that is not the GPU's, the search.
        cores: for each card, all its slices together.
        context: bytes of GPU memory for CUDA and TensorRT in each server.
        pool: bytes of Triton's own pool in each server.
        entry_bytes: of the index for each photo of the catalog.
        entries: photos of the catalog.
    """

    compute: float = 0.2
    bandwidth: float = 0.5
    fused: float = 0.4
    launch: float = 4e-6
    photo_cores: float = 4e-3
    cores: int = 16
    context: float = 600 * _MIB
    pool: float = 1024 * _MIB
    entry_bytes: float = 64 * 4 + 2048
    entries: int = 100_000


def server_bytes(works: Sequence[Work], assumed: Assumed, batch: int) -> float:
    """GPU memory of one server: weights, what engines work on at the largest batch, context, pool, index."""
    engines = sum(work.weights + 3 * batch * work.largest for work in works)
    return engines + assumed.context + assumed.pool + assumed.entries * assumed.entry_bytes


def times_of(works: Sequence[Work], card: Card, compute: float, share: float, cores: int, assumed: Assumed) -> Times:
    """The steps on a part of a card, as if they had been measured.

    Args:
        works: of the steps, in their order.
        card: the whole.
        compute: share of its compute.
        share: share of its bandwidth.
        cores: of the machine for this part.
        assumed: what is not measured.
    """
    return Times(cores, [_step(work, card, compute, share, assumed) for work in works], assumed.photo_cores, 1.0)


def _step(work: Work, card: Card, compute: float, share: float, assumed: Assumed) -> Step:
    def seconds(batch: int) -> float:
        computed = batch * work.operations / (card.operations * compute * assumed.compute)
        moved = (2 * assumed.fused * batch * work.moved + work.weights) / (card.bandwidth * share * assumed.bandwidth)
        return max(computed, moved) + assumed.fused * work.operators * assumed.launch

    placed = placement(next(step for step in STEPS if step.name == work.model), Target.GPU)
    by_size = {size: seconds(size) for size in BATCHES if size <= placed.max_batch}
    return Step(
        work.model, 1, placed.max_batch, True, by_size, dict.fromkeys(by_size, 0.0), dict.fromkeys(by_size, 0.1)
    )


def slices_text(works: Sequence[Work], assumed: Assumed, p95_ms: float, photos: int) -> str:
    """Photos per second of each card, whole and in slices, within a p95; and how many servers its memory holds."""
    batch = placement(STEPS[0], Target.GPU).max_batch
    needed = server_bytes(works, assumed, batch)
    rows = []
    for card in CARDS:
        for name, compute, share, fitting in (("whole", 1.0, 1.0, 1), *card.slices):
            memory = card.memory * share
            held = int(memory // needed)
            cores = max(1, assumed.cores // fitting)
            one = times_of(works, card, compute, share, cores, assumed)
            rate = capacity(Setup(one), p95_ms, photos) if held else 0.0
            alone = sum(step.seconds[1] for step in one.steps)
            rows.append(
                [
                    f"{card.name}, {name}",
                    str(fitting),
                    number(1e3 * alone),
                    number(rate),
                    number(fitting * rate),
                    str(held),
                ]
            )
    header = [
        "card",
        "servers",
        "GPU ms of one photo",
        f"photos/s each, p95 {p95_ms:g} ms",
        "together",
        "servers by memory",
    ]
    return "\n".join([*work_lines(works), "", *table(header, rows), "", *assumptions(assumed, needed)])


def work_lines(works: Sequence[Work]) -> list[str]:
    """The counted work as a table."""
    header = ["step, for one photo", "10^6 operations", "MB moved", "operators", "MB of weights"]
    rows = [
        [
            work.model,
            number(work.operations / 1e6),
            number(2 * work.moved / 1e6),
            str(work.operators),
            number(work.weights / 1e6),
        ]
        for work in works
    ]
    return table(header, rows)


def assumptions(assumed: Assumed, needed: float) -> list[str]:
    """What the estimate rests on, in words."""
    return [
        "Assumed, not measured:",
        f"- networks reach {assumed.compute:.0%} of the maker's operations, {assumed.bandwidth:.0%} of its bandwidth",
        f"- {assumed.fused:.0%} of the operators are left after fusion, {1e6 * assumed.launch:.0f} µs between two",
        f"- {1e3 * assumed.photo_cores:.0f} ms of a core for a photo, {assumed.cores} cores for a card",
        f"- a server takes {needed / 1e9:.1f} GB of GPU memory, with {assumed.entries:,} photos in its index",
        "- slices do not disturb one another",
    ]
