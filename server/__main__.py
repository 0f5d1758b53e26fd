"""Runs the server on this machine: `python -m server`. Ctrl-C or SIGTERM stops it."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from tqdm import tqdm

from ensemble import variables
from ensemble.contract import MODELS
from ensemble.graph import Target
from ensemble.tracing import collector
from server.embedded import EmbeddedServer
from server.gateway import PORT as GATEWAY_PORT
from server.gateway import Web, missing_package
from server.launch import LOOPBACK, Ports
from server.phone.invitation import PORT as PHONE_PORT
from server.phone.invitation import invite
from server.tls import Tls
from server.wheel import ServerError

MOST_PORT = 65_535
MOST_DRAIN = 600  # s
LOGS = Path("data")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m server", description=__doc__)
    parser.add_argument(
        "--catalog",
        default="data/catalog",
        help="folder of the catalog, or milvus://HOST:PORT/COLLECTION (%(default)s)",
    )
    parser.add_argument("--index", default="", help=f"kind of the index, such as HNSW32 ({variables.INDEX}, else Flat)")
    parser.add_argument("--grpc-port", type=_port, default=Ports.grpc, help="%(default)s")
    parser.add_argument("--http", action="store_true", help="HTTP as well, for programs of this machine")
    parser.add_argument("--http-port", type=_port, default=Ports.http, help="%(default)s")
    parser.add_argument("--metrics-port", type=_port, default=Ports.metrics, help="%(default)s")
    parser.add_argument("--free-ports", action="store_true", help="pick free ports, that of the gateway too")
    parser.add_argument(
        "--web",
        action=argparse.BooleanOptionalAction,
        help="the gateway for browsers, see docs/web.md (on where its packages are installed)",
    )
    parser.add_argument("--web-host", default=LOOPBACK, metavar="ADDRESS", help="that it listens on (%(default)s)")
    parser.add_argument("--web-port", type=_port, metavar="PORT", help=f"{GATEWAY_PORT}; {PHONE_PORT} for --phone")
    parser.add_argument(
        "--web-name", action="append", default=[], metavar="NAME", help="by which browsers ask it; may be repeated"
    )
    parser.add_argument(
        "--phone", action="store_true", help="let a phone of the same network in, with a certificate made on the spot"
    )
    parser.add_argument(
        "--target",
        type=Target,
        choices=(Target.CPU, Target.RTX),
        default=Target.CPU,
        metavar="{cpu,rtx}",
        help="rtx computes on a GPU and needs requirements/rtx.txt and engines (cpu)",
    )
    parser.add_argument("--cores", type=_cores, help="CPU cores to use (all that this machine or container may use)")
    parser.add_argument(
        "--log", type=Path, help=f"Triton's log ({LOGS}/server.log; on another gRPC port {LOGS}/server-PORT.log)"
    )
    parser.add_argument(
        "--tls-cert", type=Path, help="the server's certificate, PEM: gRPC and the gateway are encrypted"
    )
    parser.add_argument("--json-log", action="store_true", help="the log is JSON lines")
    parser.add_argument(
        "--audit",
        type=Path,
        help=f"file of the audit log: changes and refused tokens, as JSON lines; - for the output ({variables.AUDIT})",
    )
    parser.add_argument(
        "--traces",
        type=collector,
        metavar="URL",
        help=f"OpenTelemetry collector for traces, such as http://localhost:4318 ({variables.TRACES})",
    )
    parser.add_argument("--tls-key", type=Path, help="its key")
    parser.add_argument(
        "--tls-client-ca", type=Path, help="only clients with a certificate of this authority may connect"
    )
    parser.add_argument(
        "--no-restart", action="store_true", help="end when a part of the server has ended, for who starts it again"
    )
    parser.add_argument(
        "--drain",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="when it is to stop, say that it is not ready and serve on, until balancers know (%(default)g)",
    )
    options = parser.parse_args(argv)
    if (options.tls_cert is None) != (options.tls_key is None) or (options.tls_client_ca and not options.tls_cert):
        parser.error("--tls-cert and --tls-key belong together, and --tls-client-ca to them")
    if options.phone and (options.web is False or options.tls_cert):
        parser.error("--phone is about the gateway, with a certificate of its own: leave out --no-web and --tls-cert")
    return options


def _port(text: str) -> int:
    """A port, for argparse."""
    if not (text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= MOST_PORT):
        raise argparse.ArgumentTypeError(f"must be a port from 1 to {MOST_PORT}, not {text[:20]!r}")
    return int(text)


def _seconds(text: str) -> float:
    """A time, for argparse."""
    if not (text.isascii() and text.isdecimal() and int(text[:6]) <= MOST_DRAIN):
        raise argparse.ArgumentTypeError(f"must be a number of seconds up to {MOST_DRAIN}, not {text[:20]!r}")
    return float(text[:6])


def _cores(text: str) -> int:
    """A number of cores, for argparse."""
    if not (text.isascii() and text.isdecimal() and int(text[:6]) >= 1):
        raise argparse.ArgumentTypeError(f"must be a number of cores from 1 on, not {text[:20]!r}")
    return int(text[:6])


def _path(variable: str) -> Path | None:
    return Path(os.environ[variable]) if os.environ.get(variable) else None


def _tls(options: argparse.Namespace) -> Tls | None:
    return Tls(options.tls_cert, options.tls_key, options.tls_client_ca) if options.tls_cert else None


def _web(options: argparse.Namespace) -> Web | None:
    """How browsers ask; None where the gateway is off, or could not start and nobody asked for it."""
    if options.web is None and (package := missing_package()):
        _say(f"no gateway for browsers: it needs {package}, see requirements/serve.txt")
        return None
    if options.web is False:
        return None
    return Web(options.web_host, _web_port(options, GATEWAY_PORT), tuple(options.web_name), _tls(options))


def _web_port(options: argparse.Namespace, usual: int) -> int:
    return options.web_port or (0 if options.free_ports else usual)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    for each in (signal.SIGTERM, signal.SIGINT):  # a second one must not leave processes behind
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def log_of(ports: Ports) -> Path:
    """Where the log of a server on these ports goes: servers beside each other do not share one."""
    return LOGS / ("server.log" if ports.grpc == Ports.grpc else f"server-{ports.grpc}.log")


def main(argv: list[str] | None = None) -> int:
    """Command line; runs the server until a signal stops it. Exit status 1 where the server fails."""
    options = parse(argv)
    if options.traces:
        os.environ[variables.TRACES] = options.traces  # of the gateway, too
    ports = Ports.free() if options.free_ports else Ports(options.grpc_port, options.http_port, options.metrics_port)
    log, begun = options.log or log_of(ports), time.time()
    index = {variables.INDEX: options.index} if options.index else {}
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell starts background jobs with SIGINT ignored
        signal.signal(number, _interrupt)
    try:
        phone = invite(os.environ, _web_port(options, PHONE_PORT)) if options.phone else None
        web = phone.web if phone else _web(options)
        with tqdm(total=len(MODELS), desc="loading models", unit="model", leave=False) as bar:

            def show(loaded: int) -> None:
                bar.update(loaded - bar.n)

            server = EmbeddedServer(
                options.catalog,
                ports,
                options.cores,
                log=log,
                progress=show,
                environment={**index, **(phone.tokens if phone else {})},
                target=options.target,
                tls=_tls(options),
                http=options.http,
                restart=not options.no_restart,
                say=_say,
                web=web,
                audit=options.audit or _path(variables.AUDIT),
                json_log=options.json_log or os.environ.get(variables.LOG_FORMAT) == "json",
                drain=options.drain,
            )
            server.start()
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        if log.is_file() and log.stat().st_mtime >= begun:
            print(f"Triton's log: {log}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    try:
        http = f", HTTP http://127.0.0.1:{ports.http}" if options.http else ""
        print(f"ready: gRPC {server.url}{http}, metrics http://127.0.0.1:{ports.metrics}/metrics", flush=True)
        print(f"catalog: {server.location}   stop with Ctrl-C", flush=True)
        if server.web_address:
            print(f"browser: {server.web_address}", flush=True)
        if phone:
            print(phone.text(int(server.web_address.rpartition(":")[2])), flush=True)
        server.watch()
    except ServerError as error:
        _say(f"error: {error}")
    except KeyboardInterrupt:
        print("\nstopping …", flush=True)
        return 0
    finally:
        server.stop()
    return 1


if __name__ == "__main__":
    sys.exit(main())
