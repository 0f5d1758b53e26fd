"""The command line of Triton in a container."""

from dataclasses import replace
from pathlib import Path

import pytest

from deploy.command import EVERY_ADDRESS, hardened
from server import ServerError, Tls
from server.launch import OPERATOR_ENDPOINTS, Launch, triton_command

IMAGE = Launch("tritonserver", Path("/models"), address=EVERY_ADDRESS)
GPU = triton_command(hardened(replace(IMAGE, cuda_pool_mib=2048), "key"))
ON_CPU = replace(IMAGE, config_name="cpu", backends=Path("/backends"), address="127.0.0.1")
CPU = triton_command(hardened(ON_CPU, "key"))


def test_nothing_can_be_changed_from_outside() -> None:
    for argument in ("--model-control-mode=none", "--strict-readiness=true", "--exit-on-error=true"):
        assert argument in GPU
    assert "--disable-auto-complete-config" in GPU
    assert f"--grpc-restricted-protocol={','.join(OPERATOR_ENDPOINTS)}:mintmark-admin=key" in GPU
    assert not [argument for argument in GPU if argument.startswith("--cache-config")]


def test_inference_health_and_metadata_stay_open() -> None:
    assert not {"inference", "health", "metadata"} & set(OPERATOR_ENDPOINTS)


def test_gpu_gets_memory_and_the_default_configs() -> None:
    assert "--cuda-memory-pool-byte-size=0:2147483648" in GPU
    assert "--pinned-memory-pool-byte-size=1073741824" in GPU
    assert not [argument for argument in GPU if argument.startswith(("--model-config-name", "--backend-directory"))]


def test_cpu_gets_its_configs_and_backends() -> None:
    assert "--model-config-name=cpu" in CPU
    assert "--backend-directory=/backends" in CPU
    assert "--metrics-address=127.0.0.1" in CPU
    assert not [argument for argument in CPU if "memory-pool" in argument]


def test_tls_leaves_nothing_unencrypted_but_metrics(pem: Path) -> None:
    tls = Tls(pem / "server.pem", pem / "server.key")
    command = triton_command(hardened(replace(IMAGE, tls=tls), "key"))
    for argument in (
        "--grpc-use-ssl=1",
        f"--grpc-server-cert={pem / 'server.pem'}",
        "--grpc-address=0.0.0.0",
        "--http-address=127.0.0.1",
        "--metrics-address=0.0.0.0",
    ):
        assert argument in command
    assert "--http-address=0.0.0.0" in GPU
    assert not [argument for argument in GPU if "ssl" in argument or "cert" in argument]
    unreadable = Tls(pem / "server.pem", pem / "nowhere.key")
    with pytest.raises(ServerError, match="cannot read the TLS file"):
        triton_command(hardened(replace(IMAGE, tls=unreadable), "key"))
