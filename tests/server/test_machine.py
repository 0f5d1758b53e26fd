"""The embedded server and the container keep to a container's limits on cores and memory."""

import os
from pathlib import Path

import pytest

from deploy import cpu_configs
from ensemble import variables
from ensemble.configs import config_path, config_text
from ensemble.contract import COIN_EMBEDDING
from ensemble.cpu import Cpu
from ensemble.graph import Target
from server import machine
from server.embedded import EmbeddedServer
from server.machine import usable_cores, usable_memory


def test_quota_limits_the_cores(tmp_path: Path) -> None:
    everything = len(os.sched_getaffinity(0))
    quota = tmp_path / "cpu.max"
    assert usable_cores(quota) == everything
    for text, cores in (("max 100000", everything), ("50000 100000", 1), ("99900000 100000", everything)):
        quota.write_text(text + "\n")
        assert usable_cores(quota) == cores


def test_a_container_s_limit_counts_where_it_is_less_than_the_machine_has(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    machine = usable_memory(limit)
    assert machine > 1 << 28
    for text, expected in (("max", machine), ("268435456", 1 << 28), (str(1 << 60), machine)):
        limit.write_text(text + "\n")
        assert usable_memory(limit) == expected


def test_the_embedded_server_and_the_container_use_the_same_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "usable_cores", lambda: 3)
    monkeypatch.setattr(machine, "usable_memory", lambda: 1 << 28)
    assert EmbeddedServer(tmp_path / "catalog").cpu == Cpu(3, 1)
    assert EmbeddedServer(tmp_path / "catalog", cores=5).cpu == Cpu(5, 1)
    monkeypatch.delenv(variables.CORES, raising=False)
    assert cpu_configs.main([str(tmp_path)]) == 0
    config = tmp_path / config_path(COIN_EMBEDDING, Target.CPU)
    assert config.read_text() == config_text(COIN_EMBEDDING, Target.CPU, Cpu(3, 1))
