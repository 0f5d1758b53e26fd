"""The load on a fleet: Locust's users in a process of their own, and what they were told."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.generator import Sample
from server.tied import tied

FLEETFILE = Path(__file__).resolve().parents[1] / "fleetfile.py"
PATIENCE = 120.0  # s for what users do in a second


class LoadError(Exception):
    """The users are gone, or do not do what they should; the message says why."""


@dataclass
class Seen:
    """What the users were told.

    Attributes:
        acknowledged: ids of enrolled entries.
        searches, enrolments: one sample of each.
        wrong: searches whose answer was another entry than the one that must be found.
        faults: errors that users got.
    """

    acknowledged: list[str] = field(default_factory=list)
    searches: list[Sample] = field(default_factory=list)
    enrolments: list[Sample] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Load:
    """Users in a process of Locust; a context manager.

    Args:
        folder: for their journal and their log.
        url: HOST:PORT that they ask.
        searchers, enrollers: how many.
    """

    def __init__(self, folder: Path, url: str, searchers: int, enrollers: int) -> None:
        self._journal, self._hold, self._log = folder / "journal.jsonl", folder / "hold", folder / "locust.log"
        self._enrollers = enrollers
        users = {"Searcher": searchers, "Enroller": enrollers}
        counts = [json.dumps({"user_class_name": name, "fixed_count": count}) for name, count in users.items()]
        total = str(searchers + enrollers)
        self._command = [
            *(sys.executable, "-m", "locust", "--locustfile", str(FLEETFILE), "--host", url),
            *("--headless", "--users", total, "--spawn-rate", total, "--config-users", *counts),
            *("--stop-timeout", f"{PATIENCE:.0f}", "--journal", str(self._journal), "--hold", str(self._hold)),
        ]

    def __enter__(self) -> "Load":
        """Begin; returns when the first user was told something. Raises LoadError: that does not happen."""
        self._begin = time.perf_counter()  # of the machine's clock, which is the users' too
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(tied(self._command), stdout=log, stderr=subprocess.STDOUT)
        try:
            self._until(lambda: any(self._lines()), "were told nothing")
        except LoadError:
            self._process.kill()
            self._process.wait()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """End, after the requests that are under way. Raises LoadError: the users had ended before."""
        if self._process.poll() is not None:
            raise LoadError(f"the users have ended; the end of their log:\n{self._log_end()}")
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(2 * PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            self._process.wait()

    def hold_writing(self) -> None:
        """Enroll no more; returns when nothing is being enrolled. Raises LoadError: the users are gone."""
        before = len(self._idle())
        self._hold.touch()
        self._until(lambda: len(self._idle()) - before >= self._enrollers, "do not hold enrolments")

    def go_on_writing(self) -> None:
        """Enroll again."""
        self._hold.unlink()

    @property
    def seconds(self) -> float:
        """Since the load began."""
        return time.perf_counter() - self._begin

    def seen(self) -> Seen:
        """What the users have been told."""
        seen = Seen()
        for line in self._lines():
            if "asked" not in line:
                continue
            start, entry, answer = line["start"] - self._begin, line["entry"], line["answer"]
            sample = Sample(start, line["seconds"], line["failure"])
            (seen.searches if line["asked"] == "search" else seen.enrolments).append(sample)
            if line["failure"]:
                seen.faults.append(f"{start:.1f} s: {line['failure']}: {line['text']}")
            elif line["asked"] == "enroll":
                seen.acknowledged.append(entry)
            elif answer != entry:
                seen.wrong.append(f"{start:.1f} s: a search for {entry} found {answer}")
        return seen

    def _until(self, happened: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not happened():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise LoadError(f"the users {otherwise}; the end of their log:\n{self._log_end()}")
            time.sleep(0.05)

    def _idle(self) -> list[str]:
        return [line["idle"] for line in self._lines() if "idle" in line]

    def _lines(self) -> Iterator[dict[str, Any]]:
        """Lines of the journal; the last one may be half written."""
        if self._journal.exists():
            for line in self._journal.read_text().splitlines(keepends=True):
                if line.endswith("\n"):
                    yield json.loads(line)

    def _log_end(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]
