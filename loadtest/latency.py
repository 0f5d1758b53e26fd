"""Latency of one served request beside the bare times of its steps, measured in turn in one run.

    python -m loadtest.latency [PHOTO] [--requests N] [--json]

Without a photo, one of 12 megapixels is made. The steps run in this process, on the same files, settings and catalog
as the server's: what a loop without any server would take. One served request and one bare run alternate, so that
both see the same machine.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from backends.openvino.served import served
from catalog import open_catalog
from catalog.answer import search_answer
from ensemble.artifacts import fingerprint, known_threshold
from ensemble.chain import Arrays, Chain
from ensemble.contract import COIN_SEARCH, DEFAULT_K, EMBEDDING, FOUND, SEARCH
from ensemble.graph import STEPS, Step
from mintmark import Client
from server import EmbeddedServer

WARM_UP = 3  # requests of either kind that are not counted
PHOTO_SIZE = (3000, 4000)  # height and width, px: 12 megapixels


def make_photo() -> bytes:
    """A 12-megapixel JPEG: a grey disc on a textured ground, as heavy to decode as a phone's photo."""
    rng = np.random.default_rng(0)
    height, width = PHOTO_SIZE
    ground = cv2.resize(rng.integers(60, 200, (height // 8, width // 8, 3), np.uint8), (width, height))
    cv2.ellipse(ground, (width // 2, height // 2), (900, 850), 20, 0, 360, (150, 160, 170), -1, cv2.LINE_AA)
    noisy = np.clip(ground + rng.normal(0, 6, ground.shape).astype(np.float32), 0, 255).astype(np.uint8)
    return encode_jpeg(noisy)


def encode_jpeg(picture: np.ndarray) -> bytes:
    """JPEG file of a [H, W, 3] uint8 picture."""
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


@dataclass(frozen=True)
class Latency:
    """Both ways on one photo; times in milliseconds."""

    served_p50_ms: float
    served_p95_ms: float
    bare_p50_ms: dict[str, float]  # by step

    @property
    def bare_sum_ms(self) -> float:
        """What the steps take one after the other."""
        return sum(self.bare_p50_ms.values())

    @property
    def ratio(self) -> float:
        """Served over bare: what the server adds."""
        return self.served_p50_ms / self.bare_sum_ms


class BarePipeline:
    """The steps of `coin_search` called one after the other in this process."""

    def __init__(self, catalog: Path, cores: int) -> None:
        self._catalog = open_catalog(str(catalog), fingerprint())
        self._threshold = known_threshold()
        self._chain = Chain(STEPS[COIN_SEARCH], lambda model: self._search if model is SEARCH else served(model, cores))
        self.seconds: dict[str, list[float]] = {}

    def _search(self, inputs: Arrays) -> Arrays:
        embedding, found = inputs[EMBEDDING.name], inputs[FOUND.name]
        answer = search_answer(self._catalog, embedding, found, DEFAULT_K, {}, self._threshold)
        return {tensor.name: array for tensor, array in answer.items()}

    def run(self, photo: bytes, counted: bool) -> Arrays:
        """One photo through all steps; the time of each is kept if it counts."""
        return self._chain.run(photo, self._keep if counted else None)

    def _keep(self, number: int, step: Step, seconds: float) -> None:
        self.seconds.setdefault(f"{number + 1} {step.model.name}", []).append(seconds)


@contextmanager
def _server() -> Iterator[tuple[EmbeddedServer, Path]]:
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder)) as server:
        yield server, Path(folder)


def measure(photo: bytes, requests: int, cores: int) -> Latency:
    """Serve and run the same photo in turn.

    Raises:
        RuntimeError: the two ways give different answers.
    """
    served: list[float] = []
    with _server() as (server, catalog), Client(server.url) as client:
        bare = BarePipeline(catalog, cores)
        for number in tqdm(range(WARM_UP + requests), desc="requests", leave=False):
            start = time.perf_counter()
            answer = client.recognize(photo)
            if number >= WARM_UP:
                served.append(time.perf_counter() - start)
            tensors = bare.run(photo, counted=number >= WARM_UP)
            if answer.found != bool(tensors[FOUND.name][0, 0] > 0.5):
                raise RuntimeError("the served answer and the bare one differ")
    steps = {name: float(np.median(seconds)) * 1e3 for name, seconds in bare.seconds.items()}
    p50, p95 = (float(np.percentile(served, q)) * 1e3 for q in (50, 95))
    return Latency(p50, p95, steps)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.latency", description=__doc__.split("\n")[0])
    parser.add_argument(
        "photo", nargs="?", type=Path, help="photo file; made, with 12 megapixels, where it is left out"
    )
    parser.add_argument("--requests", type=int, default=30, help="%(default)s")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)), help="%(default)s")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    photo = options.photo.read_bytes() if options.photo else make_photo()
    result = measure(photo, options.requests, options.cores)
    if options.json:
        print(json.dumps({**asdict(result), "bare_sum_ms": result.bare_sum_ms, "ratio": result.ratio}, indent=2))
        return 0
    for name, milliseconds in result.bare_p50_ms.items():
        print(f"  {name:16} {milliseconds:8.1f} ms")
    print(f"bare, sum of p50   {result.bare_sum_ms:8.1f} ms")
    print(f"served, p50        {result.served_p50_ms:8.1f} ms   (p95 {result.served_p95_ms:.1f} ms)")
    print(f"served / bare      {result.ratio:8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
