"""The one command line of Triton: what it says by default, and what a description adds."""

from dataclasses import replace
from pathlib import Path

import pytest

from server import EmbeddedServer, Ports, Tls
from server.launch import ADMIN_HEADER, OPERATOR_ENDPOINTS, Closed, Launch, triton_command
from server.wheel import Wheel
from tests.certificates import make_certificates

LAUNCH = Launch("tritonserver", Path("/models"), Ports(1, 2, 3))


def options(launch: Launch) -> dict[str, str]:
    """Value of each option; the last one where an option is given several times."""
    binary, *arguments = triton_command(launch)
    assert binary == launch.binary
    return dict(argument.removeprefix("--").partition("=")[::2] for argument in arguments)


def test_it_listens_on_loopback_and_nothing_is_closed_unless_the_description_says_so() -> None:
    given = options(LAUNCH)
    assert {given[f"{kind}-address"] for kind in ("grpc", "http", "metrics")} == {"127.0.0.1"}
    assert [given[f"{kind}-port"] for kind in ("grpc", "http", "metrics")] == ["1", "2", "3"]
    assert given["strict-readiness"] == "true" and given["model-control-mode"] == "none"
    assert given["exit-on-error"] == "false"
    assert not [name for name in given if "restricted" in name or "ssl" in name or "pool" in name]


def test_traces_are_written_where_a_file_is_named() -> None:
    assert options(LAUNCH)["trace-config"] == "level=OFF"
    settings = [argument for argument in triton_command(replace(LAUNCH, trace=Path("/t"))) if "trace" in argument]
    assert settings == ["--trace-config=triton,file=/t", "--trace-config=level=TIMESTAMPS", "--trace-config=rate=5"]


def test_a_key_is_not_shown() -> None:
    closed = Closed(OPERATOR_ENDPOINTS, "the-key-of-the-operator")
    assert closed.key not in repr(replace(LAUNCH, closed_grpc=closed, closed_http=closed))


@pytest.mark.parametrize("encrypted", [False, True])
def test_the_embedded_server_closes_http_where_grpc_speaks_tls(tmp_path: Path, encrypted: bool) -> None:
    pem = make_certificates(tmp_path)
    tls = Tls(pem / "server.pem", pem / "server.key") if encrypted else None
    given = options(EmbeddedServer(tmp_path, tls=tls)._describe(Wheel(tmp_path), tmp_path))
    assert given["grpc-address"] == given["http-address"] == "127.0.0.1"
    assert ("grpc-use-ssl" in given) is encrypted
    assert "grpc-restricted-protocol" not in given
    closed = given.get("http-restricted-api", "")
    assert closed.startswith(f"inference,{','.join(OPERATOR_ENDPOINTS)}:{ADMIN_HEADER}=" if encrypted else "")
    assert bool(closed) is encrypted
