"""The users that load a fleet: they enroll and search, and say in a journal what they were told.

An enroller searches at once for what it enrolled, a searcher for anything that is enrolled. They send embeddings in
place of photos, each derived from its entry's id.
"""

import argparse
import itertools
import json
import random
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from locust import events, task

from loadtest.locust.load_user import LoadUser

from loadtest.fleet.requests import Requests, embedding_of  # isort: skip  # after gevent's remedy for gRPC
from mintmark import MintmarkError  # isort: skip

PAUSE = 0.05  # s, while there is nothing to do


@events.init_command_line_parser.add_listener
def add_fleet_options(parser: argparse.ArgumentParser) -> None:
    """Add the options by which a scenario and its users know of each other."""
    parser.add_argument("--journal", default="", help="file for every answer, as JSON lines")
    parser.add_argument("--hold", default="", help="file; while it is there, nothing is enrolled")


@lru_cache
def journal(path: str) -> IO[str] | None:
    """The journal; each line is in the file at once."""
    return Path(path).open("a", buffering=1) if path else None


acknowledged: list[str] = []  # ids of entries, of all users


class _FleetUser(LoadUser):
    abstract = True

    def connect(self, host: str) -> None:
        """Connect to the balancer."""
        self.client: Any = Requests(host or "127.0.0.1:8001")

    def write(self, **said: object) -> None:
        """Add a line to the journal."""
        if file := journal(self.options.journal):
            file.write(json.dumps(said) + "\n")

    def asked(self, what: str, entry: str, send: Callable[[], str]) -> str:
        """Send a request about an entry; the answer, '' if there was an error."""
        start, answer, failure, text = time.perf_counter(), "", "", ""
        with self.request(what):
            try:
                answer = send() or "nothing"
            except MintmarkError as error:
                failure, text = type(error).__name__, str(error)
                raise
        seconds = time.perf_counter() - start
        self.write(asked=what, entry=entry, answer=answer, start=start, seconds=seconds, failure=failure, text=text)
        return answer

    def search(self, entry: str) -> None:
        """Search for an entry that is enrolled."""
        self.asked("search", entry, lambda: str(self.client.search(embedding_of(entry))))


class Searcher(_FleetUser):
    """Searches for anything that is enrolled."""

    weight = 3

    @task
    def look(self) -> None:
        """One search."""
        if acknowledged:
            self.search(random.choice(acknowledged))
        else:
            time.sleep(PAUSE)


class Enroller(_FleetUser):
    """Enrolls, and searches at once for what it enrolled."""

    weight = 2
    _names = itertools.count()

    def on_start(self) -> None:
        """Connect."""
        super().on_start()
        self._name, self._made, self._holds = f"caller{next(self._names)}", 0, False

    @task
    def enroll(self) -> None:
        """One entry, unless enrolments are held up."""
        held = bool(self.options.hold) and Path(self.options.hold).exists()
        if held and not self._holds:
            self.write(idle=self._name)
        self._holds = held
        if held:
            time.sleep(PAUSE)
            return
        self._made += 1
        entry = f"{self._name}-{self._made}"
        if self.asked("enroll", entry, lambda: str(self.client.enroll(embedding_of(entry), entry))):
            acknowledged.append(entry)
            self.search(entry)
