"""Settings from variables and files: defaults, refusals, and secrets that never show."""

import sys
from pathlib import Path

import pytest

from deploy.command import CUDA_POOL_MIB
from deploy.settings import ROOT, SettingsError, read_settings

TOKEN = {"MINTMARK_TOKEN": "token"}


def test_defaults_are_the_images() -> None:
    settings = read_settings(TOKEN)
    assert settings.target == "gpu"
    assert settings.catalog == Path("/var/lib/mintmark/catalog")
    assert settings.cuda_pool_mib == CUDA_POOL_MIB
    assert settings.backends is None
    assert settings.builder == (
        sys.executable,
        str(ROOT / "build" / "build_engines.py"),
        "--repository",
        str(ROOT / "model_repository"),
        "--cache",
        "/var/cache/mintmark/engines",
    )


def test_empty_is_unset() -> None:
    """Compose passes variables on that nobody has set."""
    settings = read_settings({**TOKEN, "MINTMARK_ADMIN_KEY": "", "MINTMARK_CUDA_POOL_MIB": "", "MINTMARK_BACKENDS": ""})
    assert settings.cuda_pool_mib == CUDA_POOL_MIB
    assert settings.backends is None
    assert settings.admin_key


def test_default_builders_exist() -> None:
    assert (ROOT / "build" / "build_engines.py").is_file()
    assert read_settings({**TOKEN, "MINTMARK_TARGET": "cpu"}).builder[1:3] == ("-m", "deploy.cpu_configs")


def test_no_gpu_memory_on_a_cpu() -> None:
    assert read_settings({**TOKEN, "MINTMARK_TARGET": "cpu", "MINTMARK_CUDA_POOL_MIB": "512"}).cuda_pool_mib == 0


def test_builder_is_split_like_a_shell_does() -> None:
    assert read_settings({**TOKEN, "MINTMARK_BUILDER": "build 'my engines'"}).builder == ("build", "my engines")


def test_key_is_made_where_none_is_given() -> None:
    first, second = read_settings(TOKEN).admin_key, read_settings(TOKEN).admin_key
    assert len(first) >= 32
    assert first != second


@pytest.mark.parametrize("key", ["short", "with a space and more", "with,comma,and,more", "with=equals=and=more"])
def test_key_that_the_command_line_cannot_hold(key: str) -> None:
    with pytest.raises(SettingsError, match="MINTMARK_ADMIN_KEY must be 16 or more") as refused:
        read_settings({**TOKEN, "MINTMARK_ADMIN_KEY": key})
    assert key not in str(refused.value)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "no token is set"),
        ({"MINTMARK_TOKEN": ""}, "no token is set"),
        ({"MINTMARK_TOKEN_FILE": "/nowhere/token"}, "MINTMARK_TOKEN_FILE: cannot read /nowhere/token as user"),
        ({**TOKEN, "MINTMARK_TARGET": "tpu"}, "MINTMARK_TARGET is 'tpu'; it must be one of gpu, cpu"),
        ({**TOKEN, "MINTMARK_CUDA_POOL_MIB": "2g"}, "MINTMARK_CUDA_POOL_MIB is '2g'; it must be a whole number"),
        ({**TOKEN, "MINTMARK_CUDA_POOL_MIB": "0"}, "MINTMARK_CUDA_POOL_MIB is '0'; it must be a whole number"),
    ],
)
def test_refusals(variables: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_settings(variables)


def test_file_comes_before_the_variable(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("  from the file \n")
    assert read_settings({**TOKEN, "MINTMARK_TOKEN_FILE": str(secret)}).token == "from the file"


def test_empty_file_is_no_open_server(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        read_settings({**TOKEN, "MINTMARK_TOKEN_FILE": str(secret)})
