"""The embedded server starts, fails and stops in order."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import onnx
import pytest

from ensemble import variables
from ensemble.configs import config_path, config_text
from ensemble.contract import (
    COIN_EMBEDDING,
    COMPUTE_MODELS,
    DECODE,
    ENSEMBLES,
    MODELS,
    PYTHON_MODELS,
    SEARCH,
    SEGMENTATION,
)
from ensemble.cpu import REFERENCE, Cpu
from ensemble.graph import Target
from ensemble.places import REPOSITORY
from mintmark import Client
from server.__main__ import parse
from server.assembly import assemble_models, write_configs
from server.embedded import EmbeddedServer
from server.launch import Ports
from server.wheel import MADE, ServerError, check_numpy, find_wheel, python_library
from tests.server.conftest import ROOT, SERVE_PYTHON, Coin, jpeg, launch

pytestmark = pytest.mark.server

SHARED_MEMORY = Path("/dev/shm")


def children(pid: int) -> list[int]:
    """All descendants of a process."""
    direct = [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]
    return direct + [each for child in direct for each in children(child)]


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def triton_of(pids: list[int]) -> int:
    """The one that is Triton."""
    return next(pid for pid in pids if "tritonserver" in Path(f"/proc/{pid}/cmdline").read_text())


def prefix_of(pids: list[int]) -> str:
    """How the names of Triton's shared memory begin; other servers of this machine have their own."""
    said = re.search(r"shm-region-prefix-name=(\S+?)\0", Path(f"/proc/{triton_of(pids)}/cmdline").read_text())
    assert said
    return said[1]


