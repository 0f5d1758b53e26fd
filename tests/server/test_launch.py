"""The one command line of Triton: what it says by default, and what a description adds."""

from dataclasses import replace
from pathlib import Path

from server.__main__ import log_of
from server.launch import Launch, Ports, triton_command

LAUNCH = Launch("tritonserver", Path("/models"), Path("/run/sockets"))


def options(launch: Launch) -> dict[str, str]:
    """Value of each option; the last one where an option is given several times."""
    binary, *arguments = triton_command(launch)
    assert binary == launch.binary
    return dict(argument.removeprefix("--").partition("=")[::2] for argument in arguments)


def test_it_listens_on_sockets_alone() -> None:
    given = options(LAUNCH)
    addresses = {name: value for name, value in given.items() if name.endswith("-address")}
    assert set(addresses) == {"grpc-address", "http-address", "metrics-address"}
    assert all(value.startswith("unix:/run/sockets/") for value in addresses.values())
    assert given["strict-readiness"] == "true" and given["model-control-mode"] == "none"
    assert given["exit-on-error"] == "false"
    assert not [name for name in given if "restricted" in name or "ssl" in name or "memory-pool" in name]


def test_traces_are_written_where_a_file_is_named() -> None:
    assert options(LAUNCH)["trace-config"] == "level=OFF"
    settings = [argument for argument in triton_command(replace(LAUNCH, trace=Path("/t"))) if "trace" in argument]
    assert settings == ["--trace-config=triton,file=/t", "--trace-config=level=TIMESTAMPS", "--trace-config=rate=5"]


def test_servers_on_other_ports_have_logs_of_their_own() -> None:
    assert log_of(Ports()) == log_of(Ports(http=9000)) == Path("data/server.log")
    assert log_of(Ports(grpc=9001)) == Path("data/server-9001.log")
