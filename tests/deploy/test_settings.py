"""Settings from variables and files: defaults, refusals, and secrets that are never shown."""

import sys
from pathlib import Path

import pytest

from deploy.command import CUDA_POOL_MIB
from deploy.environment import SettingsError
from deploy.settings import ROOT, read_settings
from ensemble import variables
from server.tls import Tls

TOKEN = {"MINTMARK_TOKEN": "token"}


def test_defaults_are_the_images() -> None:
    settings = read_settings(TOKEN)
    assert settings.target == "gpu"
    assert settings.catalog == "/var/lib/mintmark/catalog"
    assert (settings.index, settings.read_token, settings.store_secrets[variables.MILVUS_TOKEN], settings.tls) == (
        "",
        "",
        "",
        None,
    )
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
    """Compose passes variables on even if nobody has set them."""
    names = ("ADMIN_KEY", "CUDA_POOL_MIB", "BACKENDS", "READ_TOKEN", "CATALOG", "INDEX", "MILVUS_TOKEN")
    tls = ("TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CLIENT_CA_FILE")
    settings = read_settings({**TOKEN, **dict.fromkeys((f"MINTMARK_{name}" for name in (*names, *tls)), "")})
    assert settings.cuda_pool_mib == CUDA_POOL_MIB
    assert settings.backends is None
    assert settings.admin_key
    assert settings.catalog == read_settings(TOKEN).catalog
    assert (settings.index, settings.read_token, settings.store_secrets[variables.MILVUS_TOKEN], settings.tls) == (
        "",
        "",
        "",
        None,
    )


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
        (
            {**TOKEN, "MINTMARK_READ_TOKEN_FILE": "/nowhere/token"},
            "MINTMARK_READ_TOKEN_FILE: cannot read /nowhere/token",
        ),
        ({**TOKEN, "MINTMARK_MILVUS_TOKEN_FILE": "/nowhere/token"}, "MINTMARK_MILVUS_TOKEN_FILE: cannot read /nowhere"),
        ({**TOKEN, "MINTMARK_INDEX": "HSNW32"}, "MINTMARK_INDEX is 'HSNW32'; an index is one of"),
        (
            {**TOKEN, "MINTMARK_INDEX": "HNSW:M=16,ef=64"},
            "MINTMARK_INDEX is 'HNSW:M=16,ef=64'; an index is",
        ),
        ({**TOKEN, "MINTMARK_CATALOG": "milvus://host"}, "MINTMARK_CATALOG: 'milvus://host' must be milvus://HOST:"),
        (
            {**TOKEN, "MINTMARK_CATALOG": "http://host/coins"},
            "MINTMARK_CATALOG: 'http://host/coins' is no catalog; it must be",
        ),
        ({**TOKEN, "MINTMARK_TARGET": "tpu"}, "MINTMARK_TARGET is 'tpu'; it must be one of gpu, cpu"),
        ({**TOKEN, "MINTMARK_DRAIN": "31"}, "MINTMARK_DRAIN is '31'; it must be a number of seconds up to 30"),
        ({**TOKEN, "MINTMARK_DRAIN": "-1"}, "MINTMARK_DRAIN is '-1'; it must be a number of seconds up to 30"),
        ({**TOKEN, "MINTMARK_CUDA_POOL_MIB": "2g"}, "MINTMARK_CUDA_POOL_MIB is '2g'; it must be a whole number"),
        ({**TOKEN, "MINTMARK_CUDA_POOL_MIB": "0"}, "MINTMARK_CUDA_POOL_MIB is '0'; it must be a whole number"),
    ],
)
def test_refusals(variables: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_settings(variables)


def test_file_comes_before_the_variable(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("  from-the-file \n")
    assert read_settings({**TOKEN, "MINTMARK_TOKEN_FILE": str(secret)}).token == "from-the-file"


def test_empty_file_is_no_open_server(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        read_settings({**TOKEN, "MINTMARK_TOKEN_FILE": str(secret)})


@pytest.mark.parametrize("name", ["MINTMARK_TOKEN", "MINTMARK_READ_TOKEN"])
@pytest.mark.parametrize("token", ["two words", "line\n", "schlüssel"])
def test_token_that_no_header_can_hold(name: str, token: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} has spaces, line ends or letters outside ASCII") as refused:
        read_settings({**TOKEN, name: token})
    assert token not in str(refused.value)


def test_catalog_elsewhere_keeps_its_own_kind_of_index() -> None:
    location = {"MINTMARK_CATALOG": "milvus://milvus:19530/coins", "MINTMARK_INDEX": "HNSW:M=16,ef=64"}
    settings = read_settings({**TOKEN, **location, "MINTMARK_MILVUS_TOKEN": "root:pass word"})
    assert settings.catalog == "milvus://milvus:19530/coins"
    assert settings.index == "HNSW:M=16,ef=64"
    assert settings.store_secrets[variables.MILVUS_TOKEN] == "root:pass word"


def test_password_in_the_location_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError, match="set MINTMARK_MILVUS_TOKEN=USER:PASSWORD") as refused:
        read_settings({**TOKEN, "MINTMARK_CATALOG": "milvus://root:hidden@milvus/coins"})
    assert "hidden" not in str(refused.value)


def test_settings_show_no_secret() -> None:
    names = ("TOKEN", "READ_TOKEN", "MILVUS_TOKEN", "ADMIN_KEY")
    shown = repr(read_settings({f"MINTMARK_{name}": "hidden-and-16-or-more" for name in names}))
    assert "hidden" not in shown


CERT, KEY, CLIENT_CA = "MINTMARK_TLS_CERT_FILE", "MINTMARK_TLS_KEY_FILE", "MINTMARK_TLS_CLIENT_CA_FILE"


def test_certificates(pem: Path) -> None:
    pair = {CERT: str(pem / "server.pem"), KEY: str(pem / "server.key")}
    assert read_settings({**TOKEN, **pair}).tls == Tls(pem / "server.pem", pem / "server.key")
    mutual = read_settings({**TOKEN, **pair, CLIENT_CA: str(pem / "ca.pem")}).tls
    assert mutual == Tls(pem / "server.pem", pem / "server.key", pem / "ca.pem")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({CERT: "server.pem"}, f"{CERT} and {KEY} belong together"),
        ({KEY: "server.key"}, f"{CERT} and {KEY} belong together"),
        ({CLIENT_CA: "ca.pem"}, f"{CLIENT_CA} to them"),
        ({CERT: "server.pem", KEY: "nowhere.key"}, r"cannot read the TLS file .*/nowhere\.key as user \d+"),
        ({CERT: "server.pem", KEY: "client.key"}, r"server\.pem and .*client\.key are no certificate and its key"),
        ({CERT: "server.pem", KEY: "server.pem"}, "are no certificate and its key, in PEM and without a password"),
        ({CERT: "server.pem", KEY: "server.key", CLIENT_CA: "ca.key"}, r"ca\.key is no certificate of an authority"),
    ],
)
def test_certificates_that_triton_would_end_with(pem: Path, files: dict[str, str], message: str) -> None:
    variables = {name: str(pem / file) for name, file in files.items()}
    with pytest.raises(SettingsError, match=message):
        read_settings({**TOKEN, **variables})
