"""Everything about a GPU machine in one command: engines, parity with the CPU, speed of each engine and of the server.

    python build/check_gpu.py [--flavor tensorrt_rtx] [--photos FOLDER] [--json FILE] [--markdown FILE]

Builds the engines that are missing, runs real photos through every step on the GPU and on the CPU, measures each engine
alone at several batch sizes, then starts a server and loads it at several concurrencies. In the container,
where Triton runs on its own, `--url HOST:PORT` names the server to load. Without photos, rendered coins are used.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import _project  # noqa: F401  before the project's packages
import numpy as np
from build_engines import Engines
from engine_builder import BuildError, Flavor, load_flavor
from gpu_report import BATCHES, EngineSpeed, Parity, Report, ServerSpeed
from tqdm import tqdm

from backends.openvino.opening import open_session
from backends.tensorrt_rtx.device import CudaDevice, DeviceError
from backends.tensorrt_rtx.session import DTYPES, EngineError, EngineSession, load_context
from ensemble.chain import Arrays, Chain, Runner
from ensemble.contract import COMPUTE_MODELS, Model
from ensemble.cpu import Cpu
from ensemble.graph import FIND_COIN, Target
from ensemble.places import MODEL_REPOSITORY
from ensemble.stamp import StampError
from mintmark import Client
from server.embedded import EmbeddedServer
from server.wheel import ServerError
from training.mint.collection import write_collection

CONCURRENCIES = (1, 4, 16, 64)
RENDERED = 16  # coins, where no photos are given
PHOTO_SIZE = 1600  # px of theirs, longer side
SECONDS = 5.0  # of load at each concurrency, and of inferences at each batch size


class Compared:
    """A step on the GPU beside the same step on the CPU. The CPU's answer goes on, so differences do not add up."""

    def __init__(self, model: Model, exact: Runner, session: EngineSession) -> None:
        self._model, self._exact, self._session = model, exact, session
        self.largest = dict.fromkeys((tensor.name for tensor in model.outputs), 0.0)

    def __call__(self, inputs: Arrays, threads: int | None) -> Arrays:
        """Both answers to one picture."""
        expected, answer = self._exact(inputs, threads), self._session.run([inputs])[0]
        for name, array in expected.items():
            found = self._session.device.to_host(answer[name])
            self.largest[name] = max(self.largest[name], float(np.abs(found - array).max()))
        return expected


def check_parity(
    photos: Sequence[bytes], sessions: dict[Model, EngineSession], exact: Callable[[Model], Runner]
) -> list[Parity]:
    """Run photos through every step on both."""
    pairs = {model: Compared(model, exact(model), session) for model, session in sessions.items()}
    chain = Chain(FIND_COIN, pairs.__getitem__)
    for photo in tqdm(photos, desc="parity", unit="photo"):
        chain.run(photo)
    return [
        Parity(model.name, name, largest) for model, pair in pairs.items() for name, largest in pair.largest.items()
    ]


def engine_speed(model: Model, session: EngineSession, batch: int, seconds: float) -> EngineSpeed:
    """Run one engine again and again for some time."""
    feed = {tensor.name: session.device.empty((batch, *tensor.dims), DTYPES[tensor.dtype]) for tensor in model.inputs}
    for _ in range(3):  # the first compiles kernels, the second records the graph
        session.run([feed])
    start, count = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds:
        session.run([feed])
        count += 1
    return EngineSpeed(model.name, batch, count * batch / elapsed)


def server_speed(
    ask: Callable[[bytes], object], photos: Sequence[bytes], concurrency: int, seconds: float
) -> ServerSpeed:
    """A closed loop of `concurrency` callers: each sends its next photo when its last one is answered."""
    stop = time.perf_counter() + seconds

    def caller(number: int) -> list[float]:
        times: list[float] = []
        while (start := time.perf_counter()) < stop:
            ask(photos[(number + len(times)) % len(photos)])
            times.append(time.perf_counter() - start)
        return times

    begin = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        times = [each for caller_times in pool.map(caller, range(concurrency)) for each in caller_times]
    p50, p95, p99 = (float(1000 * np.percentile(times, q)) for q in (50, 95, 99))
    return ServerSpeed(concurrency, len(times) / (time.perf_counter() - begin), p50, p95, p99)


