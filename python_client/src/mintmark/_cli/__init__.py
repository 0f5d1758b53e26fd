"""The command `mintmark`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from mintmark import __version__
from mintmark._cli import (
    alike,
    calibrate,
    catalog,
    colour,
    completion,
    enroll,
    evaluate,
    history,
    listing,
    recognize,
    reembed,
    transfer,
)
from mintmark._cli.output import INTERRUPTED, complain
from mintmark._cli.terminal import guarded
from mintmark._client import DEFAULT_TIMEOUT, DEFAULT_URL, Client
from mintmark._contract import READ_TOKEN_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE
from mintmark._errors import MintmarkError
from mintmark._transports.tls import Tls

# In the order of the help: photos, the catalog, its measures, the shell.
_MODULES = (
    recognize, enroll, listing, catalog, history, alike, transfer, reembed, calibrate, evaluate, completion
)  # fmt: skip

Connect = Callable[[argparse.Namespace], Client]


def main(argv: Sequence[str] | None = None, connect: Connect | None = None) -> int:
    """Run one command and return its exit code: 0, 1 after an error, 130 if interrupted. Wrong usage exits with 2.

    `connect` makes the client from the connection's options; tests replace it.
    """
    with guarded():
        return _run(make_parser().parse_args(argv), connect or _connect)


def _run(args: argparse.Namespace, connect: Connect) -> int:
    try:
        with connect(args) as client:
            code: int = args.run(client, args)
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads the output any more: `mintmark list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (MintmarkError, OSError) as error:
        complain(colour.error(str(error)))
        return 1
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    return code


def _connect(args: argparse.Namespace) -> Client:
    token = os.environ.get(TOKEN_VARIABLE) or os.environ.get(READ_TOKEN_VARIABLE)
    return Client(args.url, timeout=args.timeout, token=token, tls=_tls(args))


def _tls(args: argparse.Namespace) -> bool | Tls:
    files = Tls(args.tls_ca, args.tls_cert, args.tls_key)
    return files if files != Tls() else bool(args.tls)


def make_parser() -> argparse.ArgumentParser:
    """The command line: every command and its options."""
    parser = argparse.ArgumentParser(prog="mintmark", description="Recognize coins with a Mintmark server.")
    _add_connection(parser)
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    _add_connection(common)  # the same options after the command override those before it, if given
    parser.set_defaults(
        url=os.environ.get(URL_VARIABLE) or DEFAULT_URL,
        timeout=DEFAULT_TIMEOUT,
        tls=False,
        tls_ca=None,
        tls_cert=None,
        tls_key=None,
    )
    parser.add_argument("--version", action="version", version=f"mintmark {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in _MODULES:
        module.add_commands(commands, common)
    return parser


def _add_connection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("connection")
    group.add_argument("--url", metavar="HOST:PORT", help=f"gRPC address ({URL_VARIABLE}, {DEFAULT_URL})")
    group.add_argument("--timeout", type=float, metavar="S", help=f"seconds for each request ({DEFAULT_TIMEOUT:g})")
    group.add_argument("--tls", action="store_true", default=argparse.SUPPRESS, help="encrypt the connection")
    group.add_argument("--tls-ca", metavar="FILE", help="PEM of the authorities to trust (the system's); implies --tls")
    group.add_argument(
        "--tls-cert", metavar="FILE", help="PEM of the client's certificate, for mutual TLS; implies --tls"
    )
    group.add_argument("--tls-key", metavar="FILE", help="PEM of the key of that certificate; implies --tls")