def all_end(pids: list[int], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(alive(pid) for pid in pids)


def test_survives_kill_and_stops_on_interrupt(tmp_path: Path, coins: list[Coin]) -> None:
    """An acknowledged enrolment survives kill -9, and Ctrl-C leaves nothing behind."""
    running = launch(tmp_path, "--no-restart")
    with Client(running.url) as client:
        entry = client.enroll(jpeg(coins[0].catalog), coins[0].fields)
    processes = children(running.process.pid)
    os.kill(triton_of(processes), signal.SIGKILL)
    assert running.process.wait(timeout=60) == 1  # says that Triton has ended
    assert all_end(processes)

    again = launch(tmp_path)
    with Client(again.url) as client:
        assert client.recognize(jpeg(coins[0].catalog)).matches[0].entry.id == entry.id
    processes = children(again.process.pid)
    prefix = prefix_of(processes)
    assert list(SHARED_MEMORY.glob(f"{prefix}*"))
    assert again.stop(signal.SIGINT) == 0
    assert all_end(processes)
    assert not list(SHARED_MEMORY.glob(f"{prefix}*"))


def test_ends_with_its_parent(tmp_path: Path) -> None:
    running = launch(tmp_path)
    processes = children(running.process.pid)
    assert processes
    running.stop(signal.SIGKILL)
    assert all_end(processes, seconds=60)


def test_failed_model_is_named_with_its_reason(tmp_path: Path) -> None:
    """A wrong tensor name in a compute graph keeps the server from starting."""
    repository = tmp_path / "repository"
    shutil.copytree(ROOT / REPOSITORY, repository)
    graph = onnx.load(repository / "segmentation" / "1" / "model.onnx")
    for node in graph.graph.node:
        for place, name in enumerate(node.input):
            if name == "image":
                node.input[place] = "photo"
    next(value for value in graph.graph.input if value.name == "image").name = "photo"
    onnx.save(graph, repository / "segmentation" / "1" / "model.onnx")
    with pytest.raises(
        ServerError, match=r"model coin_embedding failed: [\s\S]*inputs are .*'photo'.* the config says .*'image'"
    ):
        EmbeddedServer(tmp_path / "catalog", repository=repository).start()


def test_default_target_loads_as_far_as_the_wheel_goes(tmp_path: Path) -> None:
    """Triton accepts all configs for the GPU; what it lacks is the TensorRT backend and a GPU."""
    with pytest.raises(ServerError) as failed:
        EmbeddedServer(tmp_path / "catalog", target=Target.GPU).start()
    problems = str(failed.value).split("\n")
    reasons = {line.split(" ")[1]: line for line in problems if line.startswith("model ")}
    on_devices = (DECODE, SEARCH)
    assert set(reasons) == {model.name for model in (*COMPUTE_MODELS, *on_devices, *ENSEMBLES)}
    for model in COMPUTE_MODELS:
        assert "unable to find backend library for backend 'tensorrt'" in reasons[model.name]
    for model in on_devices:
        assert "has kind KIND_GPU but no GPUs are available" in reasons[model.name]


def test_the_reference_machine_gets_the_committed_configs(tmp_path: Path) -> None:
    assemble_models(ROOT / REPOSITORY, tmp_path, MODELS)
    for config in tmp_path.rglob("*.pbtxt"):
        config.write_text("to be replaced")
    write_configs(tmp_path, Target.CPU, REFERENCE)
    for model in (*COMPUTE_MODELS, *PYTHON_MODELS, *ENSEMBLES):
        path = config_path(model, Target.CPU)
        assert (tmp_path / path).read_text() == (ROOT / REPOSITORY / path).read_text()


def test_more_cores_get_more_instances() -> None:
    for model in (COIN_EMBEDDING, SEGMENTATION):
        text = config_text(model, Target.CPU, Cpu(32, 4))
        assert 'string_value: "32"' in text and 'string_value: "4"' in text
    assert "count: 5" in config_text(COIN_EMBEDDING, Target.CPU, Cpu(32, 4))


def test_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        free = Ports.free()
        with pytest.raises(ServerError, match=f"port {port} is in use"):
            EmbeddedServer(tmp_path, Ports(port, free.http, free.metrics)).start()


def test_free_ports_differ() -> None:
    ports = Ports.free()
    assert len({ports.grpc, ports.http, ports.metrics}) == 3
    assert not ports.busy()


@pytest.mark.parametrize("version", ["2.0.0", "2.4.1", "3.0.0"])
def test_numpy_2_is_refused(version: str) -> None:
    with pytest.raises(ServerError, match=rf"numpy {version} is installed.*install numpy<2"):
        check_numpy(version)


def test_numpy_1_is_taken() -> None:
    check_numpy("1.26.4")


def test_a_python_without_its_shared_library_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its models would fail to start again and again, until the server gives up after minutes."""
    name = f"libpython{sys.version_info[0]}.{sys.version_info[1]}.so.1.0"
    (tmp_path / name).write_bytes(b"")
    assert python_library(str(tmp_path)) == tmp_path
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    with pytest.raises(ServerError, match=r"need libpython3\.99\.so\.1\.0.*apt-get install libpython3\.99"):
        python_library(str(tmp_path))


def test_missing_triton_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(variables.TRITON, str(tmp_path))
    with pytest.raises(ServerError, match=r"run python build/get_triton\.py"):
        find_wheel()


def test_triton_is_found_where_make_puts_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By programs of another environment, such as that of the trainings."""
    monkeypatch.delenv(variables.TRITON, raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    if not MADE.is_dir():
        pytest.skip("Triton was not unpacked by make")
    assert find_wheel().folder == MADE


@pytest.mark.parametrize("cores", ["0", "-1", "all", "1.5", ""])
def test_a_number_of_cores_that_is_none(cores: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse([f"--cores={cores}"])
    assert "must be a number of cores from 1 on" in capsys.readouterr().err


def test_a_catalog_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    server = EmbeddedServer(tmp_path / "file" / "catalog", Ports.free())
    with pytest.raises(ServerError, match=r"the catalog's folder cannot be made: .*file/catalog"):
        server.start()


def test_serving_has_no_torch() -> None:
    """In the environment that `make serve` uses."""
    probe = "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is not None)"
    if variables.SERVE_PYTHON not in os.environ:
        pytest.skip("MINTMARK_SERVE_PYTHON is not set: make test sets it")
    assert subprocess.run([str(ROOT / SERVE_PYTHON), "-c", probe], check=False).returncode == 0
