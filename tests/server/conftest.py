"""A real Triton server for the tests of this folder, and photos to send it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from ensemble import variables
from mintmark import Client, EntryFields
from server.tied import tied
from training.mint import CATALOG, QUERY, make_design, photograph, strike

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "the-right-token"
SERVE_PYTHON = os.environ.get(variables.SERVE_PYTHON, sys.executable)  # `make test` sets one without torch
READY = r"ready: gRPC (\S+?)(?:, HTTP (\S+))?, metrics (\S+)"


@dataclass
class Running:
    """A server in a process of its own."""

    process: "subprocess.Popen[bytes]"
    url: str
    http: str  # URL; '' where HTTP is off
    metrics: str  # URL

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it with a signal; returns its exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


def start(folder: Path, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
    """Run `python -m server` on free ports, without gateway or with `--web`; it writes `output.txt` in the folder."""
    folder.mkdir(exist_ok=True)
    with (folder / "output.txt").open("wb") as file:
        return subprocess.Popen(
            tied(
                [
                    *(str(ROOT / SERVE_PYTHON), "-m", "server", "--free-ports", "--no-web"),
                    *("--catalog", str(folder / "catalog"), "--log", str(folder / "server.log")),
                    *arguments,
                ]
            ),
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=file,
            stderr=subprocess.STDOUT,
        )


def launch(folder: Path, *arguments: str, **environment: str) -> Running:
    """The same, until it says that it is ready."""
    process, output = start(folder, *arguments, **environment), folder / "output.txt"
    while (ready := re.search(READY, output.read_text())) is None:
        if process.poll() is not None:
            raise AssertionError(f"the server did not start: {output.read_text()}")
        time.sleep(0.1)
    return Running(process, ready[1], ready[2] or "", ready[3])


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server whose catalog can be changed only with a token."""
    running = launch(tmp_path_factory.mktemp("server"), "--http", MINTMARK_TOKEN=TOKEN)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(server: Running) -> Iterator[Client]:
    """A client that holds the token; what a module's tests enroll is gone before those of the next one."""
    with Client(server.url, token=TOKEN) as client:
        before = {entry.id for entry in client.entries()}
        yield client
        for entry in [entry for entry in client.entries() if entry.id not in before]:
            client.remove(entry.id)


@contextmanager
def gateway_before(server: Running, *arguments: str) -> Iterator[str]:
    """The URL of a gateway before a server, in a process of its own; it ends as it should."""
    command = [str(ROOT / SERVE_PYTHON), "-m", "web", "--url", server.url, "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = re.search(r"ready: (\S+)", process.stdout.readline())
        assert ready
        yield ready[1]
        process.terminate()
        assert process.wait(timeout=60) == 0


def jpeg(picture: np.ndarray) -> bytes:
    """JPEG file of an RGB picture."""
    return cv2.imencode(".jpg", picture[:, :, ::-1])[1].tobytes()


@dataclass(frozen=True)
class Coin:
    """A rendered coin: its fields, a catalog picture and another photo."""

    fields: EntryFields
    catalog: np.ndarray
    query: np.ndarray
    ellipse: tuple[float, ...]  # of the query: cx, cy, a, b, angle


@pytest.fixture(scope="session")
def coins() -> list[Coin]:
    """Four coins."""
    return [make_coin(seed) for seed in (900_001, 900_012, 900_023, 900_034)]


def make_coin(seed: int) -> Coin:
    """Render one coin."""
    rng = np.random.default_rng(seed)
    design = make_design(seed)
    name = design.identity
    catalog = photograph([strike(design, rng, mint_state=True)], CATALOG, rng)
    query = photograph([strike(design, rng)], QUERY, rng)
    e = query.ellipse
    return Coin(
        EntryFields(
            name=name.name,
            country=name.country,
            currency=name.currency,
            denomination=str(name.denomination),
            side=name.side,
            year=name.year,
        ),
        catalog.picture,
        query.picture,
        (e.cx, e.cy, e.a, e.b, e.angle),
    )
