"""A machine without a GPU: the target that needs one says so in one line, and a CPU's log does not complain of it."""

import subprocess
from pathlib import Path

import pytest

from server.gpu import missing_gpu
from tests.server.conftest import ROOT, SERVE_PYTHON, launch

pytestmark = pytest.mark.server

without_gpu = pytest.mark.skipif(not missing_gpu(), reason="there is a GPU here")


@without_gpu
def test_the_target_rtx_says_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    def untracked() -> str:
        command = ["git", "status", "--porcelain"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    before = untracked()
    command = [str(ROOT / SERVE_PYTHON), "-m", "server", "--target", "rtx", "--free-ports", "--no-web"]
    paths = ["--catalog", str(tmp_path / "catalog"), "--log", str(tmp_path / "server.log")]
    done = subprocess.run([*command, *paths], cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("loading models")]
    assert done.returncode == 1 and len(lines) == 1, done.stderr
    said = lines[0]
    assert said.startswith("error: the target rtx needs an NVIDIA GPU, and NVIDIA's driver")
    assert "--target cpu" in said
    assert not (tmp_path / "catalog").exists() and untracked() == before


@without_gpu
def test_a_cpus_log_does_not_speak_of_cuda_errors(tmp_path: Path) -> None:
    running = launch(tmp_path / "server", "--no-web")
    running.stop()
    log = (tmp_path / "server" / "server.log").read_text()
    assert "coin_search" in log
    assert [line for line in log.splitlines() if "CUDA" in line and line[:1] in "WEI"] == []
