"""The command `mintmark`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from mintmark._cli import catalog, enroll, evaluate, recognize
from mintmark._client import DEFAULT_URL, Client
from mintmark._errors import MintmarkError

Connect = Callable[[argparse.Namespace], Client]


def main(argv: Sequence[str] | None = None, connect: Connect | None = None) -> int:
    """Run one command and give its exit code: 0, or 1 after an error. Wrong usage exits with 2.

    `connect` makes the client from the options `url`, `timeout` and `tls`, for tests.
    """
    args = _parser().parse_args(argv)
    try:
        with (connect or _connect)(args) as client:
            code: int = args.run(client, args)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has left: `mintmark list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (MintmarkError, OSError) as error:
        print(f"mintmark: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("mintmark: interrupted", file=sys.stderr)
        return 130
    return code


def _connect(args: argparse.Namespace) -> Client:
    return Client(args.url, timeout=args.timeout, token=os.environ.get("MINTMARK_TOKEN"), tls=args.tls)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mintmark", description="Recognize coins with a Mintmark server.")
    _add_connection(parser, os.environ.get("MINTMARK_URL", DEFAULT_URL), 30.0, False)
    common = argparse.ArgumentParser(add_help=False)  # the same after the command, where it overrides only if given
    _add_connection(common, argparse.SUPPRESS, argparse.SUPPRESS, argparse.SUPPRESS)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (recognize, enroll, catalog, evaluate):
        module.add_commands(commands, common)
    return parser


def _add_connection(parser: argparse.ArgumentParser, url: str, timeout: float | str, tls: bool | str) -> None:
    parser.add_argument("--url", default=url, metavar="HOST:PORT", help="gRPC address (MINTMARK_URL, localhost:8001)")
    parser.add_argument("--timeout", type=float, default=timeout, metavar="S", help="seconds for each request (30)")
    parser.add_argument("--tls", action="store_true", default=tls, help="encrypt the connection")
