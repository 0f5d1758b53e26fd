"""CPU configs for the cores that a container may use."""

from pathlib import Path

import pytest

from deploy.cpu_configs import main
from ensemble import variables
from ensemble.configs import config_path
from ensemble.contract import COIN_EMBEDDING, MODELS
from ensemble.cpu import REFERENCE
from ensemble.graph import Target
from ensemble.places import REPOSITORY, ROOT
from server.assembly import write_configs


def test_two_cores_get_the_committed_configs(tmp_path: Path) -> None:
    write_configs(tmp_path, Target.CPU, REFERENCE)
    for model in MODELS:
        path = config_path(model, Target.CPU)
        assert (tmp_path / path).read_text() == (ROOT / REPOSITORY / path).read_text()


def test_cores_by_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variables.CORES, "16")
    assert main([str(tmp_path)]) == 0
    assert 'string_value: "16"' in (tmp_path / config_path(COIN_EMBEDDING, Target.CPU)).read_text()


@pytest.mark.parametrize("cores", ["0", "two", "-1"])
def test_no_such_number_of_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cores: str
) -> None:
    monkeypatch.setenv(variables.CORES, cores)
    assert main([str(tmp_path)]) == 2
    assert f"MINTMARK_CORES is '{cores}'" in capsys.readouterr().err
