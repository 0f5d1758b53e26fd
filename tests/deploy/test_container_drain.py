"""A container that is told to stop serves on while it says that it is not ready."""

import time
from pathlib import Path

import pytest
import tritonclient.grpc as triton

from mintmark import Client
from tests.deploy.running import Server


@pytest.mark.server
def test_a_container_drains(tmp_path: Path) -> None:
    server = Server(tmp_path, MINTMARK_DRAIN="8")
    stopped = None
    try:
        server.wait("")
        with Client(server.grpc) as client, triton.InferenceServerClient(server.grpc) as channel:
            while "mintmark: ready" not in server.log.read_text():  # before, it has nobody to drain for
                time.sleep(0.05)
            server.process.terminate()
            while channel.is_server_ready():
                time.sleep(0.05)
            assert client.status().entries == 0, "it serves on"
            assert server.process.poll() is None
    finally:
        stopped = server.stop()
    assert stopped == 0
