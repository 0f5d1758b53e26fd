"""The side-by-side run: start all contenders, check that they answer the same, load them in rounds."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from ensemble.graph import Target
from loadtest.compare.contenders.bare import Bare
from loadtest.compare.contenders.base import Contender, difference
from loadtest.compare.contenders.release import Release
from loadtest.compare.contenders.triton import Ensemble, Separate
from loadtest.compare.contenders.web_server import ContenderError, Web
from loadtest.compare.figures import Run
from loadtest.generator import figures
from loadtest.host import Host
from loadtest.processes import PeakMemory, ProcessTree

PYTORCH, PYTORCH_TUNED, ONNX = "fastapi + pytorch", "fastapi + pytorch, tuned", "fastapi + onnx"
OPENVINO = "fastapi + openvino"
WARM_UP = 2.0  # s of load on every contender before the rounds


def contenders(
    there: Host, cores: int, target: Target, release: Path | None = None
) -> dict[str, Callable[[], Contender]]:
    """How to start each contender, by name, the reference first.

    Contenders that do without Mintmark's server need its catalog's folder.

    Args:
        there: the server.
        cores: of the machine.
        target: of the servers.
        release: another checkout of Mintmark that takes part.
    """
    if there.catalog is None:
        return {Ensemble.name: lambda: Ensemble(there), Separate.name: lambda: Separate(there.url, there.tree)}
    catalog = there.catalog

    def web(name: str, module: str, *more: str) -> Callable[[], Contender]:
        return lambda: Web(name, f"loadtest.compare.contenders.{module}", ["--catalog", str(catalog), *more])

    other: dict[str, Callable[[], Contender]] = {}
    if release is not None:
        folder = release
        other[Release.name] = lambda: Release(folder, catalog)
    count = str(cores)
    return {
        Ensemble.name: lambda: Ensemble(there),
        Separate.name: lambda: Separate.with_server(catalog, target),
        Bare.name: lambda: Bare(catalog, cores),
        OPENVINO: web(OPENVINO, "openvino_app", "--processes", count),
        PYTORCH: web(PYTORCH, "pytorch_app", "--threads", count),
        PYTORCH_TUNED: web(PYTORCH_TUNED, "pytorch_app", "--threads", "1", "--bfloat16", "--at-once", count),
        ONNX: web(ONNX, "onnx_app", "--threads", count),
        **other,
    }


@contextlib.contextmanager
def started(makers: Sequence[Callable[[], Contender]]) -> Iterator[list[Contender]]:
    """The contenders, running."""
    with contextlib.ExitStack() as stack:
        running = []
        for make in tqdm(makers, desc="starting", unit="contender", leave=False):
            running.append(make())
            stack.callback(running[-1].close)
        yield running


def check_answers(running: Sequence[Contender], photos: Sequence[bytes]) -> None:
    """Ask every contender about the same photos.

    Raises:
        ContenderError: one answers otherwise than the first.
    """
    for number, photo in enumerate(photos):
        expected = running[0].answer(photo)
        for contender in running[1:]:
            if problem := difference(expected, contender.answer(photo)):
                raise ContenderError(f"photo {number}: {running[0].name} and {contender.name}: {problem}")


def run_rounds(
    running: Sequence[Contender], photos: Sequence[bytes], concurrencies: Sequence[int], rounds: int, seconds: float
) -> list[Run]:
    """Load every contender at every concurrency in every round."""
    for contender in running:
        contender.load(photos, max(concurrencies), WARM_UP)
    runs = []
    plan = [
        (number, concurrency, running[(number + turn) % len(running)])
        for number in range(rounds)
        for concurrency in concurrencies
        for turn in range(len(running))
    ]
    for number, concurrency, contender in tqdm(plan, desc="measuring", unit="run"):
        runs.append(measure(contender, photos, concurrency, seconds, number))
    return runs


def measure(contender: Contender, photos: Sequence[bytes], concurrency: int, seconds: float, number: int) -> Run:
    """Load a contender in the round of this number, and take its figures."""
    tree = contender.tree
    before = _cpu_seconds(tree)
    start = time.perf_counter()
    with PeakMemory(tree) as memory:
        samples = contender.load(photos, concurrency, seconds)
        elapsed = time.perf_counter() - start
    used = _cpu_seconds(tree) - before
    result = figures(samples, elapsed)
    return Run(
        contender.name,
        concurrency,
        number,
        result.throughput,
        result.p50_ms,
        result.p95_ms,
        result.p99_ms,
        used / max(result.answered, 1),
        memory.bytes / 2**20 if tree else float("nan"),
        result.failures,
    )


def _cpu_seconds(tree: ProcessTree | None) -> float:
    """CPU time of a contender's processes and of this process, which asks it; NaN where the former are not given."""
    return time.process_time() + (tree.cpu_seconds() if tree else float("nan"))
