"""What `check_gpu.py` finds, as figures and as tables."""

from dataclasses import dataclass

BATCHES = (1, 8, 32)

# Largest absolute difference to the CPU per output, both given the same inputs. Pictures are in units of normalized
# colour (one grey level is 0.017), windows and ellipses in pixels and degrees.
TOLERANCE = {
    "window": 1e-2,
    "coarse_image": 1e-2,
    "coarse_mask": 6e-2,
    "zoom_window": 0.1,
    "image": 2e-2,
    "mask": 6e-2,
    "coin": 5e-2,
    "ellipse": 0.1,
    "coin_probability": 2e-2,
    "found": 0.0,
    "cut_off": 2e-2,
    "embedding": 1e-2,
    "relief": 1e-2,
}


@dataclass(frozen=True)
class Parity:
    """Largest absolute difference of one output between GPU and CPU, over all photos."""

    step: str
    output: str
    difference: float

    @property
    def holds(self) -> bool:
        """Whether it is within the tolerance."""
        return self.difference <= TOLERANCE[self.output]


@dataclass(frozen=True)
class EngineSpeed:
    """One engine alone, tensors on the GPU."""

    model: str
    batch: int
    per_second: float  # pictures


@dataclass(frozen=True)
class ServerSpeed:
    """The whole pipeline through the server, with `concurrency` requests under way at any time."""

    concurrency: int
    per_second: float  # photos
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Report:
    """All figures of one machine."""

    device: str
    runtime: str
    parity: list[Parity]
    engines: list[EngineSpeed]
    served: list[ServerSpeed]

    @property
    def limit(self) -> float:
        """Photos a second that the slowest engine alone allows."""
        best = {speed.model: 0.0 for speed in self.engines}
        for speed in self.engines:
            best[speed.model] = max(best[speed.model], speed.per_second)
        return min(best.values())

    @property
    def share(self) -> float:
        """Throughput of the server as a share of that limit."""
        return max(speed.per_second for speed in self.served) / self.limit

    def markdown(self) -> str:
        """The report as three tables."""
        parity = [
            f"| {row.step} | {row.output} | {row.difference:.1e} | {TOLERANCE[row.output]:.0e} |" for row in self.parity
        ]
        models = sorted({speed.model for speed in self.engines})
        rates = {(speed.model, speed.batch): f"{speed.per_second:.0f}" for speed in self.engines}
        speeds = [f"| {name} | {' | '.join(rates[name, batch] for batch in BATCHES)} |" for name in models]
        load = [
            f"| {row.concurrency} | {row.per_second:.1f} | {row.p50_ms:.1f} | {row.p95_ms:.1f} | {row.p99_ms:.1f} |"
            for row in self.served
        ]
        return "\n".join(
            [
                f"{self.device}, {self.runtime}.",
                "",
                "| step | output | largest difference to the CPU | tolerance |",
                "| --- | --- | --- | --- |",
                *parity,
                "",
                f"| engine, pictures a second at batch | {' | '.join(map(str, BATCHES))} |",
                f"| --- |{' --- |' * len(BATCHES)}",
                *speeds,
                "",
                "| concurrency | photos a second | p50 ms | p95 ms | p99 ms |",
                "| --- | --- | --- | --- | --- |",
                *load,
                "",
                f"Served throughput is {self.share:.2f} of what the slowest engine alone allows "
                f"({self.limit:.0f} photos a second).",
                "",
            ]
        )
