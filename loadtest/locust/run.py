"""A run of Locust in a process of its own, since gevent patches a whole process; its figures are read back."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LAST_ANSWERS = "120"  # s that a run waits for them
_FOLDER = Path(__file__).resolve().parent.parent
LOCUSTFILE, MODELFILE = _FOLDER / "locustfile.py", _FOLDER / "single_model.py"
GATEWAYFILE = _FOLDER / "gatewayfile.py"


@dataclass(frozen=True)
class Row:
    """Locust's figures of one kind of request, failures included; Locust rounds its percentiles."""

    name: str
    requests: int
    failures: int
    throughput: float  # per second
    p50_ms: float
    p95_ms: float
    p99_ms: float


def common(options: argparse.Namespace, users: int) -> list[str]:
    """Locust's arguments for the photos that the options name and for some users, all there from the beginning.

    Args:
        options: of `loadtest.host.add_arguments`.
        users: most at a time.
    """
    words = ["--users", str(users), "--spawn-rate", str(users)]
    words += ["--coins", str(options.coins), "--photo-size", str(options.photo_size)]
    return words + (["--photos", str(options.photos)] if options.photos else [])


def headless(run_time: str) -> list[str]:
    """Locust's arguments for a run without its web UI; it waits for the last answers."""
    return ["--headless", "--only-summary", "--run-time", run_time, "--stop-timeout", LAST_ANSWERS]


def run_locust(locustfile: Path, url: str, arguments: Sequence[str], figures: Path) -> int:
    """Run Locust against a server; it prints to this process's output.

    Args:
        locustfile: LOCUSTFILE, MODELFILE or GATEWAYFILE.
        url: HOST:PORT of the server, or the URL of a gateway.
        arguments: more of Locust's command line.
        figures: file that Locust writes its figures to.

    Returns:
        Locust's exit status.
    """
    figures.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "locust", "--locustfile", str(locustfile), "--host", url]
    return subprocess.run([*command, "--figures", str(figures), *arguments], check=False).returncode


def read_rows(figures: Path) -> list[Row]:
    """The figures of a run by kind of request; the last row is their total."""
    return [Row(**row) for row in json.loads(figures.read_text())["rows"]]
