"""Model processes that have died are found among all processes."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from server.embedded import EmbeddedServer
from server.stubs import dead_stubs, stopped_stubs
from server.wheel import ServerError


def process(folder: Path, number: int, name: str, state: str, parent: int) -> None:
    (folder / str(number)).mkdir()
    (folder / str(number) / "stat").write_text(f"{number} ({name}) {state} {parent} {number} 0 -1 4194560 0\n")


def test_the_dead_of_a_server_are_told_from_the_living_and_from_others(tmp_path: Path) -> None:
    process(tmp_path, 12, "triton_python_b", "Z", 7)
    process(tmp_path, 11, "triton_python_b", "Z", 7)
    process(tmp_path, 13, "triton_python_b", "S", 7)
    process(tmp_path, 14, "triton_python_b", "Z", 8)
    process(tmp_path, 15, "a) Z (b", "Z", 7)
    (tmp_path / "16").mkdir()  # ended while the processes are listed
    (tmp_path / "self").mkdir()
    assert dead_stubs(7, tmp_path) == [11, 12]
    assert dead_stubs(processes=tmp_path) == [11, 12, 14]
    assert dead_stubs(9, tmp_path) == []


def test_the_stopped_are_found_too(tmp_path: Path) -> None:
    for number, state in enumerate("SRZTtD", 20):
        process(tmp_path, number, "triton_python_b", state, 7)
    assert stopped_stubs(7, tmp_path) == [23, 24]
    assert stopped_stubs(8, tmp_path) == []


def test_a_zombie_of_the_system_has_the_state_that_is_looked_for() -> None:
    child = subprocess.Popen(["true"])
    while "(true) Z" not in Path(f"/proc/{child.pid}/stat").read_text():
        time.sleep(0.01)
    assert dead_stubs(os.getpid()) == []  # the child has another name
    child.wait()


@pytest.mark.server
def test_a_server_ends_when_a_model_dies(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path, restart=False) as server:
        (stub, *_) = [each for each in psutil.Process(server.pid).children() if "search_0_0" in each.cmdline()]
        os.kill(stub.pid, signal.SIGKILL)
        with pytest.raises(ServerError, match=f"the process of a model has died: {stub.pid}"):
            server.watch()
