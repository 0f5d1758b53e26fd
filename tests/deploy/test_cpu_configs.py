"""CPU configs for the cores that a container may use."""

import os
from pathlib import Path

import pytest

from deploy.cpu_configs import main, usable_cores, write_configs
from ensemble.contract import COIN_EMBEDDING, MODELS
from ensemble.cpu import REFERENCE
from ensemble.graph import Target
from ensemble.render import REPOSITORY, ROOT, config_path


def test_two_cores_get_the_committed_configs(tmp_path: Path) -> None:
    write_configs(tmp_path, REFERENCE)
    for model in MODELS:
        path = config_path(model, Target.CPU)
        assert (tmp_path / path).read_text() == (ROOT / REPOSITORY / path).read_text()


def test_cores_by_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINTMARK_CORES", "16")
    assert main([str(tmp_path)]) == 0
    assert 'string_value: "16"' in (tmp_path / config_path(COIN_EMBEDDING, Target.CPU)).read_text()


@pytest.mark.parametrize("cores", ["0", "two", "-1"])
def test_no_such_number_of_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cores: str
) -> None:
    monkeypatch.setenv("MINTMARK_CORES", cores)
    assert main([str(tmp_path)]) == 2
    assert f"MINTMARK_CORES is '{cores}'" in capsys.readouterr().err


def test_quota_limits_the_cores(tmp_path: Path) -> None:
    everything = len(os.sched_getaffinity(0))
    quota = tmp_path / "cpu.max"
    assert usable_cores(quota) == everything
    for text, cores in (("max 100000", everything), ("50000 100000", 1), ("99900000 100000", everything)):
        quota.write_text(text + "\n")
        assert usable_cores(quota) == cores
