"""A Triton that aborts while it starts is started again; one that ends by itself says why, and stays down."""

import os
import sys
from pathlib import Path

import pytest

from server.log import TritonLog
from server.triton import Triton
from server.wheel import ServerError

# Stands in for tritonserver: it counts its starts in a file, and aborts or ends.
STANDIN = """
import os, sys
with open(sys.argv[1], "a") as file:
    file.write("x")
print("about to end", flush=True)
os.abort() if sys.argv[2] == "abort" else sys.exit(1)
"""


@pytest.mark.parametrize(("how", "starts"), [("abort", 3), ("exit", 1)])
def test_what_aborts_is_started_again(tmp_path: Path, how: str, starts: int) -> None:
    log, counted = TritonLog(tmp_path / "log", lambda line: None), tmp_path / "starts"
    try:
        with pytest.raises(ServerError, match=r"(?s)tritonserver ended while it started.*about to end"):
            command = [sys.executable, "-c", STANDIN, str(counted), how]
            Triton.ready(command, dict(os.environ), tmp_path / "s", log)
    finally:
        log.close()
    assert counted.read_text() == "x" * starts
