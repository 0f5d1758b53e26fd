"""The time of a photo by model and by step, from two readings of a server's counters."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from backends.step_times import PHOTOS, WAIT
from ensemble.contract import COIN_EMBEDDING
from ensemble.graph import STEPS
from loadtest.counters import PARTS, Counts, Inside, Routes, added, read_counts, read_inside, read_routes
from loadtest.tables import number, table

LABELS = ("queue", "input", "compute", "output")  # of PARTS
CHAIN = COIN_EMBEDDING.name  # the model that runs steps inside, where it is no ensemble


@dataclass(frozen=True)
class ModelTime:
    """One model's part of a photo's latency; times in ms per photo."""

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
        """Sum of the four parts, ms per photo."""
        return self.queue + self.compute_input + self.compute_infer + self.compute_output


@dataclass(frozen=True)
class Reading:
    """A server's counters at some time."""

    at: float  # s
    counts: Counts
    inside: Inside  # of CHAIN; {} where the server does not report it


@dataclass(frozen=True)
class Breakdown:
    """What a server did for some time."""

    seconds: float
    photos: int  # answered to clients
    latency: float  # of these photos in the server, mean, ms
    models: list[ModelTime]
    inside: dict[str, float]  # ms per photo of each step inside CHAIN; {} where the server does not report them
    metrics: str = ""  # HOST:PORT that was asked for `inside`

    @property
    def between(self) -> float:
        """Time of the ensembles outside their models, where tensors are handed on; ms per photo.

        It is negative where a photo's next model begins before Triton has closed the last one's execution.
        """
        return self.latency - sum(each.total for each in self.models)

    def text(self) -> str:
        """The table."""
        rows = [row for each in self.models for row in (_row(each), *self._rows_inside(each))]
        rows.append(["between the models", *[""] * 6, f"{self.between:.2f}", ""])
        rows.append(["latency in the server", *[""] * 6, f"{self.latency:.2f}", ""])
        header = ["ms per photo", "calls", "batch", *LABELS, "sum", "busy"]
        rate = f"{self.photos} photos in {self.seconds:.0f} s"
        return "\n".join([rate, *table(header, rows)])

    def parts_inside(self, model: ModelTime) -> dict[str, float]:
        """The steps of a model's compute time in order, ms per photo; {} where it has none or they are not reported."""
        if model.model != CHAIN or not self.inside:
            return {}
        return self.inside | {"the rest": model.compute_infer - sum(self.inside.values())}

    def _rows_inside(self, model: ModelTime) -> list[list[str]]:
        if model.model == CHAIN and not self.inside:
            return [[f"  of which: not reported by {self.metrics}", *[""] * 8]]
        parts = self.parts_inside(model).items()
        return [[f"  of which {name}", *[""] * 4, f"{ms:.2f}", *[""] * 3] for name, ms in parts]


def _row(model: ModelTime) -> list[str]:
    counts = map(number, (model.calls, model.batch))
    parts = (f"{getattr(model, part):.2f}" for part in PARTS)
    return [model.model, *counts, *parts, f"{model.total:.2f}", f"{model.busy:.2f}"]


class Watch:
    """Reads a server's counters when a load begins and when it ends.

    Args:
        url: HOST:PORT of the server's gRPC port.
        metrics: HOST:PORT of its metrics; where this port does not answer, the steps inside a model are left out.

    Raises:
        InferenceServerException: the server does not answer.
    """

    def __init__(self, url: str, metrics: str) -> None:
        self._url, self._metrics = url, metrics
        self._routes, self._before = read_routes(url), self._read()

    def _read(self) -> Reading:
        return Reading(time.perf_counter(), read_counts(self._url), self._inside())

    def _inside(self) -> Inside:
        try:
            return read_inside(self._metrics)
        except OSError:
            return {}

    def finish(self) -> Breakdown:
        """What the server has done since; ValueError where it has answered no photo."""
        return break_down(self._before, self._read(), self._routes, self._metrics)


def break_down(before: Reading, after: Reading, routes: Routes, metrics: str = "") -> Breakdown:
    """What a server with these routes did between two readings.

    Raises:
        ValueError: it answered no photo in between.
    """
    seconds = after.at - before.at
    done = {name: added(before.counts.get(name, {}), counts) for name, counts in after.counts.items()}
    photos, latency_ns = _answered(done, routes)
    if not photos:
        raise ValueError("no ensemble has answered a photo meanwhile: there is nothing to break down")
    used = [name for name in dict.fromkeys(sum(routes.values(), ())) if done.get(name, {}).get("requests")]
    models = [_model_time(name, done[name], photos, seconds) for name in used]
    inside = _inside(added(before.inside, after.inside), done.get(CHAIN, {}).get("requests", 0) / photos)
    return Breakdown(seconds, photos, latency_ns / photos / 1e6, models, inside, metrics)


def _answered(done: Mapping[str, Mapping[str, float]], routes: Routes) -> tuple[int, float]:
    """The number of photos answered to clients, and the sum of their latencies in the server, ns.

    Both clients and ensembles may ask for one model, and its counters hold both. The requests that no ensemble made are
    the clients', and their mean latency is taken to be the same.
    """
    pictures = {name: done.get(name, {}).get("pictures", 0) for name in routes}
    photos, latency_ns = 0.0, 0.0
    for name in routes:
        passing = sum(pictures[other] for other, route in routes.items() if other != name and name in route)
        if (own := pictures[name] - passing) > 0:
            photos += own
            latency_ns += done[name]["success ns"] * own / pictures[name]
    return round(photos), latency_ns


def _model_time(name: str, counts: Mapping[str, float], photos: int, seconds: float) -> ModelTime:
    return ModelTime(
        name,
        calls=counts["requests"] / photos,
        batch=counts["pictures"] / max(counts["executions"], 1),
        busy=counts["busy ns"] / 1e9 / seconds,
        **{part: counts[f"{part} ns"] / photos / 1e6 for part in PARTS},
    )


def _inside(done: Mapping[str, float], calls: float) -> dict[str, float]:
    """Time of each step, ms per photo answered to clients.

    CHAIN reports sums now and then. So these photos differ by a few from those that Triton has counted.

    Args:
        done: growth of CHAIN's own counters.
        calls: requests to CHAIN per photo answered to clients.
    """
    photos = done.get(PHOTOS, 0)
    if not photos:
        return {}
    names = (WAIT, *(step.name for step in STEPS[COIN_EMBEDDING]))
    return {name: 1e3 * calls * done.get(name, 0.0) / photos for name in names}
