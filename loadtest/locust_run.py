"""Locust run as a process of its own, which gevent needs, and its figures read back."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
LAST_ANSWERS = "120"  # s
LOCUSTFILE, MODELFILE = HERE / "locustfile.py", HERE / "single_model.py"


@dataclass(frozen=True)
class Row:
    """What Locust says of one kind of request, failures included; percentiles are rounded as Locust does."""

    name: str
    requests: int
    failures: int
    throughput: float  # per second
    p50_ms: float
    p95_ms: float
    p99_ms: float


def common(options: argparse.Namespace, users: int) -> list[str]:
    """Locust's arguments for so many users, all there from the beginning, and for the photos that the options name.

    Args:
        options: of `loadtest.host.add_arguments`.
        users: at a time, at most.
    """
    words = ["--users", str(users), "--spawn-rate", str(users)]
    words += ["--coins", str(options.coins), "--photo-size", str(options.photo_size)]
    return words + (["--photos", str(options.photos)] if options.photos else [])


def headless(run_time: str) -> list[str]:
    """Locust's arguments for a run without its web UI, which waits for the last answers."""
    return ["--headless", "--only-summary", "--run-time", run_time, "--stop-timeout", LAST_ANSWERS]


def run_locust(locustfile: Path, url: str, arguments: Sequence[str], figures: Path) -> int:
    """Run Locust against a server; what it prints goes to this process's output.

    Args:
        locustfile: what to run.
        url: HOST:PORT of the server.
        arguments: further ones of Locust's command line.
        figures: file for its figures.

    Returns:
        Locust's exit status.
    """
    figures.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "locust", "--locustfile", str(locustfile), "--host", url]
    return subprocess.run([*command, "--figures", str(figures), *arguments], check=False).returncode


def read_rows(figures: Path) -> list[Row]:
    """The figures of a run by kind of request; the last row sums them up."""
    return [Row(**row) for row in json.loads(figures.read_text())["rows"]]
