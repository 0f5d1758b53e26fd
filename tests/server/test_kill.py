"""A server that is killed at random moments while clients change the catalog loses nothing that it acknowledged.

MINTMARK_KILLS sets how often. Each time the index is being built too, and that is killed with the server.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from catalog.folder.check import problems
from ensemble import variables
from ensemble.artifacts import fingerprint
from server.embedded import EmbeddedServer
from tests.server.catalog_server import FIELDS, CatalogClient, catalog_server, unit
from tests.server.conftest import ROOT
from tests.server.test_lifecycle import all_end, children

pytestmark = pytest.mark.server

KILLS = int(os.environ.get(variables.KILLS, "20"))
CLIENTS = 4
INDEX = "HNSW16"
LONGEST = 0.8  # s, from the first change to the kill
SAMPLE = 20  # entries of each client that are searched for after each start


@dataclass
class Entry:
    """One entry of a client as the client knows it: number of views, and name."""

    vectors: list[np.ndarray]
    name: str


@dataclass
class Journal:
    """What one client was told: its acknowledged entries, and the change that got no answer."""

    rng: np.random.Generator
    prefix: str
    entries: dict[str, Entry] = field(default_factory=dict)
    unanswered: tuple[str, Entry | None] | None = None  # id, and the entry after the change, None if removed
    made: int = 0
    answers: int = 0

    def work(self, url: str) -> None:
        """Enroll, add views, rename and remove entries until the server is gone."""
        client = CatalogClient(url, timeout=10)
        try:
            while True:
                self._change(client)
        except InferenceServerException:
            return
        finally:
            client.close()

    def _change(self, client: CatalogClient) -> None:
        ids = list(self.entries)
        entry_id = ids[self.rng.integers(len(ids))] if ids else ""
        action = self.rng.choice(["new", "view", "rename", "remove"], p=[0.5, 0.15, 0.15, 0.2]) if ids else "new"
        old = self.entries.get(entry_id, Entry([], FIELDS["name"]))
        vector = unit(self.rng)
        if action == "new":
            self.made += 1
            entry_id = f"{self.prefix}-{self.made}"
            self._expect(entry_id, Entry([vector], FIELDS["name"]))
            client.enroll(vector, **FIELDS, entry=entry_id)
        elif action == "view":
            self._expect(entry_id, Entry([*old.vectors, vector], old.name))
            client.enroll(vector, side="reverse", entry=entry_id)
        elif action == "rename":
            self._expect(entry_id, Entry(old.vectors, f"renamed {self.answers}"))
            client.ask("update", id=entry_id, changes={"name": f"renamed {self.answers}"})
        else:
            self._expect(entry_id, None)
            client.ask("remove", id=entry_id)
        self._settle(answered=True)

    def _expect(self, entry_id: str, entry: Entry | None) -> None:
        self.unanswered = entry_id, entry

    def _settle(self, answered: bool) -> None:
        """Count the unanswered change as made."""
        assert self.unanswered is not None
        entry_id, entry = self.unanswered
        if entry is None:
            self.entries.pop(entry_id, None)
        else:
            self.entries[entry_id] = entry
        self.unanswered = None
        self.answers += answered

    def hold(self, client: CatalogClient, names: dict[str, str]) -> None:
        """Compare with the server's entries; the unanswered change was made completely or not at all."""
        if self.unanswered is not None:
            entry_id, wanted = self.unanswered
            if _there(client, entry_id, names) == _shape(wanted):
                self._settle(answered=False)
            else:
                assert _there(client, entry_id, names) == _shape(self.entries.get(entry_id)), (
                    f"{entry_id} is half there"
                )
                self.unanswered = None
        mine = {entry_id: name for entry_id, name in names.items() if entry_id.startswith(f"{self.prefix}-")}
        assert mine == {entry_id: entry.name for entry_id, entry in self.entries.items()}
        for entry_id in random.Random(self.made).sample(sorted(self.entries), min(SAMPLE, len(self.entries))):
            for vector in self.entries[entry_id].vectors:
                ((found, correlation),) = client.verified(vector)
                assert found == entry_id and correlation > 0.99, "its relief map is there too"


def _shape(entry: Entry | None) -> tuple[str, int] | None:
    return None if entry is None else (entry.name, len(entry.vectors))


def _there(client: CatalogClient, entry_id: str, names: dict[str, str]) -> tuple[str, int] | None:
    """Name and number of views in the server."""
    return (names[entry_id], len(client.ask("show", id=entry_id)["views"])) if entry_id in names else None


@contextmanager
def building(folder: Path) -> Iterator[None]:
    """Build the index at the same time, until it is killed."""
    command = [sys.executable, "-m", "catalog", "build", str(folder), fingerprint(), INDEX]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as builder:
        yield
        builder.kill()


def kill(server: EmbeddedServer) -> None:
    """End Triton and all its processes at once."""
    processes = [server.pid, *children(server.pid)]
    for pid in processes:
        os.kill(pid, signal.SIGKILL)
    server.stop()
    assert all_end(processes)


def test_killed_at_random_moments(tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    pause = random.Random(1)
    journals = [Journal(np.random.default_rng(n), f"client{n}") for n in range(CLIENTS)]
    indexes = 0
    for _ in range(KILLS):
        server = catalog_server(folder, MINTMARK_INDEX=INDEX)
        server.start()
        check(server, journals)
        indexes += len(list(folder.glob("index-*.json")))
        with building(folder):
            workers = [threading.Thread(target=journal.work, args=(server.url,)) for journal in journals]
            for worker in workers:
                worker.start()
            time.sleep(pause.uniform(0, LONGEST))
            kill(server)
        for worker in workers:
            worker.join()
        assert problems(folder) == []
    with catalog_server(folder, MINTMARK_INDEX=INDEX) as server:
        check(server, journals)
        assert problems(folder) == []
    assert sum(journal.answers for journal in journals) > KILLS, "nothing was changed between the kills"
    print(
        f"{KILLS} kills, {sum(each.answers for each in journals)} acknowledged changes, {indexes} starts with an index"
    )


def check(server: EmbeddedServer, journals: list[Journal]) -> None:
    """All acknowledged changes are there, and search and database agree."""
    client = CatalogClient(server.url)
    names = {entry["id"]: entry["name"] for entry in client.entries()}
    for journal in journals:
        journal.hold(client, names)
    status = client.ask("status")
    assert (status["entries"], status["stale_views"]) == (len(names), 0)
    assert status["views"] == sum(len(entry.vectors) for journal in journals for entry in journal.entries.values())
    client.close()