@contextmanager
def server(url: str | None) -> Iterator[str]:
    """The address of the server to load: the given one, or of a server that is started on the target `rtx`."""
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder), target=Target.RTX) as started:
        yield started.url


def load_server(url: str | None, photos: Sequence[bytes]) -> list[ServerSpeed]:
    """Throughput and latency at every concurrency."""
    with server(url) as address, Client(address) as client:
        client.recognize(photos[0])
        counts = tqdm(CONCURRENCIES, desc="serving")
        return [server_speed(client.recognize, photos, count, SECONDS) for count in counts]


def open_sessions(engines: Engines, flavor: Flavor, device: CudaDevice) -> dict[Model, EngineSession]:
    """Every engine on the GPU."""
    record = flavor.name == "tensorrt_rtx"
    return {
        model: EngineSession(model, load_context(flavor.trt, engines.path(model), record), device)
        for model in COMPUTE_MODELS
    }


def open_graph(model: Model) -> Runner:
    """A model's own graph on the CPU, geometry included."""
    session = open_session(model, Cpu(1, 1))
    return lambda inputs, threads: session.run([inputs], threads)[0]


def examine(flavor: Flavor, engines: Engines, folder: Path | None, url: str | None) -> Report:
    """Build, compare, measure.

    Raises:
        BuildError, StampError, DeviceError, EngineError, ServerError: what stopped it.
    """
    for model in COMPUTE_MODELS:
        print(f"{model.name}: {engines.ensure(model, flavor)}", file=sys.stderr, flush=True)
    device, photos = CudaDevice(0), read_photos(folder)
    sessions = open_sessions(engines, flavor, device)
    parity = check_parity(photos, sessions, open_graph)
    runs = tqdm([(model, batch) for model in COMPUTE_MODELS for batch in BATCHES], desc="engines")
    speeds = [engine_speed(model, sessions[model], batch, SECONDS) for model, batch in runs]
    del sessions  # their memory is the server's now
    return Report(device.name, f"{flavor.name} {flavor.version}", parity, speeds, load_server(url, photos))


def read_photos(folder: Path | None) -> list[bytes]:
    """The photos of a folder, or rendered coins.

    Raises:
        OSError: there is no such folder.
    """
    if folder is None:
        with tempfile.TemporaryDirectory() as rendered:
            write_collection(Path(rendered), RENDERED, seed=0, size=PHOTO_SIZE, queries=1, workers=1)
            return read_photos(Path(rendered))
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in (".jpg", ".jpeg", ".png")]
    if not found:
        raise FileNotFoundError(f"{folder} holds no JPEG or PNG files")
    return [path.read_bytes() for path in found]


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 if something stops it or the GPU's answers are not the CPU's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flavor", choices=("tensorrt", "tensorrt_rtx"), default="tensorrt", help="(%(default)s)")
    parser.add_argument("--repository", type=Path, default=MODEL_REPOSITORY, help="(%(default)s)")
    parser.add_argument("--cache", type=Path, help="folder that keeps every engine that was built")
    parser.add_argument("--photos", type=Path, help="folder of photos; without it, rendered coins")
    parser.add_argument("--url", help="a server to load; without it, one is started on the target rtx")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--markdown", type=Path, help="write the tables here")
    options = parser.parse_args(argv)
    try:
        engines = Engines(options.repository, options.cache)
        report = examine(load_flavor(options.flavor), engines, options.photos, options.url)
    except (BuildError, StampError, DeviceError, EngineError, ServerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(report.markdown())
    if options.json:
        figures: dict[str, Any] = asdict(report) | {"limit": report.limit, "share": report.share}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if options.markdown:
        options.markdown.write_text(report.markdown())
    return 0 if all(row.holds for row in report.parity) else 1


if __name__ == "__main__":
    sys.exit(main())
