"""The command `python -m web`."""

import pytest

from ensemble import variables
from web.__main__ import main, parse, settings_of
from web.settings import Settings, limits


def test_it_listens_on_loopback_and_asks_the_server_of_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variables.URL, "coins:9000")
    options = parse([])
    assert (options.url, options.host, options.port) == ("coins:9000", "127.0.0.1", 8080)
    assert settings_of(options) == Settings(names=("127.0.0.1",))


def test_names_are_those_that_are_said_and_the_address() -> None:
    assert settings_of(parse(["--host", "192.0.2.1", "--name", "coins.example"])).names == (
        "coins.example",
        "192.0.2.1",
    )
    assert settings_of(parse(["--host", "2001:db8::1"])).names == ("[2001:db8::1]",)
    assert settings_of(parse(["--host", "0.0.0.0"])).names == ()


def test_limits_and_proxies_are_settings() -> None:
    """Every limit has an option."""
    argv = [word for one in limits() for word in (f"--{one.name.replace('_', '-')}", "7")]
    settings = settings_of(parse([*argv, "--proxy", "10.0.0.2", "--proxy", "192.0.2.0/24"]))
    assert all(getattr(settings, one.name) == 7 for one in limits())
    assert settings.proxies == ("10.0.0.2/32", "192.0.2.0/24")


@pytest.mark.parametrize(
    "argv",
    [
        *(["--port", "65536"], ["--port", "-1"], ["--port", "http"]),
        *(["--tls-cert", "a.pem"], ["--tls-client-ca", "a.pem"]),
        *(["--frames", "0"], ["--frames", "nan"], ["--frames", "many"], ["--in-flight", "1.5"], ["--in-flight", "0"]),
        *(["--proxy", "coins.example"], ["--proxy", "10.0.0.0/33"]),
    ],
)
def test_wrong_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        parse(argv)
    assert exit_info.value.code == 2


@pytest.mark.parametrize(
    "argv", [["--url", "http://localhost:8001"], ["--tls-cert", "missing.pem", "--tls-key", "missing.key"]]
)
def test_what_cannot_work_is_an_error_at_once(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 1
    assert capsys.readouterr().err.startswith("error: ")
