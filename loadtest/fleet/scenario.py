"""What happens to a fleet under load: a server is killed, one is replaced in order, the weights change."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import numpy as np
import psutil

from catalog.entry import Makers
from catalog.milvus.store import MilvusCatalog
from ensemble import artifacts
from loadtest.fleet.balancer import Balancer
from loadtest.fleet.load import Load, Seen
from loadtest.fleet.milvus import EXACT, MilvusServer
from loadtest.fleet.ports import lasting_ports
from loadtest.fleet.requests import MODELS, Requests, embedding_of
from server.embedded import EmbeddedServer
from server.launch import LOOPBACK, Ports

FIRST = ("one", "two", "three")
SPARE, NEW = "four", "new"  # replaces a server that is drained; has the new weights
NEW_WEIGHTS = "0123456789abcdef"  # fingerprint of weights that make the same embeddings
DRAIN = 5.0  # s
_BATCH = 200  # views that are embedded again at once


@dataclass
class Outcome:
    """What was seen.

    Attributes:
        seen: by the users.
        events: when what happened, s since the load began.
        lost: acknowledged entries that are not in the catalog in the end.
        unfound: acknowledged entries that a server with the new weights does not find in the end.
        views: in the catalog in the end.
    """

    seen: Seen = field(default_factory=Seen)
    events: list[tuple[float, str]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unfound: list[str] = field(default_factory=list)
    views: int = 0


class Fleet:
    """Servers of the catalog's models on one Milvus; a context manager.

    Args:
        folder: of everything that is written.
        names: of the servers that may be started.
    """

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self._folder = folder
        self.milvus = MilvusServer(folder / "milvus", EXACT)
        self.ports = {name: Ports(*lasting_ports(3)) for name in names}
        self.servers: dict[str, EmbeddedServer] = {}
        # A process ends with the thread that started it, so these threads stay.
        self.threads = ThreadPoolExecutor(len(names))

    @property
    def location(self) -> str:
        """Of the catalog."""
        return f"milvus://{LOOPBACK}:{self.milvus.port}/coins"

    def url(self, name: str) -> str:
        """HOST:PORT of a server's gRPC port."""
        return f"{LOOPBACK}:{self.ports[name].grpc}"

    def start(self, name: str) -> None:
        """Start a server; returns when it is ready."""
        log = self._folder / f"{name}.log"
        server = EmbeddedServer(self.location, self.ports[name], models=MODELS, log=log, drain=DRAIN, restart=False)
        server.start()
        self.servers[name] = server

    def kill(self, name: str) -> None:
        """End all processes of a server at once, as a failing machine would."""
        server = self.servers.pop(name)
        processes = [psutil.Process(pid) for pid in server.pids]
        children = [child for process in processes for child in process.children(recursive=True)]
        for pid in [process.pid for process in (*processes, *children)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        server.stop()

    def stop(self, name: str) -> None:
        """Drain a server and end it."""
        self.servers.pop(name).stop()

    def __enter__(self) -> "Fleet":
        """Start Milvus."""
        self.milvus.start()
        return self

    def __exit__(self, *error: object) -> None:
        """End everything."""
        list(self.threads.map(self.stop, list(self.servers)))
        self.threads.shutdown()
        self.milvus.kill()


def run(
    folder: Path, seconds: float, searchers: int = 3, enrollers: int = 2, say: Callable[[str], None] = print
) -> Outcome:
    """Let everything happen; the load goes on for at least `seconds` after each event.

    Raises:
        MilvusError, BalancerError, ServerError, LoadError: a part is missing or did not start.
    """
    with Fleet(folder, (*FIRST, SPARE, NEW)) as fleet:
        list(fleet.threads.map(fleet.start, FIRST))
        ports = {name: ports.grpc for name, ports in fleet.ports.items()}
        with Balancer(folder, ports, off=[NEW]) as balancer:
            for name in FIRST:
                balancer.wait(name)
            outcome = Outcome()
            with Load(folder, balancer.url, searchers, enrollers) as load:

                def note(text: str) -> None:
                    outcome.events.append((load.seconds, text))
                    say(f"{load.seconds:6.1f} s  {text}")

                note("three servers")
                time.sleep(seconds)
                _kill_one(fleet, balancer, note)
                time.sleep(seconds)
                _replace_one(fleet, balancer, note)
                time.sleep(seconds)
                _change_weights(fleet, balancer, load, note)
                time.sleep(seconds)
                note("the end")
            outcome.seen = load.seen()
            _check(fleet, outcome)
    return outcome


def _kill_one(fleet: Fleet, balancer: Balancer, note: Callable[[str], None]) -> None:
    note("server one is killed")
    fleet.kill("one")
    balancer.wait("one", up=False)
    note("the balancer knows it")


def _replace_one(fleet: Fleet, balancer: Balancer, note: Callable[[str], None]) -> None:
    fleet.threads.submit(fleet.start, SPARE).result()
    balancer.wait(SPARE)
    note("server four is there, and server two is to stop")
    stopping = fleet.threads.submit(fleet.stop, "two")
    balancer.wait("two", up=False)
    note("it gets no more requests")
    stopping.result()
    note("it has ended")


def _change_weights(fleet: Fleet, balancer: Balancer, load: Load, note: Callable[[str], None]) -> None:
    """As docs/catalog.md says. Searches go on; enrolments wait, for they would have the old weights."""
    load.hold_writing()
    with _new_weights():
        fleet.threads.submit(fleet.start, NEW).result()
    note("a server with new weights is there, and enrolments wait")
    note(f"{_embed_again(fleet.location)} views are embedded again, and count at once")
    balancer.tell(NEW, "ready")
    balancer.wait(NEW)
    for name in ("three", SPARE):
        balancer.tell(name, "drain")
    note("it gets all requests, and enrolments go on")
    load.go_on_writing()
    for stopping in [fleet.threads.submit(fleet.stop, name) for name in ("three", SPARE)]:
        stopping.result()
    note("the others have ended")


@contextlib.contextmanager
def _new_weights() -> Iterator[None]:
    with mock.patch.object(artifacts, "fingerprint", lambda: NEW_WEIGHTS):
        yield


def _embed_again(location: str) -> int:
    """What `mintmark reembed` does; these weights make of a picture what the old ones did."""
    old = MilvusCatalog(location, Makers(artifacts.fingerprint(), artifacts.relief_fingerprint()))
    new = MilvusCatalog(location, Makers(NEW_WEIGHTS, artifacts.relief_fingerprint()))
    embeddings: dict[str, np.ndarray] = {}
    after = ""
    while True:
        page = old.export(after, _BATCH)
        embeddings |= {view.id: view.embedding for _, view in page.views if view.embedding is not None}
        after = page.next
        if not after:
            break
    while stale := new.stale(_BATCH):
        new.stage([(view.id, embeddings[view.id]) for view in stale])
    switched = new.switch()
    old.close()
    new.close()
    return switched


def _check(fleet: Fleet, outcome: Outcome) -> None:
    requests = Requests(fleet.url(NEW))
    there: set[str] = set()
    after = ""
    while True:
        page = requests.ask("list", after=after, limit=1000)
        there |= {entry["id"] for entry in page["entries"]}
        after = page["next"]
        if not after:
            break
    acknowledged = outcome.seen.acknowledged
    outcome.lost = sorted(set(acknowledged) - there)
    outcome.unfound = [each for each in acknowledged if requests.search(embedding_of(each)) != each]
    outcome.views = requests.ask("status")["views"]
    requests.close()
