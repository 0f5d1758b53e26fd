"""Locust run as a process of its own, which gevent needs, and its figures read back."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
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
