"""The slim image, built and run: as its user, read-only, it recognizes photos through its gateway and stops in order.

It is built on a stand-in of Debian for Python's image, since no registry need be in reach. Its storage lies in the
folder of the test and is removed in the end.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.launch import Ports
from tests.deploy.conftest import ROOT

pytestmark = [pytest.mark.server, pytest.mark.slow]

IMAGE, NAME = "mintmark:slim", "slim"
PHOTO = (ROOT / "examples" / "coins" / "euro-1-cent.jpg").read_bytes()
COIN = {"name": "1 cent, Germany", "country": "Germany", "currency": "euro", "denomination": "0.01", "side": "obverse"}
READY_TIMEOUT = 180  # s
NETWORKS = "/run/netns"
# Where root may not raise limits, Podman's own for containers are refused; crun knows no machine with both cgroups.
CONFIGURATION = """[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
"""
STORAGE = """[storage]
driver = "overlay"
graphroot = "{folder}/images"
runroot = "{folder}/run"
"""
CLOSED = [
    *("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--pids-limit=4096", "--memory=6g"),
    *("--tmpfs=/tmp:mode=1777,size=1g,exec", "--shm-size=1g"),
    *("--volume=catalog:/var/lib/mintmark", "--volume=cache:/var/cache/mintmark"),
]


@dataclass(frozen=True)
class Podman:
    """Podman with a storage of its own."""

    environment: dict[str, str]

    def __call__(self, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        done = subprocess.run(
            ["podman", *words], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, (
            f"podman {' '.join(words)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        )
        return done


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """Podman, which has the image; the tests are skipped where this machine cannot make it or run one."""
    if missing := [program for program in ("debootstrap", "podman", "runc") if shutil.which(program) is None]:
        pytest.skip(f"no {', '.join(missing)}: make debian")
    if os.getuid() != 0:
        pytest.skip("debootstrap needs root")
    folder = tmp_path_factory.mktemp("containers")
    (folder / "containers.conf").write_text(CONFIGURATION)
    (folder / "storage.conf").write_text(STORAGE.format(folder=folder))
    podman = Podman(
        {
            **os.environ,
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "TMPDIR": str(folder),
        }
    )
    mounted = is_mounted(NETWORKS)
    try:
        refuse_where_none_runs(podman, folder)
        made = subprocess.run(
            [sys.executable, "build/stand_in_base.py", "slim"],
            cwd=ROOT,
            env=podman.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-4000:]
        # Without a layer for each step: nobody builds it again.
        building = ("--format=docker", "--isolation=chroot", "--pull=never", "--layers=false")
        podman("build", *building, "--file=deploy/Dockerfile.slim", f"--tag={IMAGE}", ".")
        yield podman
    finally:
        podman("rm", "--force", "--all", "--time=0", check=False)
        podman("system", "reset", "--force", check=False)
        if not mounted and is_mounted(NETWORKS):  # Podman leaves it
            subprocess.run(["umount", NETWORKS], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def is_mounted(folder: str) -> bool:
    """Whether something is mounted there, if only the folder itself."""
    return f" {folder} " in Path("/proc/self/mounts").read_text()


def refuse_where_none_runs(podman: Podman, folder: Path) -> None:
    """Skip, with the reason, where the kernel lets no container run."""
    archive = folder / "empty.tar"
    subprocess.run(["tar", "--create", "--file", archive, "--files-from", "/dev/null"], check=True)
    for words in (["import", "--quiet", str(archive), "empty"], ["run", "--rm", "empty", "/nothing"]):
        tried = podman(*words, check=False)
        if tried.returncode not in (0, 127):  # 127: it ran, and there is no such program in it
            pytest.skip(f"no container runs here: {(tried.stderr.strip().splitlines() or ['no reason'])[-1]}")


@dataclass(frozen=True)
class Running:
    """The container."""

    podman: Podman
    url: str

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Status and body of the gateway's answer."""
        request = urllib.request.Request(
            self.url + path, body, {name.replace("_", "-"): text for name, text in headers.items()}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def inside(self, *words: str) -> str:
        """What a program in the container says."""
        return self.podman("exec", NAME, *words).stdout

    def wait(self) -> None:
        """Wait until its health check passes."""
        deadline = time.monotonic() + READY_TIMEOUT
        while self.podman("exec", NAME, "python3", "-m", "web.healthcheck", check=False).returncode != 0:
            state = self.podman("inspect", NAME, "--format={{.State.Status}}").stdout.strip()
            assert state == "running" and time.monotonic() < deadline, self.podman("logs", NAME).stderr
            time.sleep(0.5)


@pytest.fixture(scope="module")
def running(podman: Podman) -> Running:
    port = Ports.free().http
    podman("run", "--detach", f"--name={NAME}", f"--publish=127.0.0.1:{port}:8080", *CLOSED, IMAGE)
    running = Running(podman, f"http://127.0.0.1:{port}")
    running.wait()
    return running


def test_it_is_nobody_in_particular_and_writes_nowhere_else(running: Running) -> None:
    assert running.inside("id", "-u").strip() == "10001"
    status = running.inside("cat", "/proc/1/status")
    assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status
    assert "Read-only file system" in running.podman("exec", NAME, "touch", "/opt/mintmark/x", check=False).stderr


def test_the_gateway_alone_faces_the_network(running: Running) -> None:
    """Its port on every address, and all others on loopback."""
    found = set()
    for table, loopback in (("tcp", "0100007F"), ("tcp6", "0000000000000000FFFF00000100007F")):
        for line in running.inside("cat", f"/proc/net/{table}").splitlines()[1:]:
            address, port = line.split()[1].split(":")
            if line.split()[3] == "0A" and address not in (loopback, "00000000000000000000000001000000"):
                found.add(int(port, 16))
    assert found == {8080}


def test_page_and_photo(running: Running) -> None:
    """Who has the token enrolls a coin; everybody may ask for it, and has the page for that."""
    status, page = running.ask("/")
    assert status == 200 and b"<title>Mintmark</title>" in page
    token = running.inside("cat", "/var/lib/mintmark/token").strip()
    body = b"".join(
        (
            b'--x\r\nContent-Disposition: form-data; name="fields"\r\n\r\n' + json.dumps(COIN).encode() + b"\r\n",
            b'--x\r\nContent-Disposition: form-data; name="photo"; filename="coin.jpg"\r\n',
            b"Content-Type: image/jpeg\r\n\r\n" + PHOTO + b"\r\n--x--\r\n",
        )
    )
    form = "multipart/form-data; boundary=x"
    assert running.ask("/api/entries", body, Content_Type=form)[0] in (401, 403)
    status, answer = running.ask("/api/entries", body, Content_Type=form, Authorization=f"Bearer {token}")
    assert status == 201, answer
    assert recognized(running) == COIN["name"]


def recognized(running: Running) -> str:
    status, answer = running.ask("/api/recognize", PHOTO, Content_Type="image/jpeg")
    assert status == 200, answer
    coin = json.loads(answer)["coin"]
    assert coin["known"]
    return str(coin["matches"][0]["entry"]["name"])


def test_the_packages_are_listed(running: Running) -> None:
    listed = json.loads(running.inside("cat", "/opt/mintmark/venv/sbom.cdx.json"))
    assert listed["bomFormat"] == "CycloneDX"
    versions = {one["name"]: one["version"] for one in listed["components"]}
    assert versions["numpy"] == running.inside("python3", "-c", "import numpy; print(numpy.__version__)").strip()
    assert {"fastapi", "openvino", "tritonclient"} <= set(versions)
    assert not {"pip", "cyclonedx-bom"} & set(versions)


def test_it_stops_in_order_and_knows_the_coin_again(running: Running) -> None:
    """Last: what was acknowledged is on the volume."""
    running.podman("stop", "--time=45", NAME)
    assert running.podman("inspect", NAME, "--format={{.State.ExitCode}}").stdout.strip() == "0"
    running.podman("start", NAME)
    running.wait()
    assert recognized(running) == COIN["name"]
