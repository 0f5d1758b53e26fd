"""The command line of Triton in a container."""

from dataclasses import replace
from pathlib import Path

from deploy.command import hardened
from server.launch import Launch, triton_command

IMAGE = Launch("tritonserver", Path("/models"), Path("/opt/mintmark/run/sockets"))
GPU = triton_command(hardened(replace(IMAGE, cuda_pool_mib=2048)))
ON_CPU = replace(IMAGE, config_name="cpu", backends=Path("/backends"))
CPU = triton_command(hardened(ON_CPU))


def test_nothing_can_be_changed_from_outside() -> None:
    for argument in ("--model-control-mode=none", "--strict-readiness=true", "--exit-on-error=true"):
        assert argument in GPU
    assert "--disable-auto-complete-config" in GPU
    assert not [argument for argument in GPU if argument.startswith("--cache-config")]


def test_gpu_gets_memory_and_the_default_configs() -> None:
    assert "--cuda-memory-pool-byte-size=0:2147483648" in GPU
    assert "--pinned-memory-pool-byte-size=1073741824" in GPU
    assert not [argument for argument in GPU if argument.startswith(("--model-config-name", "--backend-directory"))]


def test_cpu_gets_its_configs_and_backends() -> None:
    assert "--model-config-name=cpu" in CPU
    assert "--backend-directory=/backends" in CPU
    assert not [argument for argument in CPU if "memory-pool" in argument]
