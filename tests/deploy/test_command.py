"""The command line of the server in a container."""

from pathlib import Path

import pytest

from deploy.command import RESTRICTED, Listen, Triton, triton_command
from server import ServerError, Tls

GPU = triton_command(Triton("tritonserver", Path("/models"), cuda_pool_mib=2048), Listen(), "key")
CPU = triton_command(Triton("tritonserver", Path("/models"), "cpu", Path("/backends")), Listen("127.0.0.1"), "key")


def test_nothing_can_be_changed_from_outside() -> None:
    for argument in ("--model-control-mode=none", "--strict-readiness=true", "--exit-on-error=true"):
        assert argument in GPU
    assert "--disable-auto-complete-config" in GPU
    assert f"--grpc-restricted-protocol={','.join(RESTRICTED)}:mintmark-admin=key" in GPU
    assert not [argument for argument in GPU if argument.startswith("--cache-config")]


def test_inference_health_and_metadata_stay_open() -> None:
    assert not {"inference", "health", "metadata"} & set(RESTRICTED)


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
    command = triton_command(Triton("tritonserver", Path("/models"), tls=tls), Listen(), "key")
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
        triton_command(Triton("tritonserver", Path("/models"), tls=unreadable), Listen(), "key")
