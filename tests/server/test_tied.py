"""A tied command ends with the process that started it."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from server.tied import tied

ROOT = Path(__file__).resolve().parents[2]
STARTS_ONE = """
import subprocess
from server.tied import tied
print(subprocess.Popen(tied(["sleep", "600"])).pid, flush=True)
input()
"""


def test_ends_with_its_parent() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    while child.name() != "sleep":
        assert child.is_running()
    parent.kill()
    parent.communicate(timeout=30)
    child.wait(timeout=30)


def test_is_the_command_with_its_descriptors_and_variables() -> None:
    result = subprocess.run(tied(["sh", "-c", "echo $WORD"]), env={"WORD": "here"}, capture_output=True, text=True)
    assert (result.stdout, result.stderr, result.returncode) == ("here\n", "", 0)


def test_says_what_cannot_be_run() -> None:
    result = subprocess.run(tied(["/no/such/program"]), capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == "/no/such/program cannot be run: No such file or directory\n"


def test_does_not_start_without_its_parent(capfd: pytest.CaptureFixture[str]) -> None:
    command = tied(["echo", "started"])
    command[command.index(str(psutil.Process().pid))] = "1"
    assert subprocess.run(command, check=False).returncode == 0
    assert capfd.readouterr().out == ""
