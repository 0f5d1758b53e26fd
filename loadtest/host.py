"""The server under load: one that is started for the test with a catalog of its own, or one that runs already."""

import argparse
import os
import secrets
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
from server.embedded import EmbeddedServer
from server.gateway import Web
from server.launch import LOOPBACK

TIMEOUT = 120.0  # s for a request of a load test: longer than the server's own limits, which are under test


@dataclass(frozen=True)
class Host:
    """A server to load."""

    url: str  # HOST:PORT of its gRPC port
    metrics: str  # HOST:PORT of its metrics
    queries: list[bytes]  # photos to ask about
    to_enroll: list[tuple[Path, EntryFields]]  # rendered coins, for those who enroll
    tree: ProcessTree | None  # its processes; None where they run elsewhere or no process id is given
    catalog: Path | None  # folder of its catalog; None where the server was not started here
    page: str = ""  # address of its gateway for browsers, if it was started here with one


def connect(url: str) -> Client:
    """A client for load: it sends every request once, so that every refusal is seen."""
    return Client(url, timeout=TIMEOUT, token=os.environ.get(variables.TOKEN), retry=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the server and the photos."""
    group = parser.add_argument_group("the server and its photos")
    group.add_argument("--url", help="HOST:PORT of a running server; without it, one is started for the test")
    group.add_argument("--metrics", help="HOST:PORT of that server's metrics (port 8002 there)")
    group.add_argument("--pid", type=int, help="process id of that server on this machine, to measure it")
    group.add_argument(
        "--target",
        type=Target,
        choices=(Target.CPU, Target.RTX),
        default=Target.CPU,
        metavar="{cpu,rtx}",
        help="of a server that is started here (cpu)",
    )
    group.add_argument("--cores", type=int, help="CPU cores for server and load together (all)")
    group.add_argument("--photos", type=Path, help="folder of photos to send; without it, rendered coins")
    group.add_argument(
        "--photo-size", type=int, default=photos.SIZE, help="longer side of rendered photos, px (%(default)s)"
    )
    group.add_argument("--coins", type=int, default=photos.COINS, help="coins to render and enroll (%(default)s)")


def pin(cores: int | None) -> int:
    """Keep this process and its children to the first `cores` cores; returns how many that are."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    os.sched_setaffinity(0, allowed)
    return len(allowed)


@contextmanager
def host(options: argparse.Namespace, trace: Path | None = None, web: Web | None = None) -> Iterator[Host]:
    """The server that the options name; one that is started here gets the rendered coins into its catalog.

    Args:
        options: of `add_arguments`.
        trace: file for the traces of a server that is started here; Triton writes it when it stops.
        web: how browsers ask a server that is started here; None leaves its gateway off.

    Raises:
        ServerError: the server does not start.
        FileNotFoundError: the folder of photos holds none.
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
        os.environ.setdefault(variables.ADMIN_KEY, secrets.token_urlsafe(32))  # its counters are read with this
        with EmbeddedServer(catalog, target=options.target, trace=trace, web=web) as server:
            with connect(server.url) as client:
                for photo, fields in tqdm(to_enroll, desc="enrolling", unit="coin", leave=False):
                    client.enroll(photo, fields)
            metrics = f"{LOOPBACK}:{server.ports.metrics}"
            yield Host(server.url, metrics, queries, to_enroll, ProcessTree(*server.pids), catalog, server.web_address)
