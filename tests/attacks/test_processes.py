"""A server of which a part is killed or stopped: nothing stays behind, and it starts again by itself."""

import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import tritonclient.grpc as grpc
from tritonclient.utils import InferenceServerException

from mintmark import Client, ServerUnavailable
from tests.server.conftest import Running, launch, start
from tests.server.test_lifecycle import all_end, children

pytestmark = pytest.mark.server

PATIENCE = 240  # s


def words(process: psutil.Process) -> list[str]:
    """A process's command line; of one that has just ended, none."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # a zombie's too
        return []


def triton(running: Running) -> psutil.Process:
    (found,) = [one for one in psutil.Process(running.process.pid).children() if "tritonserver" in one.name()]
    return found


def stub(running: Running, name: str) -> psutil.Process:
    return next(one for one in triton(running).children() if f"{name}_0_0" in words(one))


def ready(running: Running) -> bool:
    with grpc.InferenceServerClient(running.url) as client:
        try:
            return bool(client.is_server_ready(client_timeout=10))
        except InferenceServerException:
            return False


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    server = launch(tmp_path)
    yield server
    server.stop()


def test_it_starts_again_by_itself(running: Running, tmp_path: Path) -> None:
    for victim in (triton, lambda server: stub(server, "search"), lambda server: stub(server, "catalog")):
        before = children(triton(running).pid)
        standing = [one.pid for one in gates(running)]
        killed = victim(running)
        killed.kill()
        with Client(running.url, timeout=PATIENCE) as client:
            wait(lambda: not ready(running))
            client.status()  # tried again until it starts
        wait(lambda: ready(running))
        assert all_end(before), "processes of the Triton before are left"
        assert all(psutil.pid_exists(gate) for gate in standing)
    assert (tmp_path / "server.crash.log").read_text()
    assert (tmp_path / "server.log").read_text().count("Started GRPCInferenceService") == 4, "the log was appended to"
    assert oct((tmp_path / "server.log").stat().st_mode)[-3:] == "600"


def test_a_stopped_process_is_not_ready(running: Running) -> None:
    held = stub(running, "search")
    held.send_signal(signal.SIGSTOP)
    wait(lambda: not ready(running))
    held.send_signal(signal.SIGCONT)
    wait(lambda: ready(running))


def test_nothing_stays_behind_whatever_ends_first(tmp_path: Path) -> None:
    running = launch(tmp_path)
    processes = children(running.process.pid)
    running.process.kill()
    assert all_end(processes, seconds=90)
    running.process.wait()


def gates(running: Running) -> list[psutil.Process]:
    return [one for one in psutil.Process(running.process.pid).children() if "server.gate" in words(one)]


def has_metrics(running: Running) -> bool:
    try:
        with urllib.request.urlopen(running.metrics, timeout=60) as metrics:
            return bool(metrics.status == 200)
    except OSError:
        return False


def answers(running: Running) -> bool:
    with Client(running.url, timeout=PATIENCE) as client:
        try:
            client.status()
        except ServerUnavailable:  # nobody listens yet
            return False
    return True


def test_the_gate_opens_again(running: Running) -> None:
    of_models = triton(running)
    for number in range(len(gates(running))):
        before = {one.pid for one in gates(running)}
        gates(running)[number].kill()
        wait(lambda: len({one.pid for one in gates(running)} - before) == 1)  # noqa: B023
        wait(lambda: answers(running))
        wait(lambda: has_metrics(running))
    wait(lambda: ready(running))
    assert triton(running).pid == of_models.pid, "its models served on"


def test_a_gate_that_may_not_open_again_ends_the_server(tmp_path: Path) -> None:
    running = launch(tmp_path, "--no-restart")
    processes = children(running.process.pid)
    gates(running)[0].kill()
    assert running.process.wait(timeout=90) == 1
    assert all_end(processes)


@pytest.mark.parametrize("after", [0.5, 2, 4])
def test_nothing_stays_behind_of_a_start(tmp_path: Path, after: float) -> None:
    """SIGTERM while the models load, twice, as from an impatient supervisor."""
    process = start(tmp_path)
    time.sleep(after)
    started = children(process.pid)
    for _ in range(2):
        process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) != 0
    assert all_end(started)


def test_who_restarts_it_may_say_so(tmp_path: Path) -> None:
    running = launch(tmp_path, "--no-restart")
    processes = children(running.process.pid)
    os.kill(stub(running, "search").pid, signal.SIGKILL)
    assert running.process.wait(timeout=90) == 1
    assert all_end(processes)
    with pytest.raises(ServerUnavailable), Client(running.url, timeout=2) as client:
        client.status()
