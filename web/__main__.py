"""Runs the gateway: `python -m web --url HOST:PORT`. Ctrl-C or SIGTERM stops it."""

import argparse
import contextlib
import ipaddress
import math
import os
import signal
import sys
from pathlib import Path

from ensemble import variables
from ensemble.tracing import collector
from mintmark import DEFAULT_URL, Client, MintmarkError, Tls
from web.proxies import network_of
from web.settings import LOOPBACK, Settings, limits

try:
    from web.serving import Announced, Certificates, configured, in_header
    from web.tracing import send_to
except ModuleNotFoundError as missing:
    sys.exit(f"error: the gateway needs {missing.name}: install requirements/serve.txt")

MOST_PORT = 65_535
TIMEOUT = 20.0  # s, for one request to the server


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m web", description=__doc__)
    parser.add_argument(
        "--url",
        default=os.environ.get(variables.URL) or DEFAULT_URL,
        help=f"HOST:PORT of the server's gRPC port ({variables.URL}, else {DEFAULT_URL})",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=8080, help="%(default)s")
    parser.add_argument(
        "--name", action="append", default=[], help="by which browsers ask, such as coins.example; may be repeated"
    )
    parser.add_argument(
        "--proxy",
        action="append",
        default=[],
        type=_network,
        metavar="ADDRESS",
        help="of a proxy that says whom it asks for, or a network of proxies; may be repeated",
    )
    parser.add_argument("--tls-cert", type=Path, help="the gateway's certificate, PEM")
    parser.add_argument("--tls-key", type=Path, help="its key")
    parser.add_argument(
        "--tls-client-ca", type=Path, help="only browsers with a certificate of this authority may connect"
    )
    server = parser.add_argument_group("the server, where it speaks TLS")
    server.add_argument("--server-tls", action="store_true", help="encrypt the connection to it")
    server.add_argument(
        "--server-tls-ca", type=Path, help="PEM of the authorities to trust (the system's); implies --server-tls"
    )
    server.add_argument(
        "--server-tls-cert",
        type=Path,
        help="PEM of the gateway's certificate before it, for mutual TLS; implies --server-tls",
    )
    server.add_argument("--server-tls-key", type=Path, help="PEM of the key of that certificate")
    parser.add_argument(
        "--traces",
        type=collector,
        default=os.environ.get(variables.TRACES) or None,
        metavar="URL",
        help=f"OpenTelemetry collector for traces, such as http://localhost:4318 ({variables.TRACES})",
    )
    group = parser.add_argument_group("limits")
    for one in limits():
        kind = _whole if isinstance(one.default, int) else _number
        said = f"{one.metadata['doc']} ({one.default:,.0f})"
        group.add_argument(f"--{one.name.replace('_', '-')}", type=kind, default=one.default, metavar="N", help=said)
    options = parser.parse_args(argv)
    if (options.tls_cert is None) != (options.tls_key is None) or (options.tls_client_ca and not options.tls_cert):
        parser.error("--tls-cert and --tls-key belong together, and --tls-client-ca to them")
    if (options.server_tls_cert is None) != (options.server_tls_key is None):
        parser.error("--server-tls-cert and --server-tls-key belong together")
    return options


def _port(text: str) -> int:
    """A port, for argparse; 0 picks a free one."""
    if not (text.isascii() and text.isdecimal() and int(text[:6]) <= MOST_PORT):
        raise argparse.ArgumentTypeError(f"must be a port up to {MOST_PORT}, not {text[:20]!r}")
    return int(text)


def _whole(text: str) -> int:
    """A whole number from 1 on, for argparse."""
    if not (text.isascii() and text.isdecimal() and int(text[:18]) >= 1):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, not {text[:20]!r}")
    return int(text[:18])


def _number(text: str) -> float:
    """A number above 0, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text[:20]!r}")
    return number


def _network(text: str) -> str:
    """An address or a network, for argparse."""
    try:
        return str(network_of(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be an address or a network: {error}") from error


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings that the command line says."""
    named = [*options.name, *([] if _is_every(options.host) else [in_header(options.host)])]
    return Settings(tuple(named), tuple(options.proxy), **{one.name: getattr(options, one.name) for one in limits()})


def _tls(options: argparse.Namespace) -> Certificates | None:
    return Certificates(options.tls_cert, options.tls_key, options.tls_client_ca) if options.tls_cert else None


def _server_tls(options: argparse.Namespace) -> bool | Tls:
    files = Tls(options.server_tls_ca, options.server_tls_cert, options.server_tls_key)
    return files if files != Tls() else bool(options.server_tls)


def _is_every(host: str) -> bool:
    return host in ("0.0.0.0", "::", "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK


def main(argv: list[str] | None = None) -> int:
    """Command line; runs the gateway until a signal stops it."""
    options = parse(argv)

    def connect(token: str) -> Client:
        return Client(options.url, token=token or None, timeout=TIMEOUT, tls=_server_tls(options))

    if options.traces:
        send_to(options.traces)
    try:
        connect("").close()
        server = Announced(configured(settings_of(options), connect, options.host, options.port, _tls(options)))
        server.config.load()
    except (MintmarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.tls_cert is None and not _is_loopback(options.host):
        print("warning: without --tls-cert, tokens go over the network for everybody to read", file=sys.stderr)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C; uvicorn passes it on when all is closed
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
