"""The entrypoint assembles the models, builds engines in sight and runs Triton; or it gives a reason and ends."""

import fcntl
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.entrypoint import prepare
from deploy.environment import SettingsError
from deploy.settings import read_settings
from tests.deploy.conftest import ADMIN_KEY, READ_TOKEN, ROOT, TOKEN, Container, told

pytestmark = pytest.mark.slow

BUILD = """
import pathlib, sys
plan = pathlib.Path({repository!r}, "segmentation", "1", "model.plan")
plan.write_text("an engine")
print("segmentation: built", file=sys.stderr)
"""


TWO_SIGNALS = """
import signal, threading
from deploy.entrypoint import StoppedError, _stop
numbers = (signal.SIGINT, signal.SIGTERM)
for number in numbers:
    signal.signal(number, _stop)
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
for number in numbers:
    signal.pthread_kill(threading.main_thread().ident, number)
try:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
except StoppedError:
    print("ends in order")
"""


def test_a_second_signal_does_not_interrupt_the_end() -> None:
    """Such as Ctrl-C in a terminal whose container is stopped, too."""
    done = subprocess.run([sys.executable, "-c", TWO_SIGNALS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ends in order\n"), done.stderr


def build(container: Container) -> str:
    return container.builder(BUILD.format(repository=str(container.folder / "repository")))


def test_builds_then_runs_triton(container: Container) -> None:
    process = container.start(MINTMARK_BUILDER=build(container))
    output, log = process.communicate(timeout=60)
    triton = told(output)
    assert process.returncode == 1 and "tritonserver ended while it started" in log  # the fake Triton
    assert triton["folder"] == str(ROOT)
    assert log.index("segmentation: built") < log.index("starting Triton")
    assembled = container.folder / "repository" / "segmentation"
    assert (assembled / "1" / "model.plan").read_text() == "an engine"
    assert (assembled / "config.pbtxt").is_file()
    assert not (container.folder / "models" / "segmentation" / "1" / "model.plan").exists()


def test_triton_gets_the_tokens_and_not_the_key(container: Container) -> None:
    result = container.run(MINTMARK_BUILDER=build(container), MINTMARK_READ_TOKEN=READ_TOKEN, MINTMARK_INDEX="HNSW32")
    triton = told(result.stdout)
    environment = triton["environment"]
    assert isinstance(environment, dict)
    assert environment["MINTMARK_TOKEN"] == TOKEN
    assert environment["MINTMARK_READ_TOKEN"] == READ_TOKEN
    assert environment["MINTMARK_CATALOG"] == str(container.folder / "catalog")
    assert environment["MINTMARK_INDEX"] == "HNSW32"
    assert (container.folder / "catalog").is_dir()
    assert "MINTMARK_ADMIN_KEY" not in environment
    for secret in (ADMIN_KEY, TOKEN, READ_TOKEN):
        assert secret not in result.stderr
        assert secret not in " ".join(triton["arguments"])  # every user of the host can read them


def test_secrets_from_files_for_a_catalog_elsewhere(container: Container) -> None:
    names = ("MINTMARK_TOKEN", "MINTMARK_READ_TOKEN", "MINTMARK_MILVUS_TOKEN")
    for name in names:
        (container.folder / name).write_text(f"from-{name}\n")
    result = container.run(
        MINTMARK_BUILDER=build(container),
        MINTMARK_CATALOG="milvus://milvus:19530/coins",
        MINTMARK_INDEX="HNSW:M=16,ef=64",
        MINTMARK_TOKEN=None,
        **{f"{name}_FILE": str(container.folder / name) for name in names},
    )
    environment = told(result.stdout)["environment"]
    assert isinstance(environment, dict)
    for name in names:
        assert environment[name] == f"from-{name}"
        assert f"{name}_FILE" not in environment
        assert f"from-{name}" not in result.stderr
    assert environment["MINTMARK_CATALOG"] == "milvus://milvus:19530/coins"
    assert environment["MINTMARK_INDEX"] == "HNSW:M=16,ef=64"
    assert not list(container.folder.glob("milvus:*")) and not (ROOT / "milvus:").exists()


def test_image_without_milvus_s_client_is_named(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_settings({**container.environment, "MINTMARK_CATALOG": "milvus://milvus:19530/coins"})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"needs pymilvus: install requirements/stores\.txt in this container"):
        prepare(settings)


def test_unreadable_certificate_is_named_before_anything_is_built(container: Container) -> None:
    result = container.run(
        MINTMARK_BUILDER=build(container),
        MINTMARK_TLS_CERT_FILE="/nowhere/server.pem",
        MINTMARK_TLS_KEY_FILE="/nowhere/server.key",
    )
    assert result.returncode == 1
    assert "mintmark: error: cannot read the TLS file /nowhere/server.pem as user" in result.stderr
    assert not (container.folder / "repository").exists()


def test_progress_is_seen_while_it_builds(container: Container) -> None:
    """Its first line arrives at once: the builder goes on only when the test has seen it."""
    seen = container.folder / "seen"
    builder = container.builder(
        f"import os, sys, time\nprint('step 1', file=sys.stderr, flush=True)\n"
        f"while not os.path.exists({str(seen)!r}): time.sleep(0.01)\nprint('step 2', file=sys.stderr)\n"
    )
    process = container.start(MINTMARK_BUILDER=builder)
    assert process.stderr is not None
    assert "preparing the models" in process.stderr.readline()
    assert process.stderr.readline() == "step 1\n"
    seen.touch()
    _, log = process.communicate(timeout=60)
    assert log.startswith("step 2\n")


def test_failed_builder_keeps_triton_from_starting(container: Container) -> None:
    builder = container.builder("import sys; sys.exit('error: TensorRT cannot take zoom')")
    result = container.run(MINTMARK_BUILDER=builder)
    assert result.returncode == 1
    assert "TensorRT cannot take zoom" in result.stderr
    assert "the builder ended with status 1; the server is not started" in result.stderr
    assert result.stdout == ""


def test_status_of_the_builder_is_the_containers(container: Container) -> None:
    assert container.run(MINTMARK_BUILDER=container.builder("raise SystemExit(7)")).returncode == 7


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_while_building(container: Container, number: signal.Signals) -> None:
    """The signal goes to the builder, and Triton does not start."""
    builder = container.builder(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        "print('building', file=sys.stderr, flush=True)\ntime.sleep(60)\n"
    )
    process = container.start(MINTMARK_BUILDER=builder)
    assert process.stderr is not None
    while process.stderr.readline() != "building\n":
        pass
    process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert output == ""


def test_two_containers_do_not_build_at_once(container: Container) -> None:
    """They use one cache; the second builder runs when the first has ended."""
    go_on = container.folder / "go on"
    first = container.start(
        MINTMARK_BUILDER=container.builder(
            f"import os, sys, time\nprint('building', file=sys.stderr, flush=True)\n"
            f"while not os.path.exists({str(go_on)!r}): time.sleep(0.01)\n"
        )
    )
    assert first.stderr is not None
    while first.stderr.readline() != "building\n":
        pass
    second = container.start(MINTMARK_BUILDER=f"{sys.executable} -c pass")
    assert second.stderr is not None
    assert second.stderr.readline().startswith("mintmark: waiting for another container")
    go_on.touch()
    for process in (first, second):
        process.communicate(timeout=60)
        assert process.returncode == 1


def test_stopped_while_waiting_for_another_container(container: Container) -> None:
    (container.folder / "cache").mkdir()
    with (container.folder / "cache" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = container.start(MINTMARK_BUILDER="never")
        assert process.stderr is not None
        process.stderr.readline()
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM


def test_missing_builder_is_named(container: Container) -> None:
    result = container.run(MINTMARK_BUILDER="/nowhere/builder")
    assert result.returncode == 1
    assert "cannot run the builder /nowhere/builder" in result.stderr


def test_missing_triton_is_named_before_anything_is_built(container: Container) -> None:
    result = container.run(MINTMARK_BUILDER=build(container), MINTMARK_TRITONSERVER="/nowhere/tritonserver")
    assert result.returncode == 1
    assert "no /nowhere/tritonserver in this container" in result.stderr
    assert not (container.folder / "repository").exists()


def test_no_token_no_server(container: Container) -> None:
    result = container.run(MINTMARK_BUILDER=build(container), MINTMARK_TOKEN=None)
    assert result.returncode == 1
    assert "set MINTMARK_TOKEN_FILE" in result.stderr


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_volume_of_another_user_is_named(container: Container) -> None:
    catalog = container.folder / "catalog"
    catalog.mkdir(mode=0o555)
    result = container.run(MINTMARK_BUILDER=build(container))
    assert result.returncode == 1
    assert f"the catalog's folder {catalog} cannot be written by user {os.getuid()}" in result.stderr


def test_file_in_the_place_of_the_cache_is_named(container: Container) -> None:
    (container.folder / "cache").write_text("a file")
    result = container.run(MINTMARK_BUILDER=build(container))
    assert result.returncode == 1
    assert f"the cache {container.folder / 'cache'} cannot be written" in result.stderr


def test_second_start_builds_on_the_first(container: Container) -> None:
    """A restart keeps what the builder made, and renews what the image brings."""
    container.run(MINTMARK_BUILDER=build(container))
    config = container.folder / "repository" / "segmentation" / "config.pbtxt"
    config.write_text("changed")
    engine = Path("segmentation", "1", "model.plan")
    checks = container.builder(
        f"import pathlib; assert pathlib.Path({str(container.folder / 'repository' / engine)!r}).is_file()"
    )
    assert "tritonserver ended while it started" in container.run(MINTMARK_BUILDER=checks).stderr
    assert config.read_text() == 'name: "segmentation"\n'
