"""The server under load: started for the test with a catalog of its own, or one that runs already."""

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from ensemble import variables
from ensemble.graph import Target
from loadtest import photos
from loadtest.counters import metrics_beside
from loadtest.processes import ProcessTree
from mintmark import Client, EntryFields
from server import EmbeddedServer
from server.launch import LOOPBACK

TIMEOUT = 120.0  # s that a request of a load test may take: the server's own limits are what is tested


@dataclass(frozen=True)
class Host:
    """A server to load."""

    url: str  # HOST:PORT of its gRPC port
    metrics: str  # HOST:PORT of its metrics
    queries: list[bytes]  # photos to ask about
    to_enroll: list[tuple[Path, EntryFields]]  # rendered coins, for those who enroll
    tree: ProcessTree | None  # its processes, where they are on this machine and known
    catalog: Path | None  # its catalog's folder, likewise


def connect(url: str) -> Client:
    """A client for load: every request is sent once, so that what the server refuses is seen."""
    return Client(url, timeout=TIMEOUT, token=os.environ.get(variables.TOKEN), retry=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options that say which server is loaded, and with what."""
    group = parser.add_argument_group("the server and its photos")
    group.add_argument("--url", help="HOST:PORT of a server that runs; without it, one is started for the test")
    group.add_argument("--metrics", help="HOST:PORT of that server's metrics (port 8002 there)")
    group.add_argument("--pid", type=int, help="process id of that server, where it is on this machine: to measure it")
    group.add_argument(
        "--target",
        type=Target,
        choices=(Target.CPU, Target.RTX),
        default=Target.CPU,
        metavar="{cpu,rtx}",
        help="of the server that is started (cpu)",
    )
    group.add_argument("--cores", type=int, help="CPU cores for everything, the load included (all)")
    group.add_argument("--photos", type=Path, help="folder of photos to send; without it, rendered coins")
    group.add_argument("--photo-size", type=int, default=1600, help="of rendered photos, longer side, px (%(default)s)")
    group.add_argument("--coins", type=int, default=24, help="that are rendered and enrolled (%(default)s)")


def pin(cores: int | None) -> int:
    """Keep this process, and what it starts, to the first so many cores; returns how many there are."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    os.sched_setaffinity(0, allowed)
    return len(allowed)


@contextmanager
def host(options: argparse.Namespace, trace: Path | None = None) -> Iterator[Host]:
    """The server that the options name, its catalog filled with the rendered coins if it was started here.

    Args:
        options: of `add_arguments`.
        trace: file for Triton's traces, where the server is started here; written when it has stopped.

    Raises:
        ServerError: it does not start.
        FileNotFoundError: a folder without photos.
    """
    collection = photos.rendered(options.coins, options.photo_size)
    queries = photos.read_photos(options.photos) if options.photos else photos.queries(collection)
    to_enroll = photos.labelled(collection)
    if options.url:
        tree = ProcessTree(options.pid) if options.pid else None
        yield Host(options.url, options.metrics or metrics_beside(options.url), queries, to_enroll, tree, None)
        return
    with tempfile.TemporaryDirectory(prefix="mintmark-load-") as folder:
        catalog = Path(folder)
        with EmbeddedServer(catalog, target=options.target, trace=trace) as server:
            with connect(server.url) as client:
                for photo, fields in tqdm(to_enroll, desc="enrolling", unit="coin", leave=False):
                    client.enroll(photo, fields)
            metrics = f"{LOOPBACK}:{server.ports.metrics}"
            yield Host(server.url, metrics, queries, to_enroll, ProcessTree(server.pid), catalog)
