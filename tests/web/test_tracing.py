"""The gateway's own spans, before collectors that are well, away, or never answer."""

import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from server.gateway import _END_TIMEOUT
from tests.server.collector import collecting
from tests.server.conftest import ROOT

pytestmark = pytest.mark.slow

SECRET = "what-somebody-sent"


@contextmanager
def gateway(collector: str) -> Iterator["tuple[subprocess.Popen[str], str]"]:
    """A gateway before no server at all, and its address; killed where it does not end."""
    command = [sys.executable, "-m", "web", "--url", "127.0.0.1:9", "--port", "0", "--traces", collector]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    batches = {"OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1"}  # ms between them, spans of one
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **batches}, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process, process.stdout.readline().removeprefix("ready: ").strip()
        finally:
            process.kill()


def ask(url: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url + path, timeout=30)
    refused.value.close()


def test_a_span_has_nothing_of_what_people_send() -> None:
    with collecting() as collector, gateway(collector.url) as (process, url):
        ask(url, f"/api/{SECRET}?name={SECRET}")
        ask(url, f"/api/entries/{SECRET}?{SECRET}=1")
        process.terminate()
        assert process.wait(_END_TIMEOUT) == 0
        assert {"GET /api/entries/{entry_id}"} < {span.name for span in collector.spans}
        assert SECRET.encode() not in collector.received
        assert b"http.route" in collector.received


def test_a_collector_that_never_answers_holds_nobody_up() -> None:
    """The server would kill a gateway that takes longer."""
    silent = socket.create_server(("127.0.0.1", 0))
    with closing(silent), gateway(f"http://127.0.0.1:{silent.getsockname()[1]}") as (process, url):
        for _ in range(5):
            ask(url, "/api/nothing")
        process.terminate()
        assert process.wait(_END_TIMEOUT) == 0


def test_a_collector_that_is_away_is_told_once() -> None:
    with gateway("http://127.0.0.1:9") as (process, url):
        ask(url, "/api/nothing")
        threading.Event().wait(4)  # it tries again after one second, and after two more
        process.terminate()
        said = process.communicate(timeout=_END_TIMEOUT)[1].splitlines()
    assert len(said) == 1 and said[0].startswith("traces: ")
