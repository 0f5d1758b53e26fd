"""The settings of the slim container: where its token comes from, and how the server is started."""

from pathlib import Path

import pytest

from deploy.environment import SettingsError
from deploy.slim import command, read_secrets
from ensemble import variables
from server.__main__ import parse

TOKEN_FILE = variables.TOKEN + variables.FILE


def test_the_first_start_makes_a_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = read_secrets({}, tmp_path)
    token = made[variables.TOKEN]
    assert made == {variables.TOKEN: token} and len(token) > 40
    assert (tmp_path / "token").read_text() == f"{token}\n"
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert read_secrets({}, tmp_path) == made
    said = capsys.readouterr().err
    assert f"is in {tmp_path / 'token'}" in said and token not in said


def test_a_token_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("from-a-file\n")
    environment = {TOKEN_FILE: str(tmp_path / "mine"), variables.READ_TOKEN: "reads", variables.TOKENS: ""}
    data = tmp_path / "volume"
    assert read_secrets(environment, data) == {variables.TOKEN: "from-a-file", variables.READ_TOKEN: "reads"}
    assert not data.exists()


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"{tmp_path / 'none' / 'token'} cannot be written as user"):
        read_secrets({}, tmp_path / "none")
    with pytest.raises(SettingsError, match="has spaces"):
        read_secrets({variables.TOKEN: "two words"}, tmp_path)
    with pytest.raises(SettingsError, match="MINTMARK_CORES is 'many'"):
        command({variables.CORES: "many"})
    with pytest.raises(SettingsError, match="belong together"):
        command({variables.TLS_CERT_FILE: "/run/secrets/web.pem"})


def test_the_server_faces_the_network_with_its_gateway_alone(tmp_path: Path) -> None:
    environment = {
        variables.WEB_NAME: "coins.example coins.local",
        variables.CORES: "3",
        variables.TLS_CERT_FILE: "/c.pem",
        variables.TLS_KEY_FILE: "/k.pem",
    }
    options = parse(command(environment, tmp_path))
    assert (options.web_host, options.web_name) == ("0.0.0.0", ["coins.example", "coins.local"])
    assert (options.http, options.no_restart, options.cores) == (False, True, 3)
    assert (options.tls_cert, options.tls_key) == (Path("/c.pem"), Path("/k.pem"))
    assert options.log == tmp_path / "server.log"
    assert parse(command({}, tmp_path)).catalog == "/var/lib/mintmark/catalog"
