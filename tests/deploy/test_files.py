"""Dockerfile and compose files pass their linters and are as closed as docs/deployment.md says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.opening import KINDS
from deploy.healthcheck import TIMEOUT
from ensemble import variables
from server.launch import STOP_TIMEOUT, Ports
from tests.deploy.conftest import ROOT
from tests.server.conftest import SERVE_PYTHON
from web.__main__ import parse
from web.healthcheck import PORT

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
SLIM_DOCKERFILE = (DEPLOY / "Dockerfile.slim").read_text()
TOOLS = Path(sys.executable).parent
COMPOSE = ("compose.gpu.yaml", "compose.cpu.yaml")
SLIM = "compose.slim.yaml"  # one container without NVIDIA's image
ADDED = ("compose.tls.yaml", "compose.mtls.yaml")  # come after one of COMPOSE
WEB = "compose.web.yaml"  # likewise: the gateway's container
UID = "10001"


def compose(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / name).read_text()))


def service(name: str) -> dict[str, Any]:
    return dict(compose(name)["services"]["mintmark"])


def stages(dockerfile: str = DOCKERFILE) -> dict[str, str]:
    """Text of each stage by its name, in order."""
    parts = re.split(r"^FROM (\S+) AS (\S+)$", dockerfile, flags=re.MULTILINE)
    return dict(zip(parts[2::3], parts[3::3], strict=True))


def seconds(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60}[duration[-1]]


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_hadolint() -> None:
    result = run(str(TOOLS / "hadolint"), "deploy/Dockerfile", "deploy/Dockerfile.slim")
    assert result.returncode == 0, result.stdout


def test_compose_schema() -> None:
    files = [str(path) for path in sorted(DEPLOY.glob("compose.*.yaml"))]
    assert {Path(file).name for file in files} >= {*COMPOSE, *ADDED, WEB, SLIM}
    result = run(str(TOOLS / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", *files)
    assert result.returncode == 0, result.stdout


def test_base_image_is_pinned_to_a_release() -> None:
    assert re.search(r"^ARG TRITON=\d\d\.\d\d-py3$", DOCKERFILE, flags=re.MULTILINE)
    sources = re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE)
    assert sources[0] == "nvcr.io/nvidia/tritonserver:${TRITON}"
    assert set(sources[1:]) <= {"triton", "mintmark"}  # every stage has the Python that runs in the end
    sources = re.findall(r"^FROM (\S+)", SLIM_DOCKERFILE, flags=re.MULTILINE)
    assert sources[0] == "${PYTHON}" and set(sources[1:]) <= {"python", "packages"}


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_images_run_as_nobody_in_particular(target: str) -> None:
    users = re.findall(r"^USER (\S+)$", stages()[target], flags=re.MULTILINE)
    assert users == [f"{UID}:{UID}"]
    assert f"useradd --uid {UID}" in stages()["mintmark"]


def test_the_slim_image_runs_as_nobody_in_particular() -> None:
    slim = stages(SLIM_DOCKERFILE)["slim"]
    assert re.findall(r"^USER (\S+)$", slim, flags=re.MULTILINE) == [f"{UID}:{UID}"]
    assert f"useradd --uid {UID}" in slim
    assert "python3 -m deploy.check_image slim" in slim
    assert re.findall(r"^EXPOSE (.+)$", SLIM_DOCKERFILE, flags=re.MULTILINE) == [str(PORT)]


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_images_are_checked_where_they_are_built(target: str) -> None:
    """Above all that numpy is older than 2."""
    assert f"python3 -m deploy.check_image {target}" in stages()[target]


def test_image_is_the_gpus_by_default() -> None:
    assert list(stages())[-1] == "gpu"


@pytest.mark.parametrize("dockerfile", [DOCKERFILE, SLIM_DOCKERFILE], ids=["triton", "slim"])
def test_packages_are_the_tested_ones(dockerfile: str) -> None:
    commands = re.findall(r"pip --python \w+/bin/python3 install(?:[^\n]*\\\n)*[^\n]*", dockerfile)
    assert commands and len(commands) == dockerfile.count("-m pip ")
    for command in commands:
        assert "--constraint requirements/constraints.txt" in command or "tensorrt-cu13-bindings==" in command


@pytest.mark.parametrize("dockerfile", [DOCKERFILE, SLIM_DOCKERFILE], ids=["triton", "slim"])
def test_each_environment_lists_its_packages_and_is_compiled_without_times(dockerfile: str) -> None:
    made = [text for name, text in stages(dockerfile).items() if name.startswith("packages")]
    assert made
    for text in made:
        assert "cyclonedx-py environment --output-reproducible --output-file venv/sbom.cdx.json" in text
        assert text.count("install --no-compile") == text.count("-m pip ")
        assert "compileall -q --invalidation-mode unchecked-hash" in text


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.slim"])
def test_all_that_is_copied_exists_and_is_let_into_the_build(name: str) -> None:
    copied = re.findall(r"^COPY (?!--from)((?:\S+ )+)\S+$", (DEPLOY / name).read_text(), flags=re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    ignored = (DEPLOY / f"{name}.dockerignore").read_text()
    let_in = set(re.findall(r"^!(\S+)$", ignored, flags=re.MULTILINE))
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(f"{source}/".startswith(f"{folder}/") for folder in let_in), source
    for folder in let_in:
        assert (ROOT / folder).is_dir(), folder
    assert "**/model.onnx" in ignored and "**/model.int8.onnx" in ignored  # made by the build, not by this machine


def test_secrets_stay_out_of_image_and_repository() -> None:
    assert run("git", "check-ignore", "deploy/secrets/token").returncode == 0
    for name in ("Dockerfile", "Dockerfile.slim"):
        assert "deploy/secrets" in (DEPLOY / f"{name}.dockerignore").read_text().splitlines()
        assert not re.search(r"^(ENV|ARG).*(TOKEN|KEY|PASSWORD)", (DEPLOY / name).read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("compose.*.yaml")), ids=lambda path: path.name)
def test_no_container_fills_its_machine(path: Path) -> None:
    """Neither its memory, nor its disk with a log."""
    for one in compose(path.name)["services"].values():
        if "image" in one:  # the others add to a service of another file
            assert one["mem_limit"]
            assert one["logging"]["driver"] == "json-file"
            assert {"max-size", "max-file"} <= set(one["logging"]["options"])
        for port in one.get("ports", []):
            assert "${" in port, f"{port} cannot be changed without changing the file"


@pytest.mark.parametrize("name", [*COMPOSE, SLIM])
def test_container_is_closed(name: str) -> None:
    container = service(name)
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in container["security_opt"]
    assert not {"privileged", "cap_add", "network_mode", "ipc", "pid", "user"} & set(container)


@pytest.mark.parametrize("name", COMPOSE)
def test_ports_are_published_on_loopback_only(name: str) -> None:
    inside = set()
    for port in service(name)["ports"]:
        published = re.fullmatch(r"127\.0\.0\.1:(?:\d+|\$\{\w+:-\d+\}):(\d+)", port)
        assert published, port
        inside.add(int(published[1]))
    assert inside == {Ports.grpc, Ports.http, Ports.metrics}


def test_of_the_slim_container_the_gateway_alone_is_published() -> None:
    assert service(SLIM)["ports"] == [f"${{MINTMARK_WEB_ADDRESS:-127.0.0.1}}:${{MINTMARK_WEB_PORT:-8080}}:{PORT}"]
    environment = service(SLIM)["environment"]
    assert all(value == f"${{{variable}:-}}" for variable, value in environment.items())
    assert {variables.TOKEN + variables.FILE, variables.READ_TOKEN, variables.WEB_NAME} <= set(environment)


def test_the_slim_container_may_run_triton_from_its_tmpfs() -> None:
    """Docker mounts a tmpfs without the right to run programs in it, unless it is asked."""
    assert [entry.split(":")[1].split(",") for entry in service(SLIM)["tmpfs"]] == [["mode=1777", "size=1g", "exec"]]


@pytest.mark.parametrize("name", COMPOSE)
def test_catalog_and_cache_outlive_the_container(name: str) -> None:
    assert set(compose(name)["volumes"]) == {"catalog", "cache"}
    targets = dict(volume.split(":") for volume in service(name)["volumes"])
    for variable, volume in (("MINTMARK_CATALOG", "catalog"), ("MINTMARK_CACHE", "cache")):
        folder = re.search(rf"{variable}=(\S+)", DOCKERFILE)
        assert folder and folder[1].startswith(targets[volume])


@pytest.mark.parametrize("name", COMPOSE)
def test_repository_lies_on_a_tmpfs_that_the_user_may_write(name: str) -> None:
    """By its mode, and its folder's in the image: Podman knows no owner of a tmpfs, runc takes the folder's."""
    tmpfs = dict(entry.split(":", 1) for entry in service(name)["tmpfs"])
    repository = re.search(r"MINTMARK_REPOSITORY=(\S+)", DOCKERFILE)
    assert repository is not None
    options = next(tmpfs[folder] for folder in tmpfs if repository[1].startswith(f"{folder}/"))
    assert "mode=1777" in options.split(",")
    assert "install --directory --mode=1777 /opt/mintmark/run\n" in DOCKERFILE


@pytest.mark.parametrize("name", COMPOSE)
def test_token_comes_from_a_file(name: str) -> None:
    environment = service(name)["environment"]
    assert environment.pop("MINTMARK_TOKEN_FILE") == "/run/secrets/token"
    assert all(value == f"${{{variable}:-}}" for variable, value in environment.items())  # no secret in the file
    passed_on = {variables.READ_TOKEN, *variables.GATE_ONLY, variables.CATALOG, variables.INDEX}
    passed_on |= {secret for kind in KINDS for secret in kind.secrets}
    assert passed_on <= set(environment)
    assert service(name)["secrets"] == ["token"]


@pytest.mark.parametrize("name", ADDED)
def test_tls_adds_its_files_as_secrets_and_nothing_else(name: str) -> None:
    added = compose(name)
    assert set(added) == {"services", "secrets"}
    assert set(added["services"]) == {"mintmark"}
    assert set(service(name)) <= {"environment", "secrets", "ports"}
    assert set(service(name)["environment"].values()) == {f"/run/secrets/{secret}" for secret in added["secrets"]}
    assert service(name)["secrets"] == list(added["secrets"])
    for secret in added["secrets"].values():
        assert secret["file"].startswith("./secrets/")


def test_only_tls_is_published_on_every_address() -> None:
    assert service("compose.tls.yaml")["ports"] == [f"${{MINTMARK_TLS_PORT:-8443}}:{Ports.grpc}"]
    assert "ports" not in service("compose.mtls.yaml")


def test_the_gateway_is_closed_and_has_nothing_of_the_server() -> None:
    added = compose(WEB)
    assert set(added) == {"services", "secrets"} and set(added["services"]) == {"web"}
    gateway = added["services"]["web"]
    assert gateway["read_only"] is True and gateway["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in gateway["security_opt"]
    assert gateway["secrets"] == list(added["secrets"]) == ["web_cert", "web_key"]
    assert not {"volumes", "environment", "privileged", "cap_add", "network_mode", "user"} & set(gateway)
    assert gateway["ports"] == [f"${{MINTMARK_WEB_PORT:-443}}:{PORT}"]
    users = re.findall(r"^USER (\S+)$", stages()["web"], flags=re.MULTILINE)
    assert users == ["10002:10002"] and "useradd --uid 10002" in stages()["web"]


def test_the_gateways_command_is_one() -> None:
    """It speaks TLS, and asks the server by its name in the project."""
    words = [re.sub(r"\$\{\w+:\?[^}]*\}", "coins.example", word) for word in compose(WEB)["services"]["web"]["command"]]
    options = parse(words)
    assert (options.url, options.host, options.name) == (f"mintmark:{Ports.grpc}", "0.0.0.0", ["coins.example"])
    assert (str(options.tls_cert), str(options.tls_key)) == ("/run/secrets/web_cert", "/run/secrets/web_key")
    assert options.port == PORT


def test_the_gateways_image_has_all_that_it_runs(tmp_path: Path) -> None:
    """The folders that it copies, and nothing else of this repository."""
    for line in re.findall(r"^COPY (?!--from)((?:\S+ )+)\S+$", stages()["web"], flags=re.MULTILINE):
        for source in line.split():
            shutil.copytree(ROOT / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
    paths = {"PYTHONPATH": f"{tmp_path}:{tmp_path}/python_client/src"}
    done = subprocess.run(
        [str(ROOT / SERVE_PYTHON), "-m", "web", "--url", "no address"],
        cwd=tmp_path,
        env={**os.environ, **paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and done.stderr.startswith("error: the server's address is HOST:PORT")
    done = subprocess.run(
        [str(ROOT / SERVE_PYTHON), "-m", "web.table_process"],
        cwd=tmp_path,
        env={**os.environ, **paths},
        input="path,entry,side\na.jpg,x,edge\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", [*COMPOSE, SLIM])
def test_times_fit_together(name: str) -> None:
    """Docker kills only after requests in flight had their time, and a check has time for its three requests."""
    assert seconds(service(name)["stop_grace_period"]) > STOP_TIMEOUT
    check = service(name)["healthcheck"]
    assert check["test"][1:] == ["python3", "-m", "web.healthcheck" if name == SLIM else "deploy.healthcheck"]
    assert seconds(check["timeout"]) > 3 * TIMEOUT


def test_one_gpu_for_one_container() -> None:
    devices = service("compose.gpu.yaml")["deploy"]["resources"]["reservations"]["devices"]
    assert [device["driver"] for device in devices] == ["nvidia"]
    assert len(devices[0]["device_ids"]) == 1
    assert devices[0]["capabilities"] == ["gpu"]
    assert "deploy" not in service("compose.cpu.yaml")
