"""The same photos three ways, to one server: over gRPC, posted to the gateway, and as frames of a camera."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from statistics import median

from tqdm import tqdm

from loadtest.browsers import Camera, Poster
from loadtest.generator import closed_loop, figures
from loadtest.host import connect
from server.gateway import Gateway, Web

DIRECT, POSTED, FRAMES = "gRPC", "POST", "frames"
WARM_UP = 5  # photos each way

Ask = Callable[[bytes], object]

# All load comes from one client, which none of these is to stop.
_UNLIMITED = ("--requests", "100000", "--request-burst", "100000", "--frames", "100000")
_AT_A_TIME = ("--in-flight", "64", "--sockets", "64", "--connections", "512")


@dataclass(frozen=True)
class Way:
    """Figures of one way.

    Attributes:
        name: DIRECT, POSTED or FRAMES.
        p50_ms: of one request at a time.
        added_ms: median of what each photo took longer than over gRPC.
        throughput: photos each second, of several callers.
    """

    name: str
    p50_ms: float
    added_ms: float
    throughput: float


@contextmanager
def gateway(url: str) -> Iterator[str]:
    """The URL of a gateway before a server, without limits that this load would meet."""
    with closing(Gateway(Web(port=0, more=(*_UNLIMITED, *_AT_A_TIME)), url)) as process:
        process.begin()
        process.wait()
        yield process.address


@contextmanager
def ways(url: str, address: str) -> Iterator[dict[str, Ask]]:
    """The three ways to ask; each may be used by many threads."""
    with ExitStack() as stack:
        client = stack.enter_context(connect(url))
        poster, camera = (stack.enter_context(closing(kind(address))) for kind in (Poster, Camera))
        yield {DIRECT: client.recognize, POSTED: poster.ask, FRAMES: camera.ask}


def in_turn(asks: Mapping[str, Ask], photos: Sequence[bytes], rounds: int) -> dict[str, list[float]]:
    """Ms of each photo, each way, one request at a time; the ways take turns."""
    taken: dict[str, list[float]] = {name: [] for name in asks}
    for number in tqdm(range(WARM_UP + rounds), desc="one at a time", unit="photo", leave=False):
        for name, ask in asks.items():
            start = time.perf_counter()
            ask(photos[number % len(photos)])
            taken[name].append(1e3 * (time.perf_counter() - start))
    return {name: one[WARM_UP:] for name, one in taken.items()}


def throughputs(
    asks: Mapping[str, Ask], photos: Sequence[bytes], callers: int, seconds: float, rounds: int
) -> dict[str, float]:
    """Photos each second, each way, the median of the rounds; the ways take turns."""
    found: dict[str, list[float]] = {name: [] for name in asks}
    for _ in tqdm(range(rounds), desc="several at a time", unit="round", leave=False):
        for name, ask in asks.items():
            start = time.perf_counter()
            samples = closed_loop(ask, photos, callers, seconds)
            result = figures(samples, time.perf_counter() - start)
            if result.failures:
                raise ValueError(f"{name}: not all photos were answered: {result.failures}")
            found[name].append(result.throughput)
    return {name: median(one) for name, one in found.items()}


def summary(taken: Mapping[str, Sequence[float]], through: Mapping[str, float]) -> list[Way]:
    """The figures of each way."""
    direct = taken[DIRECT]
    return [
        Way(name, median(one), median(a - b for a, b in zip(one, direct, strict=True)), through[name])
        for name, one in taken.items()
    ]


def shares(address: str, photos: Sequence[bytes], phones: int, seconds: float) -> list[float]:
    """The share of the frames that each of some phones had answered, all of them sending as fast as they can."""

    def phone(_: int) -> int:
        with closing(Camera(address)) as camera:
            return len([one for one in closed_loop(camera.ask, photos, 1, seconds) if not one.failure])

    with ThreadPoolExecutor(phones) as pool:
        answered = list(pool.map(phone, range(phones)))
    return [one / max(1, sum(answered)) for one in answered]
