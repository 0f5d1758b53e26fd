"""The base of all users: options and limits, one client each, requests timed, failures counted by kind."""

import argparse
import itertools
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from locust import LoadTestShape, User, events
from locust.env import Environment

from loadtest.locust import gevent_grpc  # noqa: F401  before the imports below

from loadtest.host import connect  # isort: skip
from loadtest.photos import COINS, SIZE, labelled, queries, read_photos, rendered  # isort: skip
from loadtest.locust.shapes import SHAPES  # isort: skip
from mintmark import EntryFields, MintmarkError  # isort: skip

DEFAULT_SECONDS = 60  # of a run


@events.init_command_line_parser.add_listener
def add_options(parser: argparse.ArgumentParser) -> None:
    """Add options to Locust's own; `--host` is HOST:PORT of the server."""
    group = parser.add_argument_group("Mintmark")
    group.add_argument("--shape", choices=sorted(SHAPES), default="steady", help="how many users there are when")
    group.add_argument(
        "--rate", type=float, default=0.0, help="requests per second of all users; 0: as fast as answered"
    )
    group.add_argument("--photos", default="", help="folder of photos to send; without it, rendered coins")
    group.add_argument("--photo-size", type=int, default=SIZE, help="longer side of rendered photos, px")
    group.add_argument("--coins", type=int, default=COINS, help="coins to render")
    group.add_argument("--p95-limit", type=float, default=0.0, help="limit for each kind of request, ms; 0: no limit")
    group.add_argument("--error-limit", type=float, default=1.0, help="share of requests that may fail, 0 to 1")
    group.add_argument("--figures", default="", help="file for the figures of every kind of request, as JSON")


@events.quitting.add_listener
def write_figures(environment: Environment, **_: Any) -> None:
    """Write the file of `--figures`: Locust's own files may lack the last requests."""
    options = environment.parsed_options
    if options is None or options.worker or not options.figures:
        return
    rows = [
        {
            "name": entry.name,
            "requests": entry.num_requests,
            "failures": entry.num_failures,
            "throughput": entry.total_rps,
            **{f"p{q}_ms": float(entry.get_response_time_percentile(q / 100) or 0) for q in (50, 95, 99)},
        }
        for entry in (*environment.stats.entries.values(), environment.stats.total)
    ]
    errors = [
        {"name": error.name, "kind": error.error, "times": error.occurrences}
        for error in environment.stats.errors.values()
    ]
    Path(options.figures).write_text(json.dumps({"rows": rows, "errors": errors}, indent=2) + "\n")


@events.quitting.add_listener
def apply_limits(environment: Environment, **_: Any) -> None:
    """Set the exit code: 1 where a limit is exceeded or nothing was answered, else 0."""
    options, total = environment.parsed_options, environment.stats.total
    if options is None or options.worker:  # the master has the figures of all workers
        return
    problems = []
    if total.num_requests == total.num_failures:
        problems.append("nothing was answered")
    if total.fail_ratio > options.error_limit:
        problems.append(f"{total.fail_ratio:.2%} of the requests failed, the limit is {options.error_limit:.2%}")
    for entry in environment.stats.entries.values():
        p95 = entry.get_response_time_percentile(0.95)
        if options.p95_limit and p95 > options.p95_limit:
            problems.append(f"{entry.name}: p95 is {p95:.0f} ms, the limit is {options.p95_limit:.0f} ms")
    for problem in problems:
        logging.error("limit: %s", problem)
    environment.process_exit_code = 1 if problems else 0


@lru_cache
def collection(coins: int, size: int) -> Path:
    """The rendered coins."""
    return rendered(coins, size)


@lru_cache
def photos_of(folder: str, coins: int, size: int) -> list[bytes]:
    """The photos to send."""
    return read_photos(Path(folder)) if folder else queries(collection(coins, size))


@lru_cache
def coins_of(coins: int, size: int) -> list[tuple[Path, EntryFields]]:
    """The coins to enroll."""
    return labelled(collection(coins, size))


class Shape(LoadTestShape):
    """The number of users over time: the shape of `--shape` with `--users` at most, for `--run-time`."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """The number of users, and how many come or go per second; None ends the run."""
        options = self.runner.environment.parsed_options if self.runner else None
        if options is None:
            return None
        seconds, duration = self.get_run_time(), float(options.run_time or DEFAULT_SECONDS)
        if seconds >= duration:
            return None
        users = SHAPES[options.shape](seconds / duration, seconds, options.num_users or 1)
        return users, float(options.spawn_rate or options.num_users or 1)


class LoadUser(User):
    """A user with a client of its own. `kind`: of its requests, in Locust's figures."""

    abstract = True
    kind = "gRPC"
    _numbers = itertools.count()

    def on_start(self) -> None:
        """Connect."""
        self.options = self.environment.parsed_options
        self.connect(self.host or self.environment.host or "")
        self._turn = next(LoadUser._numbers)
        self._due = time.perf_counter()

    def connect(self, host: str) -> None:
        """Connect to a server, as `--host` names it."""
        self.client = connect(host or "127.0.0.1:8001")

    def on_stop(self) -> None:
        """Close the connection."""
        self.client.close()

    def wait_time(self) -> float:
        """Seconds until the next request: 0, or as many as keep all users together at `--rate`."""
        if not self.options.rate:
            return 0.0
        self._due += (self.options.num_users or 1) / self.options.rate
        return max(0.0, self._due - time.perf_counter())

    def next_photo(self) -> bytes:
        """The next photo in turn; each user begins with another one."""
        photos = photos_of(self.options.photos, self.options.coins, self.options.photo_size)
        self._turn += 1
        return photos[self._turn % len(photos)]

    @contextmanager
    def request(self, name: str) -> Iterator[None]:
        """Time the block as one request; an error of the client counts under its class."""
        start, failure = time.perf_counter(), None
        try:
            yield
        except MintmarkError as error:
            failure = type(error).__name__
            _explain(failure, str(error))
        self.environment.events.request.fire(
            request_type=self.kind,
            name=name,
            response_time=1e3 * (time.perf_counter() - start),
            response_length=0,
            exception=failure,
            context={},
        )


@lru_cache
def _explain(kind: str, message: str) -> None:
    """Log each message once: the statistics hold only its kind."""
    logging.warning("%s: %s", kind, message)
