"""Each model's share of a photo's latency, out of two readings of a server's counters."""

from collections.abc import Mapping
from dataclasses import dataclass

from backends.step_times import PHOTOS, WAIT
from ensemble.contract import COIN_EMBEDDING
from ensemble.graph import STEPS
from loadtest.counters import PARTS, Counts, Inside, Routes, added
from loadtest.tables import number, table

LABELS = ("queue", "input", "compute", "output")  # of PARTS
CHAIN = COIN_EMBEDDING.name  # the model that runs steps inside, where it is no ensemble


@dataclass(frozen=True)
class Share:
    """One model's share of a photo's latency; times in ms per photo."""

    model: str
    calls: float  # per photo
    batch: float  # mean size
    queue: float
    compute_input: float
    compute_infer: float
    compute_output: float
    busy: float  # executions under way, mean

    @property
    def total(self) -> float:
        """All four parts, ms per photo."""
        return self.queue + self.compute_input + self.compute_infer + self.compute_output


@dataclass(frozen=True)
class Reading:
    """A server's counters at some time."""

    at: float  # s
    counts: Counts
    inside: Inside  # of CHAIN, {} where it does not tell


@dataclass(frozen=True)
class Breakdown:
    """What a server did for some time."""

    seconds: float
    photos: int  # answered to clients
    latency: float  # of those in the server, mean, ms
    shares: list[Share]
    inside: dict[str, float]  # ms per photo of each step inside CHAIN; {} where they are not told
    metrics: str = ""  # HOST:PORT that was asked about those

    @property
    def between(self) -> float:
        """What the ensembles take beside their models: handing tensors on, ms per photo.

        Below zero where a photo's next model begins while its last one's execution is still being closed.
        """
        return self.latency - sum(share.total for share in self.shares)

    def text(self) -> str:
        """The table."""
        rows = [row for share in self.shares for row in (_row(share), *self._rows_inside(share))]
        rows.append(["between the models", *[""] * 6, f"{self.between:.2f}", ""])
        rows.append(["latency in the server", *[""] * 6, f"{self.latency:.2f}", ""])
        header = ["ms per photo", "calls", "batch", *LABELS, "sum", "busy"]
        rate = f"{self.photos} photos in {self.seconds:.0f} s"
        return "\n".join([rate, *table(header, rows)])

    def parts_inside(self, share: Share) -> dict[str, float]:
        """What a model's compute time consists of, ms per photo, in order; {} where it is one thing, or not told."""
        if share.model != CHAIN or not self.inside:
            return {}
        return self.inside | {"the rest": share.compute_infer - sum(self.inside.values())}

    def _rows_inside(self, share: Share) -> list[list[str]]:
        if share.model == CHAIN and not self.inside:
            return [[f"  of which: not told by {self.metrics}", *[""] * 8]]
        parts = self.parts_inside(share).items()
        return [[f"  of which {name}", *[""] * 4, f"{ms:.2f}", *[""] * 3] for name, ms in parts]


def _row(share: Share) -> list[str]:
    counts = map(number, (share.calls, share.batch))
    parts = (f"{getattr(share, part):.2f}" for part in PARTS)
    return [share.model, *counts, *parts, f"{share.total:.2f}", f"{share.busy:.2f}"]


def between(before: Reading, after: Reading, routes: Routes, metrics: str = "") -> Breakdown:
    """What happened between two readings of a server that takes photos these routes.

    Raises:
        ValueError: clients were answered nothing in between.
    """
    seconds = after.at - before.at
    done = {name: added(before.counts.get(name, {}), counts) for name, counts in after.counts.items()}
    photos, latency_ns = _answered(done, routes)
    if not photos:
        raise ValueError("no ensemble has answered a photo meanwhile: there is nothing to break down")
    used = [name for name in dict.fromkeys(sum(routes.values(), ())) if done.get(name, {}).get("requests")]
    shares = [_share(name, done[name], photos, seconds) for name in used]
    inside = _inside(added(before.inside, after.inside), done.get(CHAIN, {}).get("requests", 0) / photos)
    return Breakdown(seconds, photos, latency_ns / photos / 1e6, shares, inside, metrics)


def _answered(done: Mapping[str, Mapping[str, float]], routes: Routes) -> tuple[int, float]:
    """Photos answered to clients, and their latencies in the server, sum, ns.

    A model that clients and ensembles ask for counts both: what is not the ensembles' is the clients', and is taken to
    have lasted as long.
    """
    pictures = {name: done.get(name, {}).get("pictures", 0) for name in routes}
    photos, latency_ns = 0.0, 0.0
    for name in routes:
        passing = sum(pictures[other] for other, route in routes.items() if other != name and name in route)
        if (own := pictures[name] - passing) > 0:
            photos += own
            latency_ns += done[name]["success ns"] * own / pictures[name]
    return round(photos), latency_ns


def _share(name: str, counts: Mapping[str, float], photos: int, seconds: float) -> Share:
    return Share(
        name,
        calls=counts["requests"] / photos,
        batch=counts["pictures"] / max(counts["executions"], 1),
        busy=counts["busy ns"] / 1e9 / seconds,
        **{part: counts[f"{part} ns"] / photos / 1e6 for part in PARTS},
    )


def _inside(done: Mapping[str, float], calls: float) -> dict[str, float]:
    """Each step's ms per photo that clients were answered, where the chain had so many calls for each of those.

    The process passes its sums on now and then, so they are those of other photos than Triton's, by a few.
    """
    photos = done.get(PHOTOS, 0)
    if not photos:
        return {}
    names = (WAIT, *(step.name for step in STEPS[COIN_EMBEDDING]))
    return {name: 1e3 * calls * done.get(name, 0.0) / photos for name in names}
